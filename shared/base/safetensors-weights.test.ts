import { describe, expect, it } from 'vitest';
import { readWeights } from './safetensors-weights.ts';

/** A file with one tensor, as another program would write it. */
function fileOf(dtype: string, shape: number[], data: Uint8Array): Uint8Array<ArrayBuffer> {
  const entry = { dtype, shape, data_offsets: [0, data.length] };
  const header = new TextEncoder().encode(JSON.stringify({ w: entry }));
  const out = new Uint8Array(8 + header.length + data.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(header.length), true);
  out.set(header, 8);
  out.set(data, 8 + header.length);
  return out;
}

const words = (...bits: number[]) => new Uint8Array(Uint16Array.from(bits).buffer);
const read = (dtype: string, data: Uint8Array, count: number) => [
  ...readWeights(fileOf(dtype, [count], data), 'w.safetensors').get('w')!.data,
];

describe('readWeights()', () => {
  it('widens half precision exactly', () => {
    // 1, -2, the largest, the smallest normal and subnormal numbers, infinity, minus zero.
    const bits = [0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x7c00, 0x8000];
    expect(read('F16', words(...bits), 7)).toEqual([
      1,
      -2,
      65504,
      2 ** -14,
      2 ** -24,
      Number.POSITIVE_INFINITY,
      -0,
    ]);
    expect(read('F16', words(0x7e00), 1)).toEqual([Number.NaN]);
  });

  it('reads bfloat16 as the upper half of a float32', () => {
    expect(read('BF16', words(0x3f80, 0xc040, 0x0001), 3)).toEqual([1, -3, 2 ** -133]);
  });

  it('rounds doubles and whole numbers to float32', () => {
    const doubles = new Uint8Array(Float64Array.of(0.1, 1e300).buffer);
    expect(read('F64', doubles, 2)).toEqual([Math.fround(0.1), Number.POSITIVE_INFINITY]);
    expect(read('I64', new Uint8Array(BigInt64Array.of(-7n, 123n).buffer), 2)).toEqual([-7, 123]);
  });

  it('keeps the payload of a float32', () => {
    const data = new Uint8Array(Uint32Array.of(0x7fc12345).buffer);
    const { data: values } = readWeights(fileOf('F32', [1], data), 'w').get('w')!;
    expect(new Uint32Array(values.buffer)[0]).toBe(0x7fc12345);
  });

  it('names what it cannot read', () => {
    expect(() => read('BOOL', new Uint8Array(2), 2)).toThrow(
      'Cannot read "w.safetensors" as safetensors: tensor "w" is BOOL, must be F64, F32, F16, BF16, I64, I32',
    );
    expect(() => read('F16', new Uint8Array(3), 2)).toThrow('claims bytes 0 to 3 of 3');
  });
});
