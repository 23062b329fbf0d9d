import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomStream } from '../../base/random.ts';
import { gradMax } from '../../tamiyo/gradmax.ts';
import { adamAscent } from './adam-ascent.ts';

const SIZE = 10;

function drawn(seed: number): { b: number[][]; start: number[] } {
  const random = new RandomStream(seed, 'ascent');
  const b = Array.from({ length: SIZE }, () => Array.from({ length: SIZE }, () => random.normal()));
  return { b, start: Array.from({ length: SIZE }, () => random.uniform()) };
}

const gain = (b: number[][], w: readonly number[]) =>
  Math.hypot(...b.map((row) => row.reduce((sum, x, o) => sum + x * w[o]!, 0))) / Math.hypot(...w);

describe('adamAscent()', () => {
  test('the first step moves every weight by the rate along the sign of its slope', () => {
    // B = diag(2, 1) at (0.6, 0.8): the slope of ||B w|| is (4 * 0.6, 0.8) / ||B w||, both above 0.
    const [x, y] = adamAscent(
      [
        [2, 0],
        [0, 1],
      ],
      [0.6, 0.8],
      1,
    ) as [number, number];
    const length = Math.hypot(0.601, 0.801);
    expect(x).toBeCloseTo(0.601 / length, 8);
    expect(y).toBeCloseTo(0.801 / length, 8);
  });

  test('climbs, keeps the length, never passes GradMax, and turns by some degrees alone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
        const { b, start } = drawn(seed);
        const length = Math.hypot(...start);
        const end = adamAscent(
          b,
          start.map((v) => v / length),
          100,
        );
        expect(Math.hypot(...end)).toBeCloseTo(1, 12);
        const before = gain(b, start);
        const after = gain(b, end);
        expect(after).toBeGreaterThan(before);
        expect(after).toBeLessThanOrEqual(gradMax(b.flat(), SIZE, SIZE, 1).values[0]! * (1 + 1e-9));
        const cosine = end.reduce((sum, v, o) => sum + (v * start[o]!) / length, 0);
        // 100 steps of 0.001 for each of ten weights: a way of 0.316 on the unit sphere at most.
        expect(cosine).toBeGreaterThan(Math.cos(0.33));
      }),
      { numRuns: 25 },
    );
  });

  test('a gradient that is zero leaves the start', () => {
    expect(
      adamAscent(
        [
          [0, 0],
          [0, 0],
        ],
        [0.6, 0.8],
        5,
      ),
    ).toEqual([0.6, 0.8]);
  });
});
