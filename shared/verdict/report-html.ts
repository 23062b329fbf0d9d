/**
 * The report as one HTML file that needs nothing else: no script, no font, no address. It shows
 * what failed in the same style as what succeeded.
 */
import type { ArmSummary, Comparison, VerdictReport } from '../contracts/verdict.ts';
import { totalFlops } from './area.ts';
import {
  ARM_LABELS,
  armChart,
  computeChart,
  differenceChart,
  escapeHtml,
} from './report-charts.ts';
import { gigaflops, points, probability } from './sentences.ts';

export interface HtmlOptions {
  /** `auto` follows the reader's system. */
  theme?: 'auto' | 'light' | 'dark';
}

const LIGHT = `--page:#fff;--ink:#1b1f24;--soft:#57606a;--rule:#d0d7de;--panel:#f6f8fa;--band:#dbe4ee;--better:#1a7f37;--worse:#cf222e;--equivalent:#0969da;--undecided:#6e7781;--a1:#0969da;--a2:#6e7781;--a3:#bc4c00;--a4:#8250df;--a5:#bf3989;--a6:#1a7f37;--a7:#9a6700`;
const DARK = `--page:#0d1117;--ink:#e6edf3;--soft:#9aa4af;--rule:#30363d;--panel:#161b22;--band:#223044;--better:#3fb950;--worse:#ff7b72;--equivalent:#58a6ff;--undecided:#9aa4af;--a1:#58a6ff;--a2:#9aa4af;--a3:#f0883e;--a4:#bc8cff;--a5:#ff7bbd;--a6:#3fb950;--a7:#d29922`;

const ARMS_IN_ORDER = Object.keys(ARM_LABELS);

const STYLE = `
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1.5rem 1rem 3rem;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.3rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
.answer{font-size:1.25rem;font-weight:600;border-left:.4rem solid var(--undecided);padding:.5rem .9rem;background:var(--panel);margin:1rem 0}
.answer.paid{border-color:var(--better)}.answer.hurt{border-color:var(--worse)}.answer.no-difference{border-color:var(--equivalent)}
.soft,figcaption{color:var(--soft);font-size:.875rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.3rem .6rem;border-bottom:1px solid var(--rule);white-space:nowrap}
th:first-child,td:first-child,td.text,th.text{text-align:left}th{font-weight:600}
figure{margin:1rem 0}svg{width:100%;height:auto;min-width:0}
svg text{fill:var(--ink);font-size:12px}svg .tick{fill:var(--soft);font-size:11px}
.grid{stroke:var(--rule);stroke-width:1}.zero{stroke:var(--ink);stroke-width:1}.band{fill:var(--band)}
.dot{fill-opacity:.55;fill:var(--soft)}.mean{stroke:var(--ink);stroke-width:2}
.line{fill:none;stroke-width:2}.interval{stroke-width:3}
${['better', 'worse', 'equivalent', 'undecided'].map((o) => `span.${o}{color:var(--${o})}svg .${o}{stroke:var(--${o});fill:var(--${o})}`).join('')}
${ARMS_IN_ORDER.map((arm, i) => `.dot.arm-${arm}{fill:var(--a${i + 1})}.line.arm-${arm}{stroke:var(--a${i + 1})}`).join('')}
code{overflow-wrap:anywhere;font-size:.8125rem}ul{padding-left:1.2rem}
`;

/** @returns A whole HTML document. */
export function reportHtml(report: VerdictReport, { theme = 'auto' }: HtmlOptions = {}): string {
  const { problems, protocol, status, verdict } = report;
  const { description, name } = protocol.protocol.experiment;
  const fixed = theme === 'auto' ? '' : ` data-theme="${theme}"`;
  const colours =
    theme === 'auto'
      ? `:root{color-scheme:light dark;${LIGHT}}@media(prefers-color-scheme:dark){:root{${DARK}}}`
      : `:root{color-scheme:${theme};${theme === 'dark' ? DARK : LIGHT}}`;
  const title = `Verdict: ${protocol.protocol.name}`;
  return `<!doctype html>
<html lang="en"${fixed}><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)}</title><style>${colours}${STYLE}</style></head><body><main>
<h1>${escapeHtml(title)}</h1>
<p class="soft">Does growing pay on “${escapeHtml(name)}”? ${escapeHtml(description ?? '')}</p>
${status === 'interrupted' ? '<p><strong>Interrupted:</strong> only the runs that had ended are judged.</p>' : ''}
<p class="answer ${verdict.outcome}">${escapeHtml(verdict.sentence)}</p>
<ul>${verdict.details.map((d) => `<li>${escapeHtml(d)}</li>`).join('')}</ul>
<h2>Growth against its controls</h2>
${differenceChart(report)}
${comparisonTable(report)}
<h2>The arms</h2>
${armChart(report)}
${armTable(report)}
<h2>Accuracy over compute</h2>
${computeChart(report)}
<h2>What failed or was left out</h2>
${problems.length === 0 ? '<p>Nothing: every run of every arm ended as it should.</p>' : `<ul>${problems.map((p) => `<li>${escapeHtml(p)}</li>`).join('')}</ul>`}
<h2>Every run</h2>
${runTable(report)}
<h2>Protocol</h2>
${protocolText(report)}
</main></body></html>
`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, row: readonly string[]) =>
    row.map((c) => `<${tag}${tag === 'th' ? ' scope="col"' : ''}>${c}</${tag}>`).join('');
  return `<div class="scroll" tabindex="0"><table><thead><tr>${cells('th', head)}</tr></thead><tbody>${rows.map((r) => `<tr>${cells('td', r)}</tr>`).join('')}</tbody></table></div>`;
}

