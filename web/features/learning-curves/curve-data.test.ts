import { describe, expect, it } from 'vitest';
import { runSeries } from '../../run-store.ts';
import { curveColumns, curveRange, describeSeries } from './curve-data.ts';

const view = { smoothing: 0, isLogLoss: false, zoom: null };

describe('curveColumns()', () => {
  it('gives gaps for values that are not finite, and for zero on a log axis', () => {
    runSeries.clear();
    const steps = Float64Array.of(1, 2, 3);
    const loss = Float64Array.of(0, Number.POSITIVE_INFINITY, 0.5);
    runSeries.append({ steps, loss, accuracy: loss });
    expect(curveColumns('loss', view, 100)[1]).toEqual([0, null, 0.5]);
    expect(curveColumns('loss', { ...view, isLogLoss: true }, 100)[1]).toEqual([null, null, 0.5]);
    expect(curveColumns('loss', { ...view, zoom: { min: 3, max: 3 } }, 100)[0]).toEqual([2, 3]);
  });
});

describe('curveRange()', () => {
  it('ends accuracy at 1 and shows the lowest value', () => {
    expect(curveRange('accuracy', false, [0.5, 0.9])).toEqual([0.45, 1]);
    expect(curveRange('accuracy', false, [])).toEqual([0, 1]);
  });

  it('stays positive on a log axis', () => {
    for (const [low, high] of [
      [0.01, 1],
      [0.0234, 0.71],
      [4.9, 5.1],
      [2.1, 2.2],
    ] as const) {
      const range = curveRange('loss', true, [low, high]);
      expect(range[0]).toBeGreaterThan(low / 6);
      expect(range[0]).toBeLessThanOrEqual(low * (1 + 1e-9));
      expect(range[1]).toBeGreaterThanOrEqual(high * (1 - 1e-9));
      expect(range[1]).toBeGreaterThan(range[0]);
    }
  });

  it('is never empty', () => {
    const [low, high] = curveRange('loss', false, [2, 2]);
    expect(high).toBeGreaterThan(low);
  });
});

describe('describeSeries()', () => {
  it('names both ends, the best point and the gaps', () => {
    expect(describeSeries('loss', [1, 2, 3, 4], [0.7, Number.NaN, 0.1, 0.2])).toBe(
      'Training loss went from 0.700 at step 1 to 0.200 at step 4; lowest 0.100 at step 3. 1 points were not finite and are gaps.',
    );
    expect(describeSeries('accuracy', [], [])).toBe('No accuracy measured yet.');
  });
});
