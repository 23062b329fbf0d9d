import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bestRecentImprovement,
  lossHistory,
  observationsSince,
  regressionSince,
} from './loss-trend.ts';

/** One point every 10 steps, from step 10. */
const trendOf = (...losses: (number | null)[]) =>
  lossHistory(losses.map((loss, i) => ({ step: 10 * (i + 1), loss, accuracy: null })));

describe('lossHistory()', () => {
  it('leaves out what was not measured', () => {
    expect(trendOf(1, null, Number.NaN, 2)).toEqual({
      steps: [10, 40],
      losses: [1, 2],
      latestMeasured: true,
    });
    expect(trendOf(1, Number.POSITIVE_INFINITY).latestMeasured).toBe(false);
    expect(lossHistory([]).latestMeasured).toBe(false);
  });
});

describe('bestRecentImprovement()', () => {
  it('compares neighbouring moving averages', () => {
    // Averages over 2: 9, 7.5, 6.5; improvements 1.5 / 9 and 1 / 7.5.
    expect(bestRecentImprovement(trendOf(99, 10, 8, 7, 6), 2)).toBeCloseTo(1.5 / 9, 12);
    expect(bestRecentImprovement(trendOf(4, 5), 1)).toBeCloseTo(-0.25, 12);
  });

  it('is unmeasured with too few losses, or without the newest', () => {
    expect(bestRecentImprovement(trendOf(1, 1, 1), 2)).toBeNull();
    expect(bestRecentImprovement(trendOf(1, 1, 1, 1, null), 2)).toBeNull();
    expect(bestRecentImprovement(trendOf(), 1)).toBeNull();
  });

  it('property: is the definition, computed the long way', () => {
    const losses = fc.array(fc.double({ min: 0.01, max: 5, noNaN: true }), {
      minLength: 10,
      maxLength: 30,
    });
    fc.assert(
      fc.property(losses, fc.integer({ min: 1, max: 5 }), (values, p) => {
        const average = (end: number) => values.slice(end - p, end).reduce((a, b) => a + b, 0) / p;
        const improvements = Array.from({ length: p }, (_, k) => {
          const end = values.length - k;
          return (average(end - 1) - average(end)) / average(end - 1);
        });
        expect(bestRecentImprovement(trendOf(...values), p)).toBeCloseTo(
          Math.max(...improvements),
          9,
        );
      }),
    );
  });
});

describe('regressionSince()', () => {
  it('compares up to three losses on either side of a step', () => {
    expect(regressionSince(trendOf(100, 1, 2, 3, 4, 5, 6), 40)).toBeCloseTo(5 / 2 - 1, 12);
    expect(regressionSince(trendOf(2, 3, 3), 10)).toBeCloseTo(0.5, 12);
    expect(regressionSince(trendOf(0, 1e-3, 1e-3), 10)).toBeCloseTo(1, 12);
  });

  it('counts a loss at the step itself as before it', () => {
    expect(observationsSince(trendOf(1, 2, 3), 20)).toBe(1);
    expect(observationsSince(trendOf(1, 2, 3), 19)).toBe(2);
  });

  it('is unmeasured without a loss before, two after, or the newest', () => {
    expect(regressionSince(trendOf(1, 2, 3), 5)).toBeNull();
    expect(regressionSince(trendOf(1, 2, 3), 20)).toBeNull();
    expect(regressionSince(trendOf(1, 2, 3, null), 10)).toBeNull();
    expect(regressionSince(trendOf(), 10)).toBeNull();
  });
});
