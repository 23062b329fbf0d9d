import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeIdx } from './_test-files.ts';
import { parseIdx } from './idx.ts';

const RANGES = {
  u8: [0, 255],
  i8: [-128, 127],
  i16: [-32768, 32767],
  i32: [-2147483648, 2147483647],
} as const;

describe('parseIdx()', () => {
  it('returns the shape and values that were written', () => {
    const shape = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
    const kind = fc.constantFrom('u8', 'i8', 'i16', 'i32', 'f32', 'f64');
    fc.assert(
      fc.property(shape, kind, fc.integer(), (axes, type, salt) => {
        const length = axes.reduce((a, b) => a * b, 1);
        const [low, high] = type === 'f32' || type === 'f64' ? [-1000, 1000] : RANGES[type];
        const values = Array.from({ length }, (_, i) => {
          const spread = Math.abs(Math.imul(salt + i, 0x9e3779b1)) % (high - low + 1);
          return Math.fround(low + spread);
        }).map((v) => (type.startsWith('f') ? v / 8 : Math.min(high, v)));
        const array = parseIdx(writeIdx(type, axes, values), 'a.idx');
        expect(array.shape).toEqual(axes);
        expect([...array.values]).toEqual(values);
      }),
      { numRuns: 100 },
    );
  });

  it('names a wrong magic and where it stands', () => {
    const zip = Uint8Array.of(0x50, 0x4b, 0x03, 0x04, 0, 0, 0, 0);
    expect(() => parseIdx(zip, 'a.idx')).toThrow(
      'Cannot read "a.idx": IDX magic is 0x504b0304 at byte 0, expected 0x000008NN',
    );
  });

  it('refuses files that are cut off or too long', () => {
    const whole = writeIdx('u8', [2, 3], [1, 2, 3, 4, 5, 6]);
    expect(() => parseIdx(whole.slice(0, -1), 'a.idx')).toThrow(
      'Cannot read "a.idx": cut off, 17 bytes where shape [2, 3] of uint8 needs 18',
    );
    expect(() => parseIdx(Uint8Array.of(...whole, 0), 'a.idx')).toThrow(
      'longer than its header says',
    );
    expect(() => parseIdx(whole.slice(0, 9), 'a.idx')).toThrow('cut off in the header at byte 9');
    expect(() => parseIdx(whole.slice(0, 3), 'a.idx')).toThrow('too short for an IDX header');
  });
});
