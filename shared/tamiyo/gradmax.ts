/**
 * GradMax (Evci et al. 2022, "GradMax: Growing neural networks using gradient information", ICLR):
 * new units with fan-in 0 leave the function as it is, and their fan-out can be chosen so that the
 * gradient they will feel is as large as a given norm of fan-out allows.
 *
 * With inputs h (N x c2) and G = -dL/dz per sample (N x c): B = h'G/N. The squared gradient norm of
 * the new fan-in is ||B Omega||^2, largest for Omega = the first right singular vectors of B.
 */
import { topSvd } from '../base/svd.ts';

/** Singular values below this share of the largest carry nothing but rounding. */
export const RANK_TOLERANCE = 1e-6;

export interface GradMaxUnits {
  /** Sum of the squared singular values used: squared gradient norm at unit fan-out. */
  score: number;
  /** Singular values of the units, descending; at most the rank of B. */
  values: number[];
  /** Fan-out directions of the units, each of unit norm and `outputs` long. */
  fanOut: Float64Array[];
}

/**
 * @param b Row-major, inputs x outputs.
 * @param units Most units to place; there are never more than the rank of `b`.
 */
export function gradMax(
  b: ArrayLike<number>,
  inputs: number,
  outputs: number,
  units: number,
): GradMaxUnits {
  const { right, values } = topSvd(b, inputs, outputs, units);
  const limit = RANK_TOLERANCE * (values[0] ?? 0);
  const kept = values.filter((d) => d > limit && d > 0);
  return {
    score: kept.reduce((sum, d) => sum + d * d, 0),
    values: kept,
    fanOut: right.slice(0, kept.length),
  };
}
