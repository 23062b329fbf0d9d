import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Scaling } from '../contracts/experiment.ts';
import { applyScaling, fitScaling } from './scaling.ts';

const rowsOf = (n: number) => Array.from({ length: n }, (_, i) => i);

describe('fitScaling()', () => {
  it('standard gives zero mean and unit variance on the rows it was fitted on', () => {
    const values = Float64Array.of(1, 10, 2, 20, 3, 30, 1000, 1000);
    const fitted = fitScaling('standard', values, 2, [0, 1, 2]);
    const scaled = [...applyScaling(fitted, values, 2, [0, 1, 2])];
    for (const f of [0, 1]) {
      const column = scaled.filter((_, i) => i % 2 === f);
      expect(column.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 6);
      expect(column.reduce((a, b) => a + b * b, 0) / 3).toBeCloseTo(1, 6);
    }
    expect(fitted.offset[0]).toBeCloseTo(2, 12);
  });

  it('minmax maps to [0, 1]; divideBy divides', () => {
    const values = Uint8Array.of(10, 20, 30);
    expect([
      ...applyScaling(fitScaling('minmax', values, 1, [0, 1, 2]), values, 1, [2, 0, 1]),
    ]).toEqual([1, 0, 0.5]);
    expect([
      ...applyScaling(fitScaling({ divideBy: 10 }, values, 1, [0]), values, 1, [0, 2]),
    ]).toEqual([1, 3]);
  });

  it.each<Scaling>(['standard', 'minmax'])('%s keeps constant features finite', (scaling) => {
    for (const constant of [0, 7, 0.1, -1e9, 1e-300]) {
      const values = new Float64Array(10).fill(constant);
      const fitted = fitScaling(scaling, values, 1, rowsOf(10));
      expect(fitted.factor).toEqual([1]);
      for (const y of applyScaling(fitted, values, 1, rowsOf(10)))
        expect(Math.abs(y)).toBeLessThan(1e-6);
    }
  });

  it('can be undone to float32 accuracy', () => {
    const value = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    const scaling = fc.constantFrom<Scaling>('none', 'standard', 'minmax', { divideBy: 255 });
    fc.assert(
      fc.property(
        scaling,
        fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 12 }),
        (s, rows) => {
          const values = Float64Array.from(rows.flat());
          const fitted = fitScaling(s, values, 2, rowsOf(rows.length));
          const scaled = applyScaling(fitted, values, 2, rowsOf(rows.length));
          const { offset, factor } = fitted;
          const back = Array.from(scaled, (y, i) => y / factor[i % 2]! + offset[i % 2]!);
          const largest = Math.max(1e-30, ...values.map(Math.abs));
          back.forEach((v, i) => {
            expect(Math.abs(v - values[i]!)).toBeLessThanOrEqual(largest * 1e-6);
          });
        },
      ),
      { numRuns: 200 },
    );
  });
});
