/** The few float64 matrix operations that folding needs; row-major, [rows, columns]. */

export interface Matrix {
  rows: number;
  columns: number;
  values: Float64Array;
}

/** @throws {RangeError} If the count of values is not rows x columns. */
export function matrix(rows: number, columns: number, values: ArrayLike<number>): Matrix {
  if (values.length !== rows * columns) {
    throw new RangeError(`Cannot make a ${rows} x ${columns} matrix of ${values.length} values`);
  }
  return { rows, columns, values: Float64Array.from(values) };
}

export function identityMatrix(n: number): Matrix {
  const m = { rows: n, columns: n, values: new Float64Array(n * n) };
  for (let i = 0; i < n; i++) m.values[i * n + i] = 1;
  return m;
}

/**
 * Zeros but for `groups` blocks along the diagonal: the columns of m in as many runs, each with all
 * of m's rows.
 */
export function inGroups(m: Matrix, groups: number): Matrix {
  if (groups === 1) return m;
  const [rows, width] = [m.rows * groups, m.columns / groups];
  const values = new Float64Array(rows * m.columns);
  for (let i = 0; i < rows; i++) {
    const first = Math.floor(i / m.rows) * width;
    const from = (i % m.rows) * m.columns + first;
    values.set(m.values.subarray(from, from + width), i * m.columns + first);
  }
  return { rows, columns: m.columns, values };
}

/** The blocks of {@link inGroups}; null where another value is not 0. */
export function ofGroups(m: Matrix, groups: number): Matrix | null {
  if (groups === 1) return m;
  const [rows, width] = [m.rows / groups, m.columns / groups];
  const values = new Float64Array(rows * m.columns);
  for (let i = 0; i < m.rows; i++) {
    const block = Math.floor(i / rows);
    for (let j = 0; j < m.columns; j++) {
      const value = m.values[i * m.columns + j]!;
      if (Math.floor(j / width) === block) values[(i % rows) * m.columns + j] = value;
      else if (value !== 0) return null;
    }
  }
  return { rows, columns: m.columns, values };
}

/** a @ b. @throws {RangeError} If the inner dimensions differ. */
export function multiply(a: Matrix, b: Matrix): Matrix {
  if (a.columns !== b.rows) {
    throw new RangeError(
      `Cannot multiply [${a.rows}, ${a.columns}] by [${b.rows}, ${b.columns}]: ` +
        `inner dimensions are ${a.columns} and ${b.rows}`,
    );
  }
  const values = new Float64Array(a.rows * b.columns);
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < a.columns; k++) {
      const factor = a.values[i * a.columns + k]!;
      if (factor === 0) continue;
      for (let j = 0; j < b.columns; j++) {
        values[i * b.columns + j]! += factor * b.values[k * b.columns + j]!;
      }
    }
  }
  return { rows: a.rows, columns: b.columns, values };
}

/** a + b, where null stands for a matrix of zeros. */
export function sum(a: Matrix | null, b: Matrix | null): Matrix | null {
  if (!a || !b) return a ?? b;
  return { ...a, values: a.values.map((v, i) => v + b.values[i]!) };
}

/** Column j times `factors[j]`. */
export function scaleColumns(m: Matrix, factors: ArrayLike<number>): Matrix {
  return { ...m, values: m.values.map((v, i) => v * factors[i % m.columns]!) };
}

/** [a | b]: columns side by side. */
export function besides(a: Matrix, b: Matrix): Matrix {
  const columns = a.columns + b.columns;
  const values = new Float64Array(a.rows * columns);
  for (let i = 0; i < a.rows; i++) {
    values.set(a.values.subarray(i * a.columns, (i + 1) * a.columns), i * columns);
    values.set(b.values.subarray(i * b.columns, (i + 1) * b.columns), i * columns + a.columns);
  }
  return { rows: a.rows, columns, values };
}

/** Rows of b below those of a. */
export function below(a: Matrix, b: Matrix): Matrix {
  const values = new Float64Array(a.values.length + b.values.length);
  values.set(a.values);
  values.set(b.values, a.values.length);
  return { rows: a.rows + b.rows, columns: a.columns, values };
}
