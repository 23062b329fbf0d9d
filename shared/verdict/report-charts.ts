/** Charts of the report, as SVG text that takes its colours from the page's style sheet. */
import type { ArmName, ArmSummary, VerdictReport } from '../contracts/verdict.ts';
import { gigaflops, points } from './sentences.ts';

const WIDTH = 720;
const LEFT = 190;
const RIGHT = 24;
const ROW = 34;

/** Names of the arms where room is short. */
export const ARM_LABELS: Readonly<Record<ArmName, string>> = {
  growth: 'growth',
  'static-small': 'static, small',
  'static-equal-size': 'static, equal size',
  'static-equal-compute': 'static, equal compute',
  random: 'random growth',
  uniform: 'uniform growth',
  replay: 'replayed schedule',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

interface Scale {
  (value: number): number;
  ticks: number[];
}

/** From values to pixels, with round ticks. */
function scaleOf(low: number, high: number, from: number, to: number): Scale {
  const room = high - low || Math.abs(high) || 1;
  const [min, max] = [low - room * 0.05, high + room * 0.05];
  const raw = (max - min) / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw)!;
  const ticks: number[] = [];
  for (let t = Math.ceil(min / step) * step; t <= max + step * 1e-9; t += step) ticks.push(t);
  const scale = (value: number) => from + ((value - min) / (max - min)) * (to - from);
  return Object.assign(scale, { ticks });
}

function figure(title: string, height: number, body: string, note: string): string {
  return `<figure><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeHtml(title)}"><title>${escapeHtml(title)}</title>${body}</svg><figcaption>${escapeHtml(note)}</figcaption></figure>`;
}

function xAxis(scale: Scale, y: number, text: (value: number) => string): string {
  return scale.ticks
    .map((t) => {
      const x = scale(t).toFixed(1);
      return `<line class="grid" x1="${x}" x2="${x}" y1="8" y2="${y}"/><text class="tick" x="${x}" y="${y + 16}" text-anchor="middle">${text(t)}</text>`;
    })
    .join('');
}

const shareText = (value: number) => `${Number((value * 100).toPrecision(4))} %`;
const pointText = (value: number) => `${Number((value * 100).toPrecision(3))}`;

/** Every run a dot, every arm a row, its mean a bar. */
export function armChart({ arms, protocol }: VerdictReport): string {
  const shown = arms.filter((a) => a.metric.some((m) => m !== null));
  const all = shown.flatMap((a) => a.metric.filter((m) => m !== null));
  if (all.length === 0) return '';
  const bottom = shown.length * ROW + 8;
  const scale = scaleOf(Math.min(...all), Math.max(...all), LEFT, WIDTH - RIGHT);
  const rows = shown.map((arm, i) => {
    const y = i * ROW + 8 + ROW / 2;
    const values = arm.metric.filter((m) => m !== null);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const dots = values.map(
      (v) => `<circle class="dot arm-${arm.arm}" cx="${scale(v).toFixed(1)}" cy="${y}" r="4"/>`,
    );
    const x = scale(mean).toFixed(1);
    return `<text class="label" x="${LEFT - 10}" y="${y + 4}" text-anchor="end">${ARM_LABELS[arm.arm]}</text>${dots.join('')}<line class="mean" x1="${x}" x2="${x}" y1="${y - 11}" y2="${y + 11}"/>`;
  });
  const what = protocol.protocol.metric === 'area' ? 'Accuracy over compute' : 'Test accuracy';
  return figure(
    `${what} of every run, by arm`,
    bottom + 24,
    xAxis(scale, bottom, shareText) + rows.join(''),
    `${what}: each dot is a run, each bar the mean of its arm.`,
  );
}

