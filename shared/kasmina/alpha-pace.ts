/**
 * Ramps that look where they go: at each look of the controller a measured signal decides how fast
 * alpha moves until the next. Pure; the signals are those the run log holds, so a replay paces alike.
 */
import type { HealthSignal } from '../contracts/health.ts';
import { type AlphaRamp, PACED_CURVES } from '../contracts/seed.ts';
import { progressAt } from './alpha-schedule.ts';

/** Relative rise of the loss from one look to the next at which a performance-linked ramp stands. */
export const MAX_LOSS_RISE = 0.05;
/** Relative change of the spread of the layer's output at which a drift-controlled ramp stands. */
export const MAX_DRIFT = 0.12;
/** Factor, up or down, by which the layer's gradient may differ from its recent norm. */
export const MAX_GRADIENT_FACTOR = 2;

export interface PaceSignals {
  /** Mean training loss since the look before; null: not finite. */
  loss: number | null;
  /** Of the layer the seed is grafted on; null: not measured. */
  layer: Pick<HealthSignal, 'activationVariance' | 'gradientNorm'> | null;
}

export interface Pacing {
  /** The ramp with its pace from now on. */
  ramp: AlphaRamp;
  /** What was compared, with its bound; null: not measured, and the ramp stands. */
  value: number | null;
  threshold: number;
}

/**
 * Sets the pace of a ramp from `step` on. The first look only takes a reference, and the ramp goes
 * at its full pace until the second; whenever there is no measurement it stands.
 *
 * @throws {RangeError} If the ramp's curve is not one that is paced.
 */
export function pace(ramp: AlphaRamp, step: number, signals: PaceSignals): Pacing {
  const before = ramp.pace?.reference ?? null;
  const set = (
    value: number | null,
    threshold: number,
    rate: number,
    reference: number | null,
  ): Pacing => ({
    ramp: {
      ...ramp,
      pace: { progress: progressAt(ramp, step), since: step, rate, reference },
    },
    value,
    threshold,
  });
  const { layer, loss } = signals;
  switch (ramp.curve) {
    case 'performance-linked': {
      const rise = ratio(loss, before);
      const value = rise === null ? null : rise - 1;
      const rate = value === null ? 0 : Math.min(1, Math.max(0, 1 - value / MAX_LOSS_RISE));
      return set(value, MAX_LOSS_RISE, isFirst(loss, before) ? 1 : rate, loss ?? before);
    }
    case 'drift-controlled': {
      const spread = measured(layer?.activationVariance ?? null, Math.sqrt);
      const change = ratio(spread, before);
      const value = change === null ? null : Math.abs(change - 1);
      const rate = value !== null && value <= MAX_DRIFT ? 1 : 0;
      return set(value, MAX_DRIFT, isFirst(spread, before) ? 1 : rate, spread ?? before);
    }
    case 'gradient-gated': {
      const norm = measured(layer?.gradientNorm ?? null);
      const change = ratio(norm, before);
      const value = change === null || change === 0 ? null : Math.max(change, 1 / change);
      const rate = value !== null && value <= MAX_GRADIENT_FACTOR ? 1 : 0;
      // One batch is noisy: the reference follows half way.
      const next = norm !== null && before !== null ? (norm + before) / 2 : (norm ?? before);
      return set(value, MAX_GRADIENT_FACTOR, isFirst(norm, before) ? 1 : rate, next);
    }
    default:
      throw new RangeError(
        `Cannot pace a ramp on curve "${ramp.curve}": only ${PACED_CURVES.join(', ')} follow signals`,
      );
  }
}

function isFirst(now: number | null, before: number | null): boolean {
  return now !== null && before === null;
}

function ratio(now: number | null, before: number | null): number | null {
  if (now === null || before === null || !(before > 0)) return null;
  const value = now / before;
  return Number.isFinite(value) ? value : null;
}

function measured(value: number | null, f: (v: number) => number = (v) => v): number | null {
  return value === null || !Number.isFinite(value) || value < 0 ? null : f(value);
}
