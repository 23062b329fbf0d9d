/**
 * Shapes and their storage. A tensor has a logical shape and a padded one: channel axes are
 * stored in multiples of four so that kernels load vec4s; the padding always holds zeros.
 */

/** Numbers in a vec4; channel axes are padded to a multiple of it. */
export const LANES = 4;

/** Parameters start at multiples of this many floats (256 bytes, WebGPU's offset alignment). */
export const SLICE_ALIGNMENT = 64;

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Product of all dimensions; 1 for an empty shape. */
export function numel(shape: readonly number[]): number {
  let n = 1;
  for (const d of shape) n *= d;
  return n;
}

/** Storage shape with the last `count` axes padded to four. */
export function padLast(shape: readonly number[], count: number): number[] {
  return shape.map((d, i) => (i >= shape.length - count ? roundUp(d, LANES) : d));
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/** Visits every logical element: its index in the logical and in the padded row-major order. */
function forEachElement(
  shape: readonly number[],
  padded: readonly number[],
  visit: (logical: number, stored: number) => void,
): void {
  const total = numel(shape);
  const index = new Array<number>(shape.length).fill(0);
  const strides = padded.map((_, i) => numel(padded.slice(i + 1)));
  for (let logical = 0; logical < total; logical++) {
    let stored = 0;
    for (let i = 0; i < index.length; i++) stored += index[i]! * strides[i]!;
    visit(logical, stored);
    for (let i = index.length - 1; i >= 0; i--) {
      index[i] = index[i]! + 1;
      if (index[i]! < shape[i]!) break;
      index[i] = 0;
    }
  }
}

/** Copies logical values into zero-padded storage order. */
export function pack(
  values: ArrayLike<number>,
  shape: readonly number[],
  padded: readonly number[],
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(numel(padded));
  forEachElement(shape, padded, (logical, stored) => {
    out[stored] = values[logical]!;
  });
  return out;
}

/** Drops the padding: the inverse of {@link pack}. */
export function unpack(
  stored: ArrayLike<number>,
  shape: readonly number[],
  padded: readonly number[],
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(numel(shape));
  forEachElement(shape, padded, (logical, at) => {
    out[logical] = stored[at]!;
  });
  return out;
}