/** Differences to each control: dots, mean, interval, and the margin as a band around zero. */
export function differenceChart({ comparisons, protocol }: VerdictReport): string {
  if (comparisons.length === 0) return '';
  const { alpha, margin } = protocol.protocol;
  const all = comparisons.flatMap((c) => [...c.differences, c.interval.low, c.interval.high]);
  const bottom = comparisons.length * ROW + 8;
  const scale = scaleOf(Math.min(-margin, ...all), Math.max(margin, ...all), LEFT, WIDTH - RIGHT);
  const [left, right, zero] = [scale(-margin), scale(margin), scale(0)];
  const band = `<rect class="band" x="${left.toFixed(1)}" width="${(right - left).toFixed(1)}" y="8" height="${bottom - 8}"/><line class="zero" x1="${zero.toFixed(1)}" x2="${zero.toFixed(1)}" y1="8" y2="${bottom}"/>`;
  const rows = comparisons.map((c, i) => {
    const y = i * ROW + 8 + ROW / 2;
    const dots = c.differences.map(
      (d) => `<circle class="dot small" cx="${scale(d).toFixed(1)}" cy="${y}" r="2.5"/>`,
    );
    const [low, high, mean] = [c.interval.low, c.interval.high, c.mean].map((v) =>
      scale(v).toFixed(1),
    );
    return `<text class="label" x="${LEFT - 10}" y="${y + 4}" text-anchor="end">${ARM_LABELS[c.control]}</text>${dots.join('')}<line class="interval ${c.outcome}" x1="${low}" x2="${high}" y1="${y}" y2="${y}"/><circle class="centre ${c.outcome}" cx="${mean}" cy="${y}" r="5"/>`;
  });
  return figure(
    'Growth minus each control',
    bottom + 24,
    xAxis(scale, bottom, pointText) + band + rows.join(''),
    `Growth minus control in percentage points: right of zero growth is better. Line: ${Math.round((1 - alpha) * 100)} % interval; band: the margin of ${points(margin).slice(1)} that counts as no difference.`,
  );
}

/** Mean test accuracy of each arm over what its runs have computed so far. */
export function computeChart({ arms }: VerdictReport): string {
  const lines = arms
    .map((arm) => ({ arm: arm.arm, path: meanCurve(arm) }))
    .filter((l) => l.path.length > 1);
  if (lines.length === 0) return '';
  const xs = lines.flatMap((l) => l.path.map(([x]) => x));
  const ys = lines.flatMap((l) => l.path.map(([, y]) => y));
  const [left, height] = [56, 300];
  const x = scaleOf(0, Math.max(...xs), left, WIDTH - RIGHT);
  const y = scaleOf(Math.min(...ys), Math.max(...ys), height, 8);
  const yTicks = y.ticks.map(
    (t) =>
      `<line class="grid" x1="${left}" x2="${WIDTH - RIGHT}" y1="${y(t).toFixed(1)}" y2="${y(t).toFixed(1)}"/><text class="tick" x="${left - 6}" y="${(y(t) + 4).toFixed(1)}" text-anchor="end">${shareText(t)}</text>`,
  );
  const paths = lines.map(({ arm, path }) => {
    const d = path.map(([fx, fy], i) => `${i ? 'L' : 'M'}${x(fx).toFixed(1)} ${y(fy).toFixed(1)}`);
    return `<path class="line arm-${arm}" d="${d.join('')}"/>`;
  });
  const legend = lines.map(({ arm }, i) => {
    const [lx, ly] = [left + (i % 4) * 165, height + 42 + Math.floor(i / 4) * 20];
    return `<line class="line arm-${arm}" x1="${lx}" x2="${lx + 18}" y1="${ly - 4}" y2="${ly - 4}"/><text class="label" x="${lx + 24}" y="${ly}">${ARM_LABELS[arm]}</text>`;
  });
  const ticks = x.ticks.filter((t) => t >= 0);
  const axis = xAxis(
    Object.assign((v: number) => x(v), { ticks }),
    height,
    (t) => (t === 0 ? '0' : gigaflops(t)),
  );
  return figure(
    'Test accuracy over compute, mean of each arm',
    height + 52 + Math.floor((lines.length - 1) / 4) * 20,
    yTicks.join('') + axis + paths.join('') + legend.join(''),
    'Test accuracy against what was computed so far, growth with all that its decisions cost; mean over seeds.',
  );
}

/** Runs of one arm are evaluated at the same looks: the mean of the k-th look of each. */
function meanCurve({ runs }: ArmSummary): [number, number][] {
  const done = runs.filter((run) => run.status === 'done');
  const length = Math.min(...done.map((run) => run.curve.length));
  if (done.length === 0 || !Number.isFinite(length)) return [];
  return Array.from({ length }, (_, k): [number, number] => {
    const at = done.map((run) => run.curve[k]!);
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    return [mean(at.map((p) => p.flops)), mean(at.map((p) => p.accuracy ?? Number.NaN))];
  }).filter(([, accuracy]) => Number.isFinite(accuracy));
}
