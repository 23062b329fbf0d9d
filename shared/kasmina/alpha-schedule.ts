/**
 * Blend weight of a seed over time. A ramp goes up or down from one alpha to another on a curve
 * with exact ends, so that alpha 0 means "host untouched" and the target is really reached.
 */
import { type AlphaCurve, type AlphaRamp, PACED_CURVES } from '../contracts/seed.ts';

/** Steepness of the sigmoid: its slope half way is 3.02 times that of the straight line. */
const SIGMOID_STEEPNESS = 12;

/**
 * Alpha of `schedule` at training step `step`: `from` up to `startStep`, `to` from
 * `startStep + steps` on, monotone between.
 *
 * @param step Training step, any finite number.
 * @throws {RangeError} If a number of the ramp is not finite or outside its range.
 */
export function alphaAt(schedule: AlphaRamp, step: number): number {
  checkRamp(schedule, step);
  const { from, to } = schedule;
  const gone = progressAt(schedule, step);
  if (gone >= 1) return to;
  if (gone <= 0) return from;
  const alpha = from + (to - from) * progressOf(schedule.curve, gone);
  // The product may round past its end by one unit in the last place.
  return Math.min(Math.max(alpha, Math.min(from, to)), Math.max(from, to));
}

/** Whether the pace of a curve follows what is measured at each look. */
export function isPaced(curve: AlphaCurve): curve is (typeof PACED_CURVES)[number] {
  return (PACED_CURVES as readonly string[]).includes(curve);
}

/** Share of its time, or of a paced ramp its way, that is gone at `step`, in [0, 1]. */
export function progressAt({ pace, startStep, steps }: AlphaRamp, step: number): number {
  if (!pace) {
    if (step >= startStep + steps) return 1;
    return step <= startStep ? 0 : (step - startStep) / steps;
  }
  const { progress, rate, since } = pace;
  if (progress >= 1 || steps === 0) return 1;
  return Math.min(1, progress + (rate * Math.max(0, step - since)) / steps);
}

/** First step at which the ramp stands at its target; infinite for a paced one that stands. */
export function rampEnd(schedule: AlphaRamp): number {
  const { pace, startStep, steps } = schedule;
  if (!pace) return startStep + steps;
  if (pace.progress >= 1 || steps === 0) return pace.since;
  if (pace.rate === 0) return Number.POSITIVE_INFINITY;
  let end = pace.since + Math.floor(((1 - pace.progress) * steps) / pace.rate);
  while (progressAt(schedule, end) < 1) end++;
  return end;
}

/** A ramp to a new target that starts from wherever `schedule` is at `step`: no jump. */
export function retarget(
  schedule: AlphaRamp,
  step: number,
  to: number,
  steps: number = schedule.steps,
): AlphaRamp {
  const ramp = {
    curve: schedule.curve,
    from: alphaAt(schedule, step),
    to,
    startStep: step,
    steps,
  };
  checkRamp(ramp, step);
  return ramp;
}

/**
 * Share of the way gone at time `t` in (0, 1); 0 and 1 at the ends.
 *
 * Source: docs/kasmina.md, "Alpha schedules".
 */
function progressOf(curve: AlphaCurve, t: number): number {
  switch (curve) {
    case 'linear':
    case 'performance-linked':
    case 'drift-controlled':
    case 'gradient-gated':
      return t;
    case 'cosine': {
      // (1 - cos(pi t)) / 2, in the form that keeps its digits near t = 0.
      const s = Math.sin((Math.PI / 2) * t);
      return s * s;
    }
    case 'sigmoid': {
      // (sigma(k(t - 1/2)) - sigma(-k/2)) / (sigma(k/2) - sigma(-k/2)), as tanh.
      const half = SIGMOID_STEEPNESS / 4;
      return 0.5 + (0.5 * Math.tanh(half * (2 * t - 1))) / Math.tanh(half);
    }
  }
}

function checkRamp(ramp: AlphaRamp, step: number): void {
  const { from, to, startStep, steps } = ramp;
  if (!(from >= 0 && from <= 1 && to >= 0 && to <= 1)) {
    throw new RangeError(`Cannot ramp alpha from ${from} to ${to}: both must be in [0, 1]`);
  }
  if (!(Number.isFinite(startStep) && steps >= 0 && Number.isFinite(steps))) {
    throw new RangeError(
      `Cannot ramp alpha from step ${startStep} over ${steps} steps: ` +
        'both must be finite and the steps not negative',
    );
  }
  if (!Number.isFinite(step)) {
    throw new RangeError(`Cannot read alpha at step ${step}: the step must be finite`);
  }
}
