import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorruptDataError } from './errors.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';

const file = () => ({
  tensors: new Map([
    ['b', { shape: [2, 3], data: new Float32Array([1, -2, 3.5, 0, -0, 1e-40]) }],
    ['a', { shape: [], data: new Float32Array([7]) }],
    ['empty', { shape: [0, 4], data: new Float32Array() }],
  ]),
  metadata: { made: 'by a test, ä' },
});

describe('safetensors', () => {
  it('reads back what was written, bit for bit, in any order of insertion', () => {
    const bytes = writeSafetensors(file());
    expect(readSafetensors(bytes, 'f')).toEqual(file());
    const reversed = { ...file(), tensors: new Map([...file().tensors].reverse()) };
    expect(writeSafetensors(reversed)).toEqual(bytes);
    expect(bytes.length % 4).toBe(0);
  });

  it('refuses every cut, and never fails otherwise on changed bytes', () => {
    const bytes = writeSafetensors(file());
    for (let n = 0; n < bytes.length; n++) {
      expect(() => readSafetensors(bytes.subarray(0, n), 'cut')).toThrow(CorruptDataError);
    }
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const bad = bytes.slice();
        bad[at] = value;
        try {
          readSafetensors(bad, 'bad');
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptDataError);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('names the file and what is wrong with it', () => {
    const header = (value: unknown) => {
      const text = new TextEncoder().encode(JSON.stringify(value));
      const bytes = new Uint8Array(8 + text.length + 4);
      new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
      bytes.set(text, 8);
      return bytes;
    };
    const tensor = { dtype: 'F32', shape: [1], data_offsets: [0, 4] };
    expect(readSafetensors(header({ a: tensor }), 'x').tensors.get('a')?.shape).toEqual([1]);
    for (const [value, message] of [
      [{ a: { ...tensor, dtype: 'F16' } }, 'tensor "a" is F16, must be F32'],
      [{ a: { ...tensor, shape: [2] } }, 'tensor "a" claims bytes 0 to 4 of 4'],
      [{ a: { ...tensor, shape: [-1] } }, 'tensor "a" has no shape'],
      [{ a: { ...tensor, data_offsets: [0] } }, 'tensor "a" has no data offsets'],
      [{ a: tensor, b: tensor }, 'gap or overlap at byte 4'],
      [{}, 'its tensors cover 0 of 4 bytes'],
      [null, 'its header is no object'],
    ] as const) {
      expect(() => readSafetensors(header(value), 'x')).toThrow(
        `Cannot read "x" as safetensors: ${message.startsWith('tensor') ? message : ''}`,
      );
      expect(() => readSafetensors(header(value), 'x')).toThrow(message);
    }
  });
});
