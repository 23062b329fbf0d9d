/**
 * The governor: decides when a run must be taken back to its last good snapshot, and what changes
 * before it goes on, so that the same fault does not repeat for ever. Pure.
 */

import type { Remedy } from '../contracts/events.ts';

/** Rollbacks without a good look between them after which a run is given up. */
export const MAX_ROLLBACKS = 6;
/** Steps left out without a good look between them after which a run is given up. */
export const MAX_SKIPPED = 32;

export interface ChunkVerdict {
  /** Step of the first non-finite number; null: the chunk is good. */
  step: number | null;
  cause: string;
}

/** Looks at the metrics of the steps just run. */
export function inspectChunk(
  firstStep: number,
  losses: readonly (readonly number[])[],
  gradientFault: number | null,
): ChunkVerdict {
  if (gradientFault !== null) {
    return { step: gradientFault, cause: `non-finite gradient or update at step ${gradientFault}` };
  }
  const index = losses.findIndex((row) => row.some((l) => !Number.isFinite(l)));
  if (index < 0) return { step: null, cause: '' };
  const step = firstStep + index;
  return { step, cause: `non-finite loss at step ${step}` };
}

export interface Situation {
  cause: string;
  /** Step of the fault. */
  step: number;
  /** In the network; one that waits for its artifact is under no suspicion. */
  hasLiveSeeds: boolean;
  /** Rollbacks since the last good look, or, for bad looks, in the whole run. */
  rollbacks: number;
  /** Steps left out since the last good look. */
  skipped: number;
  /** The host alone, in a good state, gives no finite loss on the training rows. */
  rowsAtFault: boolean;
}

/** What changes before the run goes on. Rows are judged first, then live seeds, then the rate. */
export function chooseRemedy(s: Situation): Remedy {
  if (s.rowsAtFault) {
    if (s.skipped < MAX_SKIPPED) return { kind: 'skip-step', step: s.step };
    return {
      kind: 'give-up',
      message: `Cannot go on: ${s.cause}, and leaving out ${s.skipped} steps did not help; look for training rows that are not finite or far out of range`,
    };
  }
  if (s.rollbacks >= MAX_ROLLBACKS) {
    return {
      kind: 'give-up',
      message: `Cannot go on: ${s.cause}, and ${s.rollbacks} rollbacks did not help; use a lower learning rate or "clipNorm"`,
    };
  }
  return s.hasLiveSeeds ? { kind: 'cull-seeds' } : { kind: 'slow-down', factor: 0.5 };
}

/** Looks in a row that must be bad before the run is taken back. */
export const BAD_LOOKS = 3;
/** Most unusual looks in a row that the way back leads past. */
export const MAX_UNUSUAL_LOOKS = 10;
/** Looks before the governor knows what is usual for a run. */
const WARM_UP_LOOKS = 5;
/** Looks that the usual loss is taken from. */
const USUAL_LOOKS = 20;
/** Deviations (median absolute, scaled to a normal distribution's) above the median. */
const DEVIATIONS = 10;
/** Above this multiple of the first look's loss a network is worse than one that knows nothing. */
const WORSE_THAN_FIRST = 1.5;
/** A loss back at this share of the first one, after one below the other, may be a collapse. */
const COLLAPSE = { from: 0.7, to: 0.9 };

export interface LossBounds {
  /** Above it a loss is worse than at any of the last looks: no look to come back to. */
  unusual: number;
  /** Above it a look is bad: not usual, and worse than what the run began with. */
  bad: number;
}

/**
 * Where the losses of a run leave what is usual; null: too early to say. No noise around a small
 * loss is ever bad.
 *
 * @param losses Mean training losses of the good looks so far, oldest first.
 * @param first That of the run's first look.
 */
export function lossBounds(losses: readonly number[], first: number): LossBounds | null {
  if (losses.length < WARM_UP_LOOKS) return null;
  const recent = losses.slice(-USUAL_LOOKS);
  const middle = median(recent);
  const spread = 1.4826 * median(recent.map((l) => Math.abs(l - middle)));
  const bad = Math.max(WORSE_THAN_FIRST * first, middle + DEVIATIONS * spread);
  return { unusual: Math.max(...losses.slice(-WARM_UP_LOOKS)), bad };
}

/**
 * Whether the loss is back where it began after it had been much lower; whether the network says
 * the same of every row is then worth a measurement.
 */
export function mayHaveCollapsed(losses: readonly number[], first: number, now: number): boolean {
  if (losses.length < WARM_UP_LOOKS) return false;
  return Math.min(...losses) <= COLLAPSE.from * first && now >= COLLAPSE.to * first;
}

/** Largest difference of a logit between rows, relative to 1 + its size, that counts as none. */
const CONSTANT = 1e-3;

/**
 * Whether a network has collapsed to the prior: the same logits whatever the row.
 *
 * @param logits [rows, stride]; the first `classes` of each row count.
 */
export function isConstant(
  logits: Float32Array,
  rows: number,
  stride: number,
  classes: number,
): boolean {
  for (let k = 0; k < classes; k++) {
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let row = 0; row < rows; row++) {
      const value = logits[row * stride + k]!;
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
    if (most - least > CONSTANT * (1 + Math.max(Math.abs(least), Math.abs(most)))) return false;
  }
  return true;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
