import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64, writeNpy } from './_test-files.ts';
import { parseNpy } from './npy.ts';

/** numpy.save of a 4 x 3 float64 array of quarters, in format version 2.0. */
const NUMPY_V2 =
  'k05VTVBZAgB0AAAAeydkZXNjcic6ICc8ZjgnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoNCwgMyksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAAAAAAAAANA/AAAAAAAA4D8AAAAAAADoPwAAAAAAAPA/AAAAAAAA9D8AAAAAAAD4PwAAAAAAAPw/AAAAAAAAAEAAAAAAAAACQAAAAAAAAARAAAAAAAAABkA=';
/** numpy.save of a 4 x 3 float32 array in Fortran order. */
const NUMPY_FORTRAN =
  'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoNCwgMyksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAABAPwAAwD8AABBAAACAPgAAgD8AAOA/AAAgQAAAAD8AAKA/AAAAQAAAMEA=';

describe('parseNpy()', () => {
  it('reads what NumPy wrote', () => {
    const array = parseNpy(fromBase64(NUMPY_V2), '"a.npy"');
    expect(array.shape).toEqual([4, 3]);
    expect([...array.values]).toEqual(Array.from({ length: 12 }, (_, i) => i / 4));
  });

  it.each([
    ['<f4', Float32Array],
    ['<f8', Float64Array],
    ['|i1', Int8Array],
    ['|u1', Uint8Array],
    ['<i2', Int16Array],
    ['<u2', Uint16Array],
    ['<i4', Int32Array],
    ['<u4', Uint32Array],
  ] as const)('returns %s arrays as they were written', (descr, Type) => {
    const bytes = fc.uint8Array({ minLength: 8, maxLength: 64 });
    fc.assert(
      fc.property(bytes, fc.constantFrom<1 | 2>(1, 2), (raw, version) => {
        const length = Math.floor(raw.length / Type.BYTES_PER_ELEMENT);
        const values = new Type(raw.slice().buffer, 0, length);
        const array = parseNpy(writeNpy(descr, [length], values, version), '"a.npy"');
        expect(array.values).toEqual(values.slice());
        expect(array.shape).toEqual([length]);
      }),
      { numRuns: 30 },
    );
  });

  it('turns 64-bit integers into numbers', () => {
    const array = parseNpy(writeNpy('<i8', [2], BigInt64Array.of(-3n, 7n)), '"a.npy"');
    expect([...array.values]).toEqual([-3, 7]);
  });

  it.each([
    ['Fortran order', fromBase64(NUMPY_FORTRAN), 'save numpy.ascontiguousarray(array)'],
    ['big-endian numbers', writeNpy('>f4', [1], new Float32Array(1)), 'is big-endian'],
    ['text', writeNpy('<U5', [1], new Uint8Array(20)), 'dtype is "<U5", supported are b1, i1'],
    ['objects', writeNpy('|O', [1], new Uint8Array(8)), 'dtype is "|O"'],
    [
      'cut-off data',
      writeNpy('<f4', [3], new Float32Array(2)),
      'cut off, 8 data bytes where shape [3]',
    ],
    ['surplus data', writeNpy('<f4', [1], new Float32Array(2)), 'longer than its header says'],
    ['a cut-off header', writeNpy('<f4', [1], new Float32Array(1)).slice(0, 40), 'in the header'],
    ['another format', new TextEncoder().encode('1,2,3,4,5,6'), 'not an NPY file'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseNpy(bytes, '"a.npy"')).toThrow(message);
    expect(() => parseNpy(bytes, '"a.npy"')).toThrow('Cannot read "a.npy": ');
  });
});
