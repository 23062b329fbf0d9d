/** From the run's series to the columns a chart draws, and to the sentence that describes it. */
import { runSeries } from '../../run-store.ts';
import { decimateIndices, finiteExtent, smoothSeries, visibleRange } from '../../series-display.ts';
import type { CurveView } from './curve-store.ts';

export type CurveKind = 'loss' | 'accuracy';

/** uPlot's columns: steps, raw values, smoothed values; null is a gap. */
export type Columns = [number[], (number | null)[], (number | null)[]];

/**
 * @param buckets About a quarter of the points drawn; the width of the chart in pixels does well.
 */
export function curveColumns(kind: CurveKind, view: CurveView, buckets: number): Columns {
  const { steps, loss, accuracy } = runSeries.view();
  const values = kind === 'loss' ? loss : accuracy;
  const smooth = smoothSeries(values, view.smoothing);
  const { from, to } = view.zoom
    ? visibleRange(steps, view.zoom.min, view.zoom.max)
    : { from: 0, to: steps.length };
  const isLog = kind === 'loss' && view.isLogLoss;
  // A logarithm has no place for 0: such points are gaps on a log axis.
  const drawn = (value: number): number | null =>
    Number.isFinite(value) && !(isLog && value <= 0) ? value : null;
  const indices = decimateIndices(values, from, to, Math.max(50, buckets));
  return [
    indices.map((i) => steps[i] as number),
    indices.map((i) => drawn(values[i] as number)),
    indices.map((i) => drawn(smooth[i] as number)),
  ];
}

/** Lower and upper end of the value axis. */
export function curveRange(
  kind: CurveKind,
  isLog: boolean,
  values: Iterable<number | null>,
): [number, number] {
  const extent = finiteExtent(values);
  if (kind === 'accuracy') return [extent ? Math.max(0, Math.min(extent[0] - 0.05, 0.9)) : 0, 1];
  if (!extent) return isLog ? [0.01, 1] : [0, 1];
  const [low, high] = extent;
  if (isLog) return [roundMagnitude(low, Math.floor), roundMagnitude(high, Math.ceil)];
  const pad = (high - low || Math.abs(high) || 1) * 0.06;
  return [Math.max(Math.min(0, low), low - pad), high + pad];
}

/** A third of a decade outwards, to 1, 2 or 5 times a power of ten: the ticks of a log axis. */
function roundMagnitude(value: number, round: (steps: number) => number): number {
  const steps = round(Math.log10(value) * 3);
  const decade = Math.floor(steps / 3);
  const mantissa = [1, 2, 5][steps - decade * 3] as number;
  const rounded = mantissa * 10 ** decade;
  // The thirds of a decade are 2.15 and 4.64: the tick beyond may be needed.
  if (round === Math.ceil && rounded < value) return roundMagnitude(value * 2, round);
  if (round === Math.floor && rounded > value) return roundMagnitude(value / 2, round);
  return rounded;
}

/** One sentence for screen readers and for those who look away from the chart. */
export function describeSeries(
  kind: CurveKind,
  steps: ArrayLike<number>,
  values: ArrayLike<number>,
): string {
  let first = -1;
  let last = -1;
  let best = -1;
  let gaps = 0;
  const isBetter = (a: number, b: number): boolean => (kind === 'loss' ? a < b : a > b);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) {
      gaps++;
      continue;
    }
    if (first < 0) first = i;
    last = i;
    if (best < 0 || isBetter(value, values[best] as number)) best = i;
  }
  if (first < 0) return `No ${kind} measured yet.`;
  const show = (i: number): string => {
    const value = values[i] as number;
    return kind === 'loss' ? value.toPrecision(3) : `${(value * 100).toFixed(1)} %`;
  };
  const at = (i: number): string => `step ${steps[i]}`;
  const extreme = kind === 'loss' ? 'lowest' : 'highest';
  const gapText = gaps > 0 ? ` ${gaps} points were not finite and are gaps.` : '';
  return `Training ${kind} went from ${show(first)} at ${at(first)} to ${show(last)} at ${at(last)}; ${extreme} ${show(best)} at ${at(best)}.${gapText}`;
}
