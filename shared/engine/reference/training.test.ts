import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { metricsOf } from './metrics.ts';
import { meanSquaredError, softmaxCrossEntropy } from './training.ts';

const logits = fc.array(fc.double({ min: -50, max: 50, noNaN: true }), {
  minLength: 2,
  maxLength: 8,
});

describe('softmaxCrossEntropy()', () => {
  it('gives log K for equal logits', () => {
    const gradient = new Float64Array(4);
    expect(softmaxCrossEntropy(new Float64Array(4).fill(3), 1, gradient)).toBeCloseTo(
      Math.log(4),
      12,
    );
    expect([...gradient]).toEqual([0.25, -0.75, 0.25, 0.25]);
  });

  it('does not overflow, and its gradient sums to zero', () => {
    const big = softmaxCrossEntropy(Float64Array.of(1000, 0), 1, new Float64Array(2));
    expect(big).toBe(1000);
    fc.assert(
      fc.property(logits, (values) => {
        const gradient = new Float64Array(values.length);
        const loss = softmaxCrossEntropy(Float64Array.from(values), 0, gradient);
        expect(loss).toBeGreaterThanOrEqual(0);
        expect(Math.abs(gradient.reduce((a, b) => a + b, 0))).toBeLessThan(1e-12);
      }),
    );
  });

  it('does not change when all logits move together', () => {
    fc.assert(
      fc.property(logits, fc.integer({ min: -100, max: 100 }), (values, shift) => {
        const one = softmaxCrossEntropy(Float64Array.from(values), 1, new Float64Array(8));
        const moved = Float64Array.from(values, (v) => v + shift);
        expect(softmaxCrossEntropy(moved, 1, new Float64Array(8))).toBeCloseTo(one, 9);
      }),
    );
  });
});

describe('meanSquaredError()', () => {
  it('is the mean over the classes, with its gradient', () => {
    const gradient = new Float64Array(4);
    expect(meanSquaredError(Float64Array.of(1, 0, 0, 3), 0, gradient)).toBe(9 / 4);
    expect([...gradient]).toEqual([0, 0, 0, 1.5]);
    expect(meanSquaredError(Float64Array.of(1, 0, 0, 3), 3, gradient)).toBe(5 / 4);
    expect([...gradient]).toEqual([0.5, 0, 0, 1]);
  });
});

describe('metricsOf()', () => {
  it('averages the loss over valid rows and counts the others out', () => {
    const rows = Float64Array.of(1, 1, 1, 0, 3, 0, 1, 0, 0, 0, 0, 0);
    expect(metricsOf(rows)).toEqual([2, 1, 2, 0]);
  });

  it('hides no loss that is not a number', () => {
    expect(metricsOf(Float64Array.of(Number.NaN, 0, 1, 0))[0]).toBeNaN();
  });
});
