import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permutationHalfBits, permute } from './permutation.ts';

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const order = (n: number, seed: number, stream: number, epoch: number) =>
  Array.from({ length: n }, (_, i) => permute(i, n, seed, stream, epoch));

describe('permute()', () => {
  it('visits every row exactly once, for any size and key', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), word, word, word, (n, seed, stream, epoch) => {
        const seen = new Set(order(n, seed, stream, epoch));
        expect(seen.size).toBe(n);
        for (const row of seen) expect(row >= 0 && row < n).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('gives another order for another seed, stream or epoch', () => {
    const base = order(100, 1, 2, 3);
    expect(order(100, 1, 2, 3)).toEqual(base);
    expect(order(100, 9, 2, 3)).not.toEqual(base);
    expect(order(100, 1, 9, 3)).not.toEqual(base);
    expect(order(100, 1, 2, 9)).not.toEqual(base);
  });

  it('keeps its order from version to version, so that old runs replay', () => {
    expect(order(10, 1, 2, 0)).toMatchInlineSnapshot(`
      [
        1,
        9,
        5,
        7,
        6,
        2,
        4,
        8,
        3,
        0,
      ]
    `);
    expect(permute(12_345, 2 ** 32, 7, 8, 9)).toMatchInlineSnapshot(`322100622`);
  });

  it('sends each row to each place about equally often', () => {
    const n = 8;
    const hits = new Array<number>(n).fill(0);
    for (let epoch = 0; epoch < 4000; epoch++) hits[permute(3, n, 5, 6, epoch)]! += 1;
    // 500 expected; six standard deviations are about 125.
    for (const h of hits) expect(Math.abs(h - 500)).toBeLessThan(125);
  });

  it.each([-1, 5, 1.5, Number.NaN])('refuses index %s of 5', (index) => {
    expect(() => permute(index, 5, 0, 0, 0)).toThrow(
      `Cannot permute index ${index}: it must be an integer in [0, 5)`,
    );
  });
});

describe('permutationHalfBits()', () => {
  it.each([
    [1, 1],
    [4, 1],
    [5, 2],
    [16, 2],
    [17, 3],
    [2 ** 32, 16],
  ])('of %i is %i', (n, half) => {
    expect(permutationHalfBits(n)).toBe(half);
  });
});
