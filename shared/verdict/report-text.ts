/** The report as text, for a terminal. */
import type { VerdictReport } from '../contracts/verdict.ts';
import { totalFlops } from './area.ts';
import { ARM_LABELS } from './report-charts.ts';
import { gigaflops, points, probability } from './sentences.ts';

/** Columns padded to their widest cell: the first to the left, the others to the right. */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((r) => (r[i] ?? '').length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((c, i) => (i === 0 ? c.padEnd(widths[i]!) : c.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [line(head), ...rows.map(line)].join('\n');
}

export function reportText(report: VerdictReport): string {
  const { arms, comparisons, problems, protocol, status, verdict } = report;
  const { alpha, name, seeds } = protocol.protocol;
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const armRows = arms.map(({ arm, metric, notRun, runs }) => {
    const values = metric.filter((m) => m !== null);
    if (values.length === 0) return [ARM_LABELS[arm], notRun ?? 'not run'];
    const m = mean(values);
    const sd = Math.sqrt(values.reduce((a, v) => a + (v - m) ** 2, 0) / (values.length - 1));
    return [
      ARM_LABELS[arm],
      `${(m * 100).toFixed(2)} %`,
      values.length > 1 ? points(sd).slice(1) : 'unmeasured',
      String(Math.round(mean(runs.map((r) => r.parameters)))),
      String(Math.round(mean(runs.map((r) => r.steps)))),
      gigaflops(mean(runs.map(totalFlops))),
    ];
  });
  const comparisonRows = comparisons.map((c) => [
    ARM_LABELS[c.control],
    c.outcome,
    points(c.mean),
    `${points(c.interval.low)} to ${points(c.interval.high)}`,
    probability(c.pAdjusted),
    probability(c.pEquivalence),
    points(c.detectable).slice(1),
  ]);
  const level = Math.round((1 - alpha) * 100);
  return [
    `${name}: growth and its controls, ${seeds} seeds, on ${protocol.adapter}`,
    '',
    textTable(['arm', 'mean', 'sd', 'parameters', 'steps', 'compute'], armRows),
    '',
    textTable(
      [
        'growth against',
        'finding',
        'difference',
        `${level} % interval`,
        'p (Holm)',
        'p (equivalent)',
        'detectable',
      ],
      comparisonRows,
    ),
    '',
    ...(status === 'interrupted' ? ['Interrupted: only runs that had ended are judged.'] : []),
    verdict.sentence,
    ...(problems.length > 0 ? ['', 'Failed or left out:', ...problems.map((p) => `  ${p}`)] : []),
  ].join('\n');
}
