/**
 * What a run's history says of its loss: has it stopped falling, and has it risen since a seed
 * entered its stage? Points whose loss was not finite count as not measured.
 */
import type { MetricPoint } from '../contracts/decision.ts';
import { measured } from './decision-record.ts';

/** Observations averaged on either side when a loss is compared with an earlier one. */
export const SMOOTHING = 3;
/** Observations a seed must have spent in its stage before it is judged. */
export const MIN_STAGE_OBSERVATIONS = 2;
/** Loss below which a relative rise is noise: a fitted net's loss doubles without any harm. */
export const LOSS_FLOOR = 1e-3;

/** The measured part of a history, oldest first. */
export interface LossHistory {
  steps: number[];
  losses: number[];
  /** Whether the newest point had a finite loss. */
  latestMeasured: boolean;
}

export function lossHistory(history: readonly MetricPoint[]): LossHistory {
  const steps: number[] = [];
  const losses: number[] = [];
  for (const point of history) {
    const loss = measured(point.loss);
    if (loss === null) continue;
    steps.push(point.step);
    losses.push(loss);
  }
  return { steps, losses, latestMeasured: measured(history.at(-1)?.loss) !== null };
}

/**
 * Largest of the last `patience` relative improvements per observation, each between neighbouring
 * moving averages over `patience` losses; null when fewer than 2 * `patience` were measured or the
 * newest was not. The loss is on a plateau when even this one is small.
 */
export function bestRecentImprovement(trend: LossHistory, patience: number): number | null {
  const { losses, latestMeasured } = trend;
  const count = losses.length;
  if (!latestMeasured || count < 2 * patience) return null;
  const at = (i: number) => losses[i] as number;
  let sum = 0;
  for (let i = count - 2 * patience; i < count - patience; i++) sum += at(i);
  let best = Number.NEGATIVE_INFINITY;
  for (let i = count - patience; i < count; i++) {
    const before = sum / patience;
    sum += at(i) - at(i - patience);
    best = Math.max(best, (before - sum / patience) / Math.max(Math.abs(before), 1e-12));
  }
  return best;
}

/**
 * Relative rise of the loss since `stageSince`: mean of the newest {@link SMOOTHING} losses after
 * that step over the mean of as many up to it, minus 1. Null when there is no loss before, fewer
 * than {@link MIN_STAGE_OBSERVATIONS} after, or the newest was not measured.
 */
export function regressionSince(trend: LossHistory, stageSince: number): number | null {
  const rise = riseSince(trend, stageSince);
  return Number.isNaN(rise) ? null : rise;
}

/** {@link regressionSince} with NaN for null: thousands of these are compared and thrown away. */
export function riseSince(trend: LossHistory, stageSince: number): number {
  const { steps, losses, latestMeasured } = trend;
  const first = firstAfter(steps, stageSince);
  if (!latestMeasured || first === 0 || losses.length - first < MIN_STAGE_OBSERVATIONS) {
    return Number.NaN;
  }
  const before = mean(losses, Math.max(0, first - SMOOTHING), first);
  const now = mean(losses, Math.max(first, losses.length - SMOOTHING), losses.length);
  return (now - before) / Math.max(Math.abs(before), LOSS_FLOOR);
}

/** Measured observations since `stageSince`. */
export function observationsSince(trend: LossHistory, stageSince: number): number {
  return trend.steps.length - firstAfter(trend.steps, stageSince);
}

/** Index of the first of the ascending `steps` above `step`. */
function firstAfter(steps: readonly number[], step: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((steps[middle] as number) > step) high = middle;
    else low = middle + 1;
  }
  return low;
}

function mean(values: readonly number[], start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum += values[i] as number;
  return sum / (end - start);
}
