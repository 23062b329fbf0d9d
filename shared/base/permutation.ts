/**
 * Keyed permutation of [0, n): the order in which an epoch visits its rows. Any position is computed
 * on its own, so shuffling needs no memory and a resumed run meets the same rows. Twin of
 * shaders/lib/permutation.wgsl.
 *
 * Source: Black & Rogaway 2002, "Ciphers with arbitrary finite domains" (a Feistel network, walked
 * until it falls below n).
 */
import { philox } from './random.ts';

const ROUNDS = 6;

/** Half the bits of the smallest even-width domain that holds n values, at least 1. */
export function permutationHalfBits(n: number): number {
  let half = 1;
  while (4 ** half < n) half++;
  return half;
}

/** Mixes all bits of a word. Source: "lowbias32", Chris Wellons 2018, hash-prospector. */
function mixWord(word: number): number {
  let x = word;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/**
 * Where the permutation of (seed, stream, epoch) sends `index`.
 *
 * @param index In [0, n).
 * @param n From 1 to 2^32.
 * @throws {RangeError} If `index` is not in [0, n).
 */
export function permute(
  index: number,
  n: number,
  seed: number,
  stream: number,
  epoch: number,
): number {
  if (!Number.isInteger(index) || index < 0 || index >= n || n > 2 ** 32) {
    throw new RangeError(`Cannot permute index ${index}: it must be an integer in [0, ${n})`);
  }
  const keys = philox([epoch >>> 0, 0, 0, 0], [seed >>> 0, stream >>> 0]);
  const half = permutationHalfBits(n);
  const mask = 2 ** half - 1;
  let value = index;
  do {
    let left = Math.floor(value / 2 ** half);
    let right = (value & mask) >>> 0;
    for (let r = 0; r < ROUNDS; r++) {
      const key = (keys[(r % 4) as 0 | 1 | 2 | 3] + r) >>> 0;
      const next = (left ^ (mixWord((right ^ key) >>> 0) & mask)) >>> 0;
      left = right;
      right = next;
    }
    value = left * 2 ** half + right;
  } while (value >= n);
  return value;
}
