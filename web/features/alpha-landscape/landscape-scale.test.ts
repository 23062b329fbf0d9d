import { describe, expect, it } from 'vitest';
import { curvePath, lossRange, lowestPair } from './landscape-scale.ts';

describe('scales of a landscape', () => {
  it('span what is finite and stay flat where the losses do', () => {
    expect(lossRange([0.5, null, 0.25])).toEqual({ low: 0.25, span: 0.25 });
    expect(lossRange([2, 2])?.span).toBeCloseTo(2e-6, 12);
    expect(lossRange([null])).toBeNull();
    expect(lossRange([])).toBeNull();
  });

  it('break the line where a loss is not finite', () => {
    const path = curvePath(
      [0, 0.5, 1],
      [1, null, 2],
      (a) => 10 * a,
      (l) => l,
    );
    expect(path).toBe('M0.0 1.0M10.0 2.0');
    expect(
      curvePath(
        [0, 1],
        [1, 2],
        (a) => a,
        (l) => l,
      ),
    ).toBe('M0.0 1.0L1.0 2.0');
  });

  it('find the lowest of a grid, the first of equals', () => {
    expect(
      lowestPair([
        [3, null],
        [1, 1],
      ]),
    ).toEqual({ row: 1, column: 0 });
    expect(lowestPair([[null]])).toBeNull();
  });
});
