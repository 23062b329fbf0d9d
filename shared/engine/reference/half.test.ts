import { describe, expect, it } from 'vitest';
import { RandomStream } from '../../base/random.ts';
import { roundToHalf } from './half.ts';

/** The value of the float16 with these bits, by the definition of the format. */
function halfOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

describe('roundToHalf()', () => {
  it('keeps every float16', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = halfOf(bits);
      // Zeros lose their sign, which no product tells.
      expect(roundToHalf(value)).toEqual(value + 0);
    }
  });

  it('takes the nearest of two neighbours, and of two equally near the even one', () => {
    for (let bits = 0; bits < 0x7bff; bits++) {
      const [low, high] = [halfOf(bits), halfOf(bits + 1)];
      const middle = (low + high) / 2;
      const step = high - low;
      expect(roundToHalf(middle)).toBe(bits % 2 === 0 ? low : high);
      expect(roundToHalf(middle - step / 1024)).toBe(low);
      expect(roundToHalf(-middle - step / 1024)).toBe(-high);
    }
  });

  it('is infinite from half a step above the largest on', () => {
    expect(roundToHalf(65_519.99)).toBe(65_504);
    expect(roundToHalf(65_520)).toBe(Number.POSITIVE_INFINITY);
    expect(roundToHalf(-1e30)).toBe(Number.NEGATIVE_INFINITY);
    expect(roundToHalf(Number.NaN)).toBeNaN();
  });

  it('is off by at most 2^-11 of a normal number', () => {
    const random = new RandomStream(1, 'half');
    for (let i = 0; i < 1000; i++) {
      const value = random.normal() * 2 ** (random.integer(24) - 12);
      if (Math.abs(value) < 2 ** -14) continue;
      expect(Math.abs(roundToHalf(value) - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -11);
    }
  });
});
