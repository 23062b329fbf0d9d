import { describe, expect, it } from 'vitest';
import { RandomStream } from '../base/random.ts';
import { gradMax } from './gradmax.ts';
import { ascend, gradMaxOptimised } from './gradmax-optimised.ts';

const options = { seed: 3, name: 'fc1', steps: 400 };
/** B = 3 u1 v1' + 2 u2 v2' with v1 = (0.6, 0.8, 0), v2 = (0, 0, 1). */
const TWO_PARTS = [1.8, 2.4, 0, 0, 0, 2];

describe('GradMax by ascent', () => {
  it('takes the step that its definition says', () => {
    // B = diag(2, 1): B'B = diag(4, 1), ||B||^2 = 5, so (0.6, 0.8) goes to (0.6 * 9, 0.8 * 6) / 5.
    const { fanOut, score, values } = ascend([2, 0, 0, 1], 2, 2, [Float64Array.of(0.6, 0.8)], 1);
    const norm = Math.hypot(0.6 * 9, 0.8 * 6);
    expect(fanOut[0]![0]).toBeCloseTo((0.6 * 9) / norm, 14);
    expect(fanOut[0]![1]).toBeCloseTo((0.8 * 6) / norm, 14);
    const want = (4 * (0.6 * 9) ** 2 + (0.8 * 6) ** 2) / norm ** 2;
    expect(score).toBeCloseTo(want, 13);
    expect(values[0]).toBeCloseTo(Math.sqrt(want), 14);
  });

  it('ends at the closed form: the singular vectors, largest first', () => {
    const { fanOut, score, values } = gradMaxOptimised(TWO_PARTS, 2, 3, 5, options);
    expect(values[0]).toBeCloseTo(3, 10);
    expect(values[1]).toBeCloseTo(2, 10);
    expect(score).toBeCloseTo(13, 9);
    const sign = Math.sign(fanOut[0]![0]!);
    [0.6, 0.8, 0].forEach((x, i) => {
      expect(sign * fanOut[0]![i]!).toBeCloseTo(x, 6);
    });
    expect(Math.abs(fanOut[1]![2]!)).toBeCloseTo(1, 6);
    // The third direction feels nothing.
    expect(values).toHaveLength(2);
  });

  it('climbs from random fan-out towards GradMax, and never past it', () => {
    const random = new RandomStream(9, 'b');
    const b = Float64Array.from({ length: 7 * 5 }, () => random.normal());
    for (const units of [1, 2, 5]) {
      const best = gradMax(b, 7, 5, units).score;
      const scores = [0, 1, 3, 10, 30, 3000].map(
        (steps) => gradMaxOptimised(b, 7, 5, units, { ...options, steps }).score,
      );
      scores.slice(1).forEach((score, i) => {
        expect(score).toBeGreaterThanOrEqual(scores[i]! - 1e-9);
      });
      expect(scores.at(-1)! / best).toBeCloseTo(1, 6);
      expect(Math.max(...scores)).toBeLessThanOrEqual(best * (1 + 1e-12));
      if (units < 5) expect(scores[0]! / best).toBeLessThan(0.95);
    }
  });

  it('is a function of seed and name, and has nothing to say of a gradient that is zero', () => {
    const once = gradMaxOptimised(TWO_PARTS, 2, 3, 1, { ...options, steps: 1 });
    expect(gradMaxOptimised(TWO_PARTS, 2, 3, 1, { ...options, steps: 1 })).toEqual(once);
    const other = gradMaxOptimised(TWO_PARTS, 2, 3, 1, { ...options, steps: 1, name: 'fc2' });
    expect(other.fanOut).not.toEqual(once.fanOut);
    const none = { score: 0, values: [], fanOut: [] };
    expect(gradMaxOptimised([0, 0, 0, 0], 2, 2, 3, options)).toEqual(none);
  });
});
