/**
 * Feature scaling, y = (x - offset) * factor: fitted on training rows only, applied to all parts,
 * recorded so that a run says what its network was fed and new rows can be treated alike.
 */
import type { Scaling } from '../contracts/experiment.ts';
import type { NumberArray } from './raw-array.ts';

/** One offset and one factor a feature; y = (x - offset) * factor, x = y / factor + offset. */
export interface FittedScaling {
  kind: 'none' | 'standard' | 'minmax' | 'divideBy';
  offset: number[];
  /** Never zero: a feature that is constant in training keeps factor 1. */
  factor: number[];
}

/**
 * Relative spread below which a feature counts as constant: at float32 resolution what is left
 * is rounding, and dividing by it would turn noise into signal.
 */
const CONSTANT_SPREAD = 1e-7;

/**
 * Fits offsets and factors.
 *
 * @param values [rows, features], row-major.
 * @param rows Indices of the rows to look at (the training rows).
 */
export function fitScaling(
  scaling: Scaling,
  values: NumberArray,
  features: number,
  rows: ArrayLike<number>,
): FittedScaling {
  if (scaling === 'none') return uniform('none', features, 1);
  if (typeof scaling === 'object') return uniform('divideBy', features, 1 / scaling.divideBy);
  return scaling === 'standard'
    ? fitStandard(values, features, rows)
    : fitMinMax(values, features, rows);
}

function uniform(kind: 'none' | 'divideBy', features: number, factor: number): FittedScaling {
  return {
    kind,
    offset: new Array<number>(features).fill(0),
    factor: new Array<number>(features).fill(factor),
  };
}

function fitStandard(
  values: NumberArray,
  features: number,
  rows: ArrayLike<number>,
): FittedScaling {
  const n = rows.length;
  const offset = new Array<number>(features).fill(0);
  const variance = new Array<number>(features).fill(0);
  for (let r = 0; r < n; r++) {
    const at = rows[r]! * features;
    for (let f = 0; f < features; f++) offset[f]! += values[at + f]! / n;
  }
  // A second pass: the one-pass formula loses everything when the mean is large.
  for (let r = 0; r < n; r++) {
    const at = rows[r]! * features;
    for (let f = 0; f < features; f++) variance[f]! += (values[at + f]! - offset[f]!) ** 2 / n;
  }
  const factor = variance.map((v, f) => inverseSpread(Math.sqrt(v), Math.abs(offset[f]!)));
  return { kind: 'standard', offset, factor };
}

function fitMinMax(values: NumberArray, features: number, rows: ArrayLike<number>): FittedScaling {
  const low = new Array<number>(features).fill(Number.POSITIVE_INFINITY);
  const high = new Array<number>(features).fill(Number.NEGATIVE_INFINITY);
  for (let r = 0; r < rows.length; r++) {
    const at = rows[r]! * features;
    for (let f = 0; f < features; f++) {
      low[f] = Math.min(low[f]!, values[at + f]!);
      high[f] = Math.max(high[f]!, values[at + f]!);
    }
  }
  const factor = low.map((l, f) =>
    inverseSpread(high[f]! - l, Math.max(Math.abs(l), Math.abs(high[f]!))),
  );
  return { kind: 'minmax', offset: low, factor };
}

function inverseSpread(spread: number, magnitude: number): number {
  const inverse = 1 / spread;
  return spread > CONSTANT_SPREAD * magnitude && Number.isFinite(inverse) ? inverse : 1;
}

/** Scales rows into float32, in the order of `rows`. [rows.length, features], row-major. */
export function applyScaling(
  fitted: FittedScaling,
  values: NumberArray,
  features: number,
  rows: ArrayLike<number>,
): Float32Array<ArrayBuffer> {
  const { offset, factor } = fitted;
  const scaled = new Float32Array(rows.length * features);
  for (let r = 0; r < rows.length; r++) {
    const from = rows[r]! * features;
    const to = r * features;
    for (let f = 0; f < features; f++) {
      scaled[to + f] = (values[from + f]! - offset[f]!) * factor[f]!;
    }
  }
  return scaled;
}
