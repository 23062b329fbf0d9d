import { describe, expect, it } from 'vitest';
import { heat } from './health-scale.ts';

describe('heat()', () => {
  it('keeps the unmeasured apart from the small', () => {
    expect(heat(null, 'log', [1, null])).toBeNull();
    expect(heat(0, 'log', [1, 0])).toBe(0);
  });

  it('orders magnitudes and stays in [0, 1]', () => {
    const column = [1e-6, 1e-3, 10, null, -0.5];
    const strengths = [1e-6, 1e-3, -0.5, 10].map((v) => heat(v, 'log', column) as number);
    expect(strengths).toEqual([...strengths].sort((a, b) => a - b));
    expect(strengths[0]).toBeGreaterThan(0);
    expect(strengths.at(-1)).toBeCloseTo(1, 12);
  });

  it('does not tell near-equal values apart', () => {
    const [a, b] = [heat(1, 'log', [1, 1.02]) as number, heat(1.02, 'log', [1, 1.02]) as number];
    expect(b - a).toBeLessThan(0.02);
  });

  it('takes shares as they are', () => {
    expect(heat(-0.4, 'share', [])).toBeCloseTo(0.4, 12);
  });
});
