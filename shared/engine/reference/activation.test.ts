import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ACTIVATIONS, FROM_OUTPUT } from '../plan/ops-elementwise.ts';
import { activate, activationSlope } from './activation.ts';
import { blendValue } from './epilogue.ts';

const value = fc.double({ min: -6, max: 6, noNaN: true }).filter((v) => Math.abs(v) > 1e-3);

describe('activate()', () => {
  it('has the values of the definitions', () => {
    expect([activate('relu', -2), activate('relu', 3)]).toEqual([0, 3]);
    expect(activate('sigmoid', 0)).toBe(0.5);
    expect(activate('tanh', 1)).toBeCloseTo(0.761594155956, 12);
    // Source: the tanh form of gelu at 1, computed with 30 digits.
    expect(activate('gelu', 1)).toBeCloseTo(0.841191990608, 9);
    expect([activate('leaky_relu', -2), activate('leaky_relu', 3)]).toEqual([-0.02, 3]);
    // 1 / (1 + e^-1).
    expect(activate('silu', 1)).toBeCloseTo(0.7310585786, 9);
    expect(activate('none', -7)).toBe(-7);
    expect(() => activate('swish', 0)).toThrow('Cannot find activation "swish"');
  });

  it('lets a NaN through', () => {
    for (const kind of ACTIVATIONS) {
      expect(activate(kind, Number.NaN), kind).toBeNaN();
    }
  });
});

describe('activationSlope()', () => {
  it.each(ACTIVATIONS)('is the derivative of %s', (kind) => {
    const h = 1e-6;
    fc.assert(
      fc.property(value, (v) => {
        const saved = FROM_OUTPUT.includes(kind) ? activate(kind, v) : v;
        const difference = (activate(kind, v + h) - activate(kind, v - h)) / (2 * h);
        expect(activationSlope(kind, saved)).toBeCloseTo(difference, 8);
      }),
    );
  });
});

describe('blendValue()', () => {
  const modes = fc.constantFrom('add', 'replace', 'multiply');

  it('is the host exactly at alpha 0, whatever the seed holds', () => {
    const seed = fc.oneof(value, fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY));
    fc.assert(fc.property(modes, value, seed, (m, z, s) => blendValue(m, z, s, 0) === z));
  });

  it('follows the definition of each mode', () => {
    expect(blendValue('add', 2, 3, 0.5)).toBe(3.5);
    expect(blendValue('replace', 2, 3, 0.5)).toBe(2.5);
    expect(blendValue('multiply', 2, 1e9, 0.5)).toBe(3);
    expect(() => blendValue('mix', 1, 1, 1)).toThrow('Cannot find blend mode "mix"');
  });
});
