/** An array as a reader found it in a file: unscaled, in the file's own number type. */
import { InputError } from '../base/errors.ts';

export type NumberArray =
  | Float64Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>;

/** Row-major values; `shape[0]` counts rows. */
export interface RawArray {
  values: NumberArray;
  shape: number[];
  /** File the values came from, for messages; with an entry name for NPZ. */
  fileName: string;
}

export function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Several files as one array. `place` names the file and row of a row of the whole. */
export interface JoinedArray {
  values: NumberArray;
  rows: number;
  /** Shape of one row; empty for one number a row. */
  rowShape: number[];
  fileName: string;
  /** `"b.npy" row 3`, rows counted from 0 within the file. */
  place(row: number): string;
}

/**
 * Joins arrays along their first axis.
 *
 * @throws {InputError} When the shapes of the rows differ, or an array has no rows.
 */
export function joinArrays(parts: readonly RawArray[]): JoinedArray {
  const first = parts[0];
  if (!first) throw new RangeError('Cannot join arrays: none given');
  const rowShape = first.shape.slice(1);
  const starts: number[] = [];
  let rows = 0;
  for (const part of parts) {
    const shape = part.shape.slice(1);
    if (part.shape.length === 0 || part.shape[0] === 0) {
      throw new InputError(
        `Cannot read ${part.fileName}: shape is [${part.shape.join(', ')}], it holds no rows`,
      );
    }
    if (shape.join() !== rowShape.join()) {
      throw new InputError(
        `Cannot join ${part.fileName} to ${first.fileName}: rows have ${product(shape)} features ` +
          `(shape [${shape.join(', ')}]), expected ${product(rowShape)} ([${rowShape.join(', ')}])`,
      );
    }
    starts.push(rows);
    rows += part.shape[0]!;
  }
  return {
    values: parts.length === 1 ? first.values : concatenate(parts.map((p) => p.values)),
    rows,
    rowShape,
    fileName: first.fileName,
    place(row) {
      let i = parts.length - 1;
      while (i > 0 && starts[i]! > row) i--;
      return `${parts[i]!.fileName} row ${row - starts[i]!}`;
    },
  };
}

function concatenate(arrays: readonly NumberArray[]): NumberArray {
  const first = arrays[0]!;
  const sameType = arrays.every((a) => a.constructor === first.constructor);
  const length = arrays.reduce((sum, a) => sum + a.length, 0);
  // Of different types: float64 holds all the types above exactly.
  const joined = sameType ? sameTypeArray(first, length) : new Float64Array(length);
  let at = 0;
  for (const array of arrays) {
    joined.set(array, at);
    at += array.length;
  }
  return joined;
}

function sameTypeArray(like: NumberArray, length: number): NumberArray {
  const Type = like.constructor as new (n: number) => NumberArray;
  return new Type(length);
}
