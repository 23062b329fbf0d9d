/**
 * GradMax by ascent (GradMaxOpt in Evci et al. 2022): the fan-out of new units climbs the gradient
 * that they will feel, instead of being read off a decomposition. As good as GradMax after enough
 * steps, near random fan-out after few; it needs products with B alone.
 *
 * With B = h'G/N the squared gradient norm is f = ||B Omega||^2, whose slope is 2 B'B Omega. A step
 * goes B'B Omega / ||B||_F^2 along it, and then the units are made orthonormal: two units of one
 * direction would feel the same gradient for ever and stay one unit. Number of steps and step size
 * are this program's; the paper's are those of an optimizer.
 */
import { RandomStream } from '../base/random.ts';
import { product } from '../base/svd.ts';
import { type GradMaxUnits, RANK_TOLERANCE } from './gradmax.ts';

export interface AscentOptions {
  /** Steps of the ascent; 0: random directions. */
  steps: number;
  /** The directions it starts from are drawn from this. */
  seed: number;
  /** Names the draw. */
  name: string;
}

/**
 * @param b Row-major, inputs x outputs.
 * @param units Most units to place; there are never more than outputs, or than feel a gradient.
 */
export function gradMaxOptimised(
  b: ArrayLike<number>,
  inputs: number,
  outputs: number,
  units: number,
  { name, seed, steps }: AscentOptions,
): GradMaxUnits {
  const random = new RandomStream(seed, `gradmax-optimised/${name}`);
  const count = Math.min(units, outputs);
  // Uniform and not normal: the same bits wherever it runs.
  const start = Array.from({ length: count }, () =>
    Float64Array.from({ length: outputs }, () => 2 * random.uniform() - 1),
  );
  return ascend(b, inputs, outputs, start, steps);
}

/** The ascent from given directions. */
export function ascend(
  b: ArrayLike<number>,
  inputs: number,
  outputs: number,
  start: readonly Float64Array[],
  steps: number,
): GradMaxUnits {
  let square = 0;
  for (let i = 0; i < inputs * outputs; i++) square += (b[i] as number) ** 2;
  if (!(square > 0)) return { score: 0, values: [], fanOut: [] };
  /** B v, inputs long. */
  const felt = (v: Float64Array) => product(b, v, inputs, outputs, 1);
  let directions = orthonormal(start);
  for (let step = 0; step < steps; step++) {
    const next = directions.map((v) => {
      const gradient = felt(v);
      // v'B' read row by row: (B'(B v))' = (B v)' B.
      const slope = product(gradient, b, 1, inputs, outputs);
      return v.map((x, o) => x + (slope[o] as number) / square);
    });
    directions = orthonormal(next);
  }
  const found = directions
    .map((fanOut) => ({ fanOut, value: Math.sqrt(felt(fanOut).reduce((s, x) => s + x * x, 0)) }))
    .sort((a, c) => c.value - a.value);
  const limit = RANK_TOLERANCE * (found[0]?.value ?? 0);
  const kept = found.filter(({ value }) => value > limit && value > 0);
  return {
    score: kept.reduce((sum, { value }) => sum + value * value, 0),
    values: kept.map(({ value }) => value),
    fanOut: kept.map(({ fanOut }) => fanOut),
  };
}

/** Gram and Schmidt, twice each; what has no direction of its own left is dropped. */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const basis: Float64Array[] = [];
  for (const vector of vectors) {
    const rest = vector.slice();
    const before = length(rest);
    for (let pass = 0; pass < 2; pass++) {
      for (const q of basis) {
        const along = q.reduce((s, x, i) => s + x * (rest[i] as number), 0);
        for (let i = 0; i < rest.length; i++)
          rest[i] = (rest[i] as number) - along * (q[i] as number);
      }
    }
    const left = length(rest);
    if (left > RANK_TOLERANCE * before) basis.push(rest.map((x) => x / left));
  }
  return basis;
}

function length(v: Float64Array): number {
  return Math.sqrt(v.reduce((s, x) => s + x * x, 0));
}