const share = (value: number | null) =>
  value === null ? 'unmeasured' : `${(value * 100).toFixed(2)} %`;

function comparisonTable({ comparisons, protocol }: VerdictReport): string {
  if (comparisons.length === 0) return '<p>No pair of runs has ended yet.</p>';
  const level = Math.round((1 - protocol.protocol.alpha) * 100);
  const head = [
    'control',
    'finding',
    'mean difference',
    `${level} % interval`,
    'p (Holm)',
    'p (raw)',
    'p (paired t)',
    'p (equivalence)',
    'effect size',
    'rank biserial',
    'detectable',
    'seeds',
  ];
  return table(head, comparisons.map(comparisonRow));
}

function comparisonRow(c: Comparison): string[] {
  return [
    ARM_LABELS[c.control],
    `<span class="${c.outcome}">${c.outcome}</span>`,
    points(c.mean),
    `${points(c.interval.low)} to ${points(c.interval.high)}`,
    probability(c.pAdjusted),
    probability(c.p),
    probability(c.pStudent),
    probability(c.pEquivalence),
    c.effectSize === null ? 'no spread' : c.effectSize.toFixed(2),
    c.rankBiserial.toFixed(2),
    points(c.detectable).slice(1),
    String(c.seeds.length),
  ];
}

const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

function armTable({ arms }: VerdictReport): string {
  const head = [
    'arm',
    'mean',
    'sd',
    'parameters',
    'steps',
    'compute',
    'of it decisions',
    'germinated',
    'kept',
    'culled',
    'seconds a run',
    'runs',
  ];
  return table(head, arms.map(armRow));
}

function armRow({ arm, metric, notRun, runs }: ArmSummary): string[] {
  if (runs.length === 0) {
    const why = escapeHtml(notRun ?? 'not run yet');
    return [ARM_LABELS[arm], why, ...new Array<string>(9).fill(''), '0'];
  }
  const values = metric.filter((m) => m !== null);
  const mean = values.length > 0 ? meanOf(values) : null;
  const sd =
    values.length > 1
      ? Math.sqrt(values.reduce((a, v) => a + (v - mean!) ** 2, 0) / (values.length - 1))
      : null;
  const of = (pick: (run: ArmSummary['runs'][number]) => number) => meanOf(runs.map(pick));
  const whole = (value: number) => String(Math.round(value));
  return [
    ARM_LABELS[arm],
    share(mean),
    sd === null ? 'unmeasured' : points(sd).slice(1),
    whole(of((r) => r.parameters)),
    whole(of((r) => r.steps)),
    gigaflops(of(totalFlops)),
    gigaflops(of((r) => r.flops.decisions)),
    of((r) => r.germinated).toFixed(1),
    of((r) => r.fossilized).toFixed(1),
    of((r) => r.culled).toFixed(1),
    of((r) => r.seconds).toFixed(1),
    String(runs.length),
  ];
}

function runTable({ arms }: VerdictReport): string {
  const head = [
    'arm',
    'seed',
    'status',
    'test accuracy',
    'parameters',
    'widths',
    'steps',
    'compute',
    'digest',
  ];
  return table(
    head,
    arms.flatMap(({ arm, runs }) =>
      runs.map((run) => [
        ARM_LABELS[arm],
        String(run.seed),
        run.status,
        share(run.accuracy),
        String(run.parameters),
        run.widths === null ? 'as configured' : run.widths.join('-'),
        String(run.steps),
        gigaflops(totalFlops(run)),
        `<code>${escapeHtml(run.digest.replace('sha256:', '').slice(0, 12))}</code>`,
      ]),
    ),
  );
}

function protocolText({ protocol, seconds }: VerdictReport): string {
  const { alpha, firstSeed, margin, metric, seeds } = protocol.protocol;
  const rows = [
    ['seeds', `${firstSeed} to ${firstSeed + seeds - 1}`],
    ['metric', metric],
    ['margin', `${points(margin).slice(1)}`],
    ['alpha', String(alpha)],
    ['data', protocol.data],
    ['adapter', protocol.adapter],
    ['protocol', `sha256:${protocol.hash}`],
    ['shaders', protocol.shaders],
    ['program', protocol.code ?? 'not hashed in the page'],
    ['time', `${seconds.toFixed(0)} s in this sitting`],
  ];
  const body = rows.map(
    ([k, v]) => `<tr><td>${k}</td><td class="text"><code>${escapeHtml(v!)}</code></td></tr>`,
  );
  return `<p class="soft">Fixed and hashed before the first run; runs of one seed share data and their order.</p><div class="scroll" tabindex="0"><table><tbody>${body.join('')}</tbody></table></div><details><summary>The experiment</summary><pre class="scroll" tabindex="0">${escapeHtml(JSON.stringify(protocol.protocol.experiment, null, 2))}</pre></details>`;
}
