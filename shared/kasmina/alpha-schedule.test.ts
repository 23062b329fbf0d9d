import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AlphaCurve, type AlphaRamp } from '../contracts/seed.ts';
import { alphaAt, rampEnd, retarget } from './alpha-schedule.ts';

const unit = fc.double({ min: 0, max: 1, noNaN: true });
const ramps: fc.Arbitrary<AlphaRamp> = fc.record({
  curve: fc.constantFrom(...AlphaCurve.options),
  from: unit,
  to: unit,
  startStep: fc.integer({ min: 0, max: 1_000_000 }),
  steps: fc.integer({ min: 0, max: 100_000 }),
});
const up = (curve: AlphaCurve): AlphaRamp => ({
  curve,
  from: 0,
  to: 1,
  startStep: 100,
  steps: 200,
});

describe('alphaAt()', () => {
  it.each(AlphaCurve.options)('has exact ends on the %s curve, up and down', (curve) => {
    expect(alphaAt(up(curve), 100)).toBe(0);
    expect(alphaAt(up(curve), 300)).toBe(1);
    const down = { ...up(curve), from: 0.7, to: 0.1 };
    expect(alphaAt(down, 0)).toBe(0.7);
    expect(alphaAt(down, 300)).toBe(0.1);
    expect(alphaAt(down, 9e9)).toBe(0.1);
  });

  it.each(AlphaCurve.options)('is half way at half time on the %s curve', (curve) => {
    expect(alphaAt(up(curve), 200)).toBeCloseTo(0.5, 12);
  });

  it('follows the formulas of docs/kasmina.md', () => {
    const sigma = (x: number) => 1 / (1 + Math.exp(-x));
    for (const t of [0.05, 0.25, 0.6, 0.95]) {
      const step = 100 + 200 * t;
      expect(alphaAt(up('linear'), step)).toBeCloseTo(t, 12);
      expect(alphaAt(up('cosine'), step)).toBeCloseTo((1 - Math.cos(Math.PI * t)) / 2, 12);
      const sigmoid = (sigma(12 * (t - 0.5)) - sigma(-6)) / (sigma(6) - sigma(-6));
      expect(alphaAt(up('sigmoid'), step)).toBeCloseTo(sigmoid, 12);
    }
  });

  it('jumps when the ramp takes no steps', () => {
    expect(alphaAt({ ...up('cosine'), steps: 0 }, 100)).toBe(1);
    expect(alphaAt({ ...up('cosine'), steps: 0 }, 99)).toBe(0);
  });

  it('property: monotone, within its ends, exact outside the ramp', () => {
    fc.assert(
      fc.property(ramps, fc.array(unit, { minLength: 2, maxLength: 20 }), (ramp, shares) => {
        const steps = shares
          .map((s) => ramp.startStep + Math.round(s * ramp.steps))
          .sort((a, b) => a - b);
        const alphas = steps.map((step) => alphaAt(ramp, step));
        const sign = Math.sign(ramp.to - ramp.from);
        for (let i = 1; i < alphas.length; i++) {
          expect(sign * ((alphas[i] as number) - (alphas[i - 1] as number))).toBeGreaterThanOrEqual(
            0,
          );
        }
        for (const alpha of alphas) {
          expect(alpha).toBeGreaterThanOrEqual(Math.min(ramp.from, ramp.to));
          expect(alpha).toBeLessThanOrEqual(Math.max(ramp.from, ramp.to));
        }
        expect(alphaAt(ramp, rampEnd(ramp))).toBe(ramp.to);
        expect(alphaAt(ramp, ramp.startStep - 1)).toBe(ramp.from);
      }),
    );
  });

  it('property: neighbouring steps never move against the ramp', () => {
    fc.assert(
      fc.property(ramps, unit, (ramp, s) => {
        const step = ramp.startStep + Math.floor(s * ramp.steps);
        const moved = alphaAt(ramp, step + 1) - alphaAt(ramp, step);
        expect(Math.sign(ramp.to - ramp.from) * moved).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses numbers that are none', () => {
    expect(() => alphaAt({ ...up('linear'), to: Number.NaN }, 1)).toThrow(
      'Cannot ramp alpha from 0 to NaN: both must be in [0, 1]',
    );
    expect(() => alphaAt({ ...up('linear'), steps: -1 }, 1)).toThrow(RangeError);
    expect(() => alphaAt(up('linear'), Number.NaN)).toThrow('the step must be finite');
  });
});

describe('retarget()', () => {
  it('property: continues from the current alpha and reaches the new target', () => {
    fc.assert(
      fc.property(ramps, unit, unit, fc.integer({ min: 1, max: 500 }), (ramp, s, to, steps) => {
        const step = ramp.startStep + Math.round(s * ramp.steps);
        const next = retarget(ramp, step, to, steps);
        expect(alphaAt(next, step)).toBe(alphaAt(ramp, step));
        expect(alphaAt(next, step + steps)).toBe(to);
        expect(next.curve).toBe(ramp.curve);
      }),
    );
  });

  it('keeps the duration unless told', () => {
    expect(retarget(up('linear'), 200, 0)).toEqual({
      curve: 'linear',
      from: 0.5,
      to: 0,
      startStep: 200,
      steps: 200,
    });
    expect(() => retarget(up('linear'), 200, 1.5)).toThrow(RangeError);
  });
});
