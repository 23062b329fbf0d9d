/** Row-major matrices of sums, with the row or column that a bias adds. */

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
