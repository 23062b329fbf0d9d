/**
 * IDX files, the format of MNIST and its relatives: a big-endian header (two zero bytes, a type,
 * the number of axes, the axes), then the values, row-major.
 *
 * Source: Y. LeCun, "The MNIST database of handwritten digits", section "the IDX file format".
 */
import { InputError } from '../base/errors.ts';
import { type NumberArray, product, type RawArray } from './raw-array.ts';

const hex = (n: number) => `0x${n.toString(16).padStart(8, '0')}`;

interface IdxType {
  name: string;
  bytes: number;
  create(length: number): NumberArray;
  get(view: DataView, offset: number): number;
}

/** By the third byte of the magic. */
const TYPES: ReadonlyMap<number, IdxType> = new Map<number, IdxType>([
  [
    0x08,
    { name: 'uint8', bytes: 1, create: (n) => new Uint8Array(n), get: (v, o) => v.getUint8(o) },
  ],
  [0x09, { name: 'int8', bytes: 1, create: (n) => new Int8Array(n), get: (v, o) => v.getInt8(o) }],
  [
    0x0b,
    { name: 'int16', bytes: 2, create: (n) => new Int16Array(n), get: (v, o) => v.getInt16(o) },
  ],
  [
    0x0c,
    { name: 'int32', bytes: 4, create: (n) => new Int32Array(n), get: (v, o) => v.getInt32(o) },
  ],
  [
    0x0d,
    {
      name: 'float32',
      bytes: 4,
      create: (n) => new Float32Array(n),
      get: (v, o) => v.getFloat32(o),
    },
  ],
  [
    0x0e,
    {
      name: 'float64',
      bytes: 8,
      create: (n) => new Float64Array(n),
      get: (v, o) => v.getFloat64(o),
    },
  ],
]);

/**
 * Decodes a whole IDX file.
 *
 * @param fileName Named in messages.
 * @throws {InputError} When the magic is wrong, or there are fewer or more bytes than announced:
 *   `Cannot read "train.idx": IDX magic is 0x504b0304, expected 0x000008NN (uint8 with NN axes) …`
 */
export function parseIdx(bytes: Uint8Array<ArrayBuffer>, fileName: string): RawArray {
  const where = `"${fileName}"`;
  if (bytes.length < 4) {
    throw new InputError(
      `Cannot read ${where}: ${bytes.length} bytes, too short for an IDX header`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const type = TYPES.get((magic >>> 8) & 0xff);
  const axes = magic & 0xff;
  if (magic >>> 16 !== 0 || !type || axes === 0) {
    throw new InputError(
      `Cannot read ${where}: IDX magic is ${hex(magic)} at byte 0, expected 0x000008NN (uint8) or ` +
        'another IDX type with NN axes, for example 0x00000803 for images and 0x00000801 for labels',
    );
  }
  const header = 4 + 4 * axes;
  if (bytes.length < header) {
    throw new InputError(
      `Cannot read ${where}: cut off in the header at byte ${bytes.length}, ${header} bytes expected`,
    );
  }
  const shape = Array.from({ length: axes }, (_, i) => view.getUint32(4 + 4 * i));
  const length = product(shape);
  const expected = header + length * type.bytes;
  if (bytes.length !== expected) {
    const fault = bytes.length < expected ? 'cut off' : 'longer than its header says';
    throw new InputError(
      `Cannot read ${where}: ${fault}, ${bytes.length} bytes where shape [${shape.join(', ')}] of ` +
        `${type.name} needs ${expected}`,
    );
  }
  const values = type.create(length);
  if (type.bytes === 1) {
    // Bytes need no swapping; a bulk copy keeps large image files fast.
    new Uint8Array(values.buffer).set(bytes.subarray(header));
  } else {
    for (let i = 0; i < length; i++) values[i] = type.get(view, header + i * type.bytes);
  }
  return { values, shape, fileName: where };
}
