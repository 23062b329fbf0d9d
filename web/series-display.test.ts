import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decimateIndices,
  finiteExtent,
  lowerBound,
  smoothSeries,
  visibleRange,
} from './series-display.ts';

const values = fc
  .array(fc.oneof(fc.double({ min: -1e3, max: 1e3, noNaN: true }), fc.constant(Number.NaN)), {
    maxLength: 400,
  })
  .map((list) => Float64Array.from(list));

describe('smoothSeries()', () => {
  it('changes nothing at factor 0', () => {
    expect(Array.from(smoothSeries(Float64Array.of(3, 1, 2), 0))).toEqual([3, 1, 2]);
  });

  it('starts at the first value instead of near zero', () => {
    expect(smoothSeries(Float64Array.of(5, 5, 5), 0.9)[0]).toBeCloseTo(5, 12);
  });

  it('keeps gaps, and stays between the lowest and the highest value', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 0.99, noNaN: true }), (series, factor) => {
        const smooth = smoothSeries(series, factor);
        const extent = finiteExtent(series);
        series.forEach((value, i) => {
          const drawn = smooth[i] as number;
          expect(Number.isNaN(drawn)).toBe(Number.isNaN(value));
          if (Number.isNaN(drawn) || !extent) return;
          expect(drawn).toBeGreaterThanOrEqual(extent[0] - 1e-6);
          expect(drawn).toBeLessThanOrEqual(extent[1] + 1e-6);
        });
      }),
    );
  });
});

describe('decimateIndices()', () => {
  it('keeps all points when there are few', () => {
    expect(decimateIndices(Float64Array.of(1, 2, 3), 1, 3, 50)).toEqual([1, 2]);
  });

  it('keeps both ends, every extreme and a trace of gaps, in few ascending points', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 20 }), (series, buckets) => {
        const indices = decimateIndices(series, 0, series.length, buckets);
        const picked = indices.map((i) => series[i] as number);
        expect(finiteExtent(picked)).toEqual(finiteExtent(series));
        expect(indices).toEqual([...new Set(indices)].sort((a, b) => a - b));
        expect(indices.length).toBeLessThanOrEqual(Math.max(buckets * 5, 4));
        if (series.length > 0) {
          expect(indices[0]).toBe(0);
          expect(indices.at(-1)).toBe(series.length - 1);
        }
        expect(picked.some(Number.isNaN)).toBe(series.some(Number.isNaN));
      }),
    );
  });
});

describe('visibleRange()', () => {
  it('includes one neighbour on each side, so that lines reach the edge', () => {
    const steps = Float64Array.of(10, 20, 30, 40, 50);
    expect(visibleRange(steps, 25, 35)).toEqual({ from: 1, to: 5 });
    expect(visibleRange(steps, 0, 100)).toEqual({ from: 0, to: 5 });
    expect(visibleRange(new Float64Array(0), 0, 1)).toEqual({ from: 0, to: 0 });
  });

  it('finds the first step at or after a target', () => {
    const steps = Float64Array.of(10, 20, 30);
    expect([5, 10, 11, 31].map((target) => lowerBound(steps, target))).toEqual([0, 0, 1, 3]);
  });
});
