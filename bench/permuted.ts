/** Values of a tensor with its axes in another order: `axes[i]` is the source axis of axis i. */
export function permuted(
  values: Float32Array,
  shape: readonly number[],
  axes: readonly number[],
): Float32Array<ArrayBuffer> {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const sizes = axes.map((a) => shape[a]!);
  const out = new Float32Array(values.length);
  const index = axes.map(() => 0);
  for (let k = 0; k < out.length; k++) {
    let from = 0;
    for (const [i, a] of axes.entries()) from += index[i]! * strides[a]!;
    out[k] = values[from]!;
    for (let i = axes.length - 1; i >= 0; i--) {
      index[i] = index[i]! + 1;
      if (index[i]! < sizes[i]!) break;
      index[i] = 0;
    }
  }
  return out;
}
