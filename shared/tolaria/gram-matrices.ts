/** Row-major matrices of sums, with the row or column that a bias adds. */

/** Inputs and outputs that the weights of one group join; the column of ones is in every group. */
export interface ColumnGroup {
  inputs: readonly number[];
  outputs: readonly number[];
}

/**
 * Groups of a convolution as columns of its patches and outputs.
 *
 * @param taps Of its window; a patch has the channels of one tap beside each other.
 * @param ones The column of ones.
 */
export function columnGroups(
  groups: number,
  taps: number,
  channels: number,
  outputs: number,
  ones: number,
): ColumnGroup[] {
  const [inside, out] = [channels / groups, outputs / groups];
  return Array.from({ length: groups }, (_, g) => ({
    inputs: [
      ...Array.from(
        { length: taps * inside },
        (_, i) => Math.floor(i / inside) * channels + g * inside + (i % inside),
      ),
      ones,
    ],
    outputs: Array.from({ length: out }, (_, o) => g * out + o),
  }));
}

/** Rows and columns of a row-major matrix, of `width` columns. */
export function submatrix(
  m: ArrayLike<number>,
  width: number,
  rows: readonly number[],
  columns: readonly number[],
): Float64Array {
  const out = new Float64Array(rows.length * columns.length);
  rows.forEach((row, i) => {
    columns.forEach((column, j) => {
      out[i * columns.length + j] = m[row * width + column]!;
    });
  });
  return out;
}

/** A row more below. */
export function withRow(matrix: Float64Array, row: Float64Array): Float64Array {
  const out = new Float64Array(matrix.length + row.length);
  out.set(matrix);
  out.set(row, matrix.length);
  return out;
}

/** [[M, a], [b', n]]: products with a column of ones on either side. */
export function withOnes(
  m: Float64Array,
  rowSums: Float64Array,
  columnSums: Float64Array,
  rows: number,
  columns: number,
  n: number,
): Float64Array {
  const out = new Float64Array((rows + 1) * (columns + 1));
  for (let i = 0; i < rows; i++) {
    out.set(m.subarray(i * columns, (i + 1) * columns), i * (columns + 1));
    out[i * (columns + 1) + columns] = rowSums[i]!;
  }
  out.set(columnSums.subarray(0, columns), rows * (columns + 1));
  out[out.length - 1] = n;
  return out;
}
