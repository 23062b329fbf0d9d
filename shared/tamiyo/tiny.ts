/**
 * TINY (Verbockhaven et al. 2024, "Growing tiny networks: spotting expressivity bottlenecks and
 * fixing them optimally", TMLR): how much of the wished change of a layer's output its own weights
 * cannot make, and the units that would make the most of it.
 *
 * h1 (N x c1) feeds the layer, h2 (N x c2) will feed the new units, G = -dL/dz per sample (N x c);
 * all with a column of ones for the biases. dW = S1^+ (h1'G/N) is the best the layer can do; the
 * residual R = G - h1 dW is the bottleneck. P = S2^(-1/2) (h2'R/N) = U D V' gives for each d_i a
 * unit with fan-in sqrt(d_i) S2^(-1/2) u_i and fan-out sqrt(d_i) v_i. To first order a step of
 * size e along them lowers the loss by e * d_i^2. Where the layer is a convolution in groups, dW is
 * the best that each group can do with its own inputs.
 */
import { inverseRoot, product, topSvd } from '../base/svd.ts';

/** Eigenvalues of S below this share of the largest are taken out; float32 sums carry no more. */
export const GRAM_TOLERANCE = 1e-5;
/** Singular values below this share of the largest are not worth a unit. */
export const UNIT_TOLERANCE = 1e-3;
/** Largest side of a Gram matrix that is decomposed. */
export const MAX_GRAM = 257;

/** Sums over a batch, divided by its rows; row-major, the ones column last where there is one. */
export interface TinyStatistics {
  /** Columns of h1, h2 and outputs, ones included in the first two. */
  c1: number;
  c2: number;
  c: number;
  /** h1'h1/N, c1 x c1. */
  s1: ArrayLike<number>;
  /** h2'h2/N, c2 x c2. */
  s2: ArrayLike<number>;
  /** h2'h1/N, c2 x c1. */
  s21: ArrayLike<number>;
  /** h1'G/N, c1 x c. */
  h1g: ArrayLike<number>;
  /** h2'G/N, c2 x c. */
  h2g: ArrayLike<number>;
  /** Sum of G^2 over rows and outputs, divided by N. */
  gradientSquare: number;
  /**
   * Columns of h1 and outputs that the layer's own weights join, where these are not all with all:
   * each group is a layer of its own then. The column of ones is in every group.
   */
  groups?: readonly { inputs: readonly number[]; outputs: readonly number[] }[] | null;
}

export interface TinyUnits {
  /** ||R||^2/N: what the layer's own weights leave of the wished change. */
  bottleneck: number;
  /** Sum of d_i^2 of the units: the part of the bottleneck they remove to first order. */
  score: number;
  values: number[];
  /** c2 numbers a unit, the last the bias where h2 has a ones column. */
  fanIn: Float64Array[];
  fanOut: Float64Array[];
}

/** @param units Most units to place. @throws {RangeError} If a Gram matrix is over MAX_GRAM wide. */
export function tiny(s: TinyStatistics, units: number): TinyUnits {
  if (Math.max(s.c1, s.c2) > MAX_GRAM) {
    throw new RangeError(
      `Cannot decompose a Gram matrix of ${Math.max(s.c1, s.c2)} columns: at most ${MAX_GRAM} are`,
    );
  }
  const dW = bestOfOwn(s);
  let explained = 0;
  for (let i = 0; i < dW.length; i++) explained += (dW[i] as number) * (s.h1g[i] as number);
  const taken = product(s.s21, dW, s.c2, s.c1, s.c);
  const residual = Float64Array.from(taken, (x, i) => (s.h2g[i] as number) - x);
  const { root } = inverseRoot(s.s2, s.c2, GRAM_TOLERANCE);
  const p = product(root, residual, s.c2, s.c2, s.c);
  const { left, right, values } = topSvd(p, s.c2, s.c, units);
  // What float32 sums leave of a bottleneck that is not there is no direction to grow in.
  const noise = GRAM_TOLERANCE * Math.sqrt(Math.max(0, s.gradientSquare));
  const limit = Math.max(noise, UNIT_TOLERANCE * (values[0] ?? 0));
  const kept = values.filter((d) => d > limit);
  return {
    bottleneck: Math.max(0, s.gradientSquare - explained),
    score: kept.reduce((sum, d) => sum + d * d, 0),
    values: kept,
    fanIn: kept.map((d, k) => {
      const u = product(root, left[k] as Float64Array, s.c2, s.c2, 1);
      return u.map((x) => x * Math.sqrt(d));
    }),
    fanOut: kept.map((d, k) => (right[k] as Float64Array).map((x) => x * Math.sqrt(d))),
  };
}

/** dW = S1^+ (h1'G/N), c1 x c; group by group where there are some, and 0 between them. */
function bestOfOwn({ c, c1, groups, h1g, s1 }: TinyStatistics): Float64Array {
  if (!groups) {
    const { inverse } = inverseRoot(s1, c1, GRAM_TOLERANCE);
    return Float64Array.from(product(inverse, h1g, c1, c1, c));
  }
  const dW = new Float64Array(c1 * c);
  for (const { inputs, outputs } of groups) {
    const n = inputs.length;
    const gram = Float64Array.from({ length: n * n }, (_, k) => {
      return s1[inputs[Math.floor(k / n)]! * c1 + inputs[k % n]!] as number;
    });
    const { inverse } = inverseRoot(gram, n, GRAM_TOLERANCE);
    const m = outputs.length;
    const wished = Float64Array.from({ length: n * m }, (_, k) => {
      return h1g[inputs[Math.floor(k / m)]! * c + outputs[k % m]!] as number;
    });
    product(inverse, wished, n, n, m).forEach((value, k) => {
      dW[inputs[Math.floor(k / m)]! * c + outputs[k % m]!] = value;
    });
  }
  return dW;
}
