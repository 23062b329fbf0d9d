import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatShape, numel, pack, padLast, roundUp, sameShape, unpack } from './shape.ts';

const shapes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 });

describe('padLast()', () => {
  it('rounds the trailing axes up to four and leaves the others', () => {
    expect(padLast([5, 3], 1)).toEqual([5, 4]);
    expect(padLast([3, 3, 2, 9], 2)).toEqual([3, 3, 4, 12]);
    expect(padLast([8], 1)).toEqual([8]);
  });
});

describe('pack() and unpack()', () => {
  it('put logical values at their padded places and zeros elsewhere', () => {
    expect([...pack([1, 2, 3, 4, 5, 6], [2, 3], [2, 4])]).toEqual([1, 2, 3, 0, 4, 5, 6, 0]);
    expect([...pack([1, 2], [1, 2], [4, 4]).slice(0, 5)]).toEqual([1, 2, 0, 0, 0]);
  });

  it('are inverses, and all that pack() adds is zero', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 2 }), (shape, axes) => {
        const padded = padLast(shape, axes);
        const values = Float32Array.from({ length: numel(shape) }, (_, i) => i + 1);
        const stored = pack(values, shape, padded);
        expect([...unpack(stored, shape, padded)]).toEqual([...values]);
        expect(stored.filter((v) => v === 0)).toHaveLength(numel(padded) - numel(shape));
      }),
    );
  });
});

describe('small functions', () => {
  it('count, compare, round and print shapes', () => {
    expect(numel([])).toBe(1);
    expect(numel([2, 3, 4])).toBe(24);
    expect(sameShape([1, 2], [1, 2])).toBe(true);
    expect(sameShape([1, 2], [1, 2, 1])).toBe(false);
    expect(sameShape([1, 2], [2, 1])).toBe(false);
    expect(formatShape([64, 784])).toBe('[64, 784]');
    expect([roundUp(0, 4), roundUp(1, 4), roundUp(4, 4), roundUp(5, 4)]).toEqual([0, 4, 4, 8]);
  });
});
