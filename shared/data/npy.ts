/**
 * NumPy's NPY files, versions 1 to 3: little-endian numbers in C order.
 *
 * Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { InputError } from '../base/errors.ts';
import { type NumberArray, product, type RawArray } from './raw-array.ts';

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] as const;

/** Bytes of one item and the view over them, by dtype without its byte order. */
const TYPES: ReadonlyMap<string, [number, (buffer: ArrayBuffer) => NumberArray]> = new Map<
  string,
  [number, (buffer: ArrayBuffer) => NumberArray]
>([
  ['b1', [1, (b) => new Uint8Array(b)]],
  ['i1', [1, (b) => new Int8Array(b)]],
  ['u1', [1, (b) => new Uint8Array(b)]],
  ['i2', [2, (b) => new Int16Array(b)]],
  ['u2', [2, (b) => new Uint16Array(b)]],
  ['i4', [4, (b) => new Int32Array(b)]],
  ['u4', [4, (b) => new Uint32Array(b)]],
  ['f4', [4, (b) => new Float32Array(b)]],
  ['f8', [8, (b) => new Float64Array(b)]],
  ['i8', [8, (b) => Float64Array.from(new BigInt64Array(b), Number)]],
  ['u8', [8, (b) => Float64Array.from(new BigUint64Array(b), Number)]],
]);

/**
 * Decodes a whole NPY file. 64-bit integers become float64, exact up to 2^53.
 *
 * @param where File, or entry and archive, as named in messages, with its quotes.
 * @throws {InputError} When it is no NPY file, is cut off, in Fortran order, big-endian, or of a
 *   type that holds no plain numbers.
 */
export function parseNpy(bytes: Uint8Array<ArrayBuffer>, where: string): RawArray {
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new InputError(
      `Cannot read ${where}: not an NPY file, it must start with \\x93NUMPY; write it with numpy.save`,
    );
  }
  const version = bytes[6]!;
  if (version < 1 || version > 3) {
    throw new InputError(`Cannot read ${where}: NPY version ${version}, expected 1, 2 or 3`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lengthBytes = version === 1 ? 2 : 4;
  const headerStart = 8 + lengthBytes;
  const headerLength =
    version === 1
      ? view.getUint16(8, true)
      : bytes.length >= 12
        ? view.getUint32(8, true)
        : Number.POSITIVE_INFINITY;
  const start = headerStart + headerLength;
  if (start > bytes.length) {
    throw new InputError(`Cannot read ${where}: cut off in the header at byte ${bytes.length}`);
  }
  const header = new TextDecoder().decode(bytes.subarray(headerStart, start));
  const { dtype, shape } = readHeader(header, where);
  const type = TYPES.get(dtype)!;
  const length = product(shape);
  const available = bytes.length - start;
  if (available !== length * type[0]) {
    const fault = available < length * type[0] ? 'cut off' : 'longer than its header says';
    throw new InputError(
      `Cannot read ${where}: ${fault}, ${available} data bytes where shape [${shape.join(', ')}] of ` +
        `${dtype} needs ${length * type[0]}`,
    );
  }
  // A copy, because a typed array must start at a multiple of its item size.
  return { values: type[1](bytes.slice(start).buffer), shape, fileName: where };
}

function readHeader(header: string, where: string): { dtype: string; shape: number[] } {
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1];
  const fortran = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  const shapeText = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(header)?.[1];
  if (fortran === undefined || shapeText === undefined) {
    throw new InputError(`Cannot read ${where}: its NPY header is damaged: ${header.trim()}`);
  }
  if (descr === undefined) {
    throw new InputError(
      `Cannot read ${where}: it is a structured array; save each field as an array of its own`,
    );
  }
  const order = descr[0] ?? '';
  const dtype = descr.slice(1);
  if (!TYPES.has(dtype) || !'<>|='.includes(order)) {
    throw new InputError(
      `Cannot read ${where}: dtype is "${descr}", supported are ${[...TYPES.keys()].join(', ')}; ` +
        "convert with array.astype('<f4')",
    );
  }
  if (order === '>' && TYPES.get(dtype)![0] > 1) {
    throw new InputError(
      `Cannot read ${where}: dtype "${descr}" is big-endian; convert with array.astype('<${dtype}')`,
    );
  }
  if (fortran === 'True') {
    throw new InputError(
      `Cannot read ${where}: it is in Fortran order; save numpy.ascontiguousarray(array)`,
    );
  }
  const shape = shapeText
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  return { dtype, shape };
}
