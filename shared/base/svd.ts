/**
 * Singular values and vectors of small dense matrices in float64, by one-sided Jacobi rotations:
 * slow, accurate, and made of +, -, *, / and square root alone, so the same bits everywhere.
 * Matrices are row-major.
 *
 * Source: Hestenes 1958, "Inversion of matrices by biorthogonalization"; Demmel and Veselić 1992
 * for its accuracy.
 */

export interface Svd {
  /** Descending. */
  values: number[];
  /** Left vectors, one array of `rows` numbers each. */
  left: Float64Array[];
  /** Right vectors, one array of `columns` numbers each; the largest entry of each is positive. */
  right: Float64Array[];
}

const MAX_SWEEPS = 60;
/** Cosine of two columns below which they count as orthogonal. */
const ORTHOGONAL = 1e-14;
/** Smallest side above which only the wanted part is computed, by subspace iteration. */
const FULL_SIZE = 160;
/** Extra vectors and rounds of that iteration. */
const OVERSAMPLING = 8;
const ROUNDS = 24;

/** All singular triples of a matrix. @throws {RangeError} If it has another number of entries. */
export function svd(matrix: ArrayLike<number>, rows: number, columns: number): Svd {
  checkSize(matrix, rows, columns);
  if (rows < columns) {
    const turned = svd(transpose(matrix, rows, columns), columns, rows);
    return withSigns({ values: turned.values, left: turned.right, right: turned.left });
  }
  const a = Array.from({ length: columns }, (_, j) =>
    Float64Array.from({ length: rows }, (_, i) => matrix[i * columns + j] as number),
  );
  const v = Array.from({ length: columns }, (_, j) => {
    const unit = new Float64Array(columns);
    unit[j] = 1;
    return unit;
  });
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let turned = false;
    for (let p = 0; p < columns; p++) {
      for (let q = p + 1; q < columns; q++) {
        if (rotate(a[p] as Float64Array, a[q] as Float64Array, v, p, q)) turned = true;
      }
    }
    if (!turned) break;
  }
  const norms = a.map((column) => Math.sqrt(dot(column, column)));
  const order = norms.map((_, j) => j).sort((x, y) => at(norms, y) - at(norms, x) || x - y);
  return withSigns({
    values: order.map((j) => at(norms, j)),
    left: order.map((j) => {
      const norm = at(norms, j);
      return (a[j] as Float64Array).map((x) => (norm > 0 ? x / norm : 0));
    }),
    right: order.map((j) => v[j] as Float64Array),
  });
}

/**
 * The `k` largest singular triples, or all there are. A matrix whose smaller side is over 160 is
 * first projected on the span that subspace iteration finds, from a fixed start.
 */
export function topSvd(matrix: ArrayLike<number>, rows: number, columns: number, k: number): Svd {
  checkSize(matrix, rows, columns);
  const whole = Math.min(rows, columns);
  if (whole <= FULL_SIZE || k + OVERSAMPLING >= whole) return first(svd(matrix, rows, columns), k);
  const width = k + OVERSAMPLING;
  // A fixed start without a pattern that a matrix could be orthogonal to.
  let basis = orthonormal(
    Array.from({ length: width }, (_, j) =>
      Float64Array.from({ length: columns }, (_, i) => {
        const mixed = Math.imul(i * width + j + 1, 0x9e3779b1) >>> 0;
        return mixed / 0x100000000 - 0.5;
      }),
    ),
  );
  for (let round = 0; round < ROUNDS; round++) {
    const image = basis.map((b) => multiply(matrix, rows, columns, b));
    basis = orthonormal(image.map((b) => multiplyTransposed(matrix, rows, columns, b)));
  }
  // A restricted to the span: A Q, rows x width; its right vectors are Q times those of A.
  const images = basis.map((b) => multiply(matrix, rows, columns, b));
  const small = new Float64Array(rows * basis.length);
  images.forEach((image, j) => {
    for (let i = 0; i < rows; i++) small[i * basis.length + j] = image[i] as number;
  });
  const found = first(svd(small, rows, basis.length), k);
  const right = found.right.map((coefficients) => {
    const out = new Float64Array(columns);
    basis.forEach((b, j) => {
      addScaled(out, b, coefficients[j] as number);
    });
    return out;
  });
  return withSigns({ values: found.values, left: found.left, right });
}

/**
 * S^(-1/2) of a symmetric positive semi-definite matrix, and the number of directions kept: those
 * whose eigenvalue is over `tolerance` times the largest. The others are taken out, as a
 * pseudo-inverse does.
 */
export function inverseRoot(
  matrix: ArrayLike<number>,
  n: number,
  tolerance: number,
): { root: Float64Array; inverse: Float64Array; rank: number } {
  const { right, values } = svd(matrix, n, n);
  const root = new Float64Array(n * n);
  const inverse = new Float64Array(n * n);
  const limit = tolerance * Math.max(0, values[0] ?? 0);
  let rank = 0;
  values.forEach((value, k) => {
    if (!(value > limit)) return;
    rank++;
    const vector = right[k] as Float64Array;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const product = (vector[i] as number) * (vector[j] as number);
        root[i * n + j] = (root[i * n + j] as number) + product / Math.sqrt(value);
        inverse[i * n + j] = (inverse[i * n + j] as number) + product / value;
      }
    }
  });
  return { root, inverse, rank };
}

/** a (m x k) times b (k x n). */
export function product(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  m: number,
  k: number,
  n: number,
): Float64Array {
  checkSize(a, m, k);
  checkSize(b, k, n);
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let l = 0; l < k; l++) {
      const factor = a[i * k + l] as number;
      if (factor === 0) continue;
      for (let j = 0; j < n; j++) {
        out[i * n + j] = (out[i * n + j] as number) + factor * (b[l * n + j] as number);
      }
    }
  }
  return out;
}

/** Makes columns p and q orthogonal; false when they were. */
function rotate(
  x: Float64Array,
  y: Float64Array,
  v: readonly Float64Array[],
  p: number,
  q: number,
): boolean {
  const xx = dot(x, x);
  const yy = dot(y, y);
  const xy = dot(x, y);
  if (!(Math.abs(xy) > ORTHOGONAL * Math.sqrt(xx * yy)) || xx * yy === 0) return false;
  const zeta = (yy - xx) / (2 * xy);
  const sign = zeta < 0 ? -1 : 1;
  const t = sign / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = c * t;
  turn(x, y, c, s);
  turn(v[p] as Float64Array, v[q] as Float64Array, c, s);
  return true;
}

function turn(x: Float64Array, y: Float64Array, c: number, s: number): void {
  for (let i = 0; i < x.length; i++) {
    const a = x[i] as number;
    const b = y[i] as number;
    x[i] = c * a - s * b;
    y[i] = s * a + c * b;
  }
}

/** Gram and Schmidt, twice over; vectors that vanish are dropped. */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const out: Float64Array[] = [];
  for (const vector of vectors) {
    const v = Float64Array.from(vector);
    const before = Math.sqrt(dot(v, v));
    for (let pass = 0; pass < 2; pass++) for (const u of out) addScaled(v, u, -dot(v, u));
    const norm = Math.sqrt(dot(v, v));
    if (!(norm > 1e-12 * before)) continue;
    out.push(v.map((x) => x / norm));
  }
  return out;
}

function withSigns({ values, left, right }: Svd): Svd {
  right.forEach((vector, k) => {
    let largest = 0;
    vector.forEach((x, i) => {
      if (Math.abs(x) > Math.abs(vector[largest] as number)) largest = i;
    });
    if ((vector[largest] as number) >= 0) return;
    right[k] = vector.map((x) => -x);
    left[k] = (left[k] as Float64Array).map((x) => -x);
  });
  return { values, left, right };
}

function first({ values, left, right }: Svd, k: number): Svd {
  return { values: values.slice(0, k), left: left.slice(0, k), right: right.slice(0, k) };
}

function transpose(matrix: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) out[j * rows + i] = matrix[i * columns + j] as number;
  }
  return out;
}

function multiply(a: ArrayLike<number>, rows: number, columns: number, x: Float64Array) {
  const out = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < columns; j++) sum += (a[i * columns + j] as number) * (x[j] as number);
    out[i] = sum;
  }
  return out;
}

function multiplyTransposed(a: ArrayLike<number>, rows: number, columns: number, x: Float64Array) {
  const out = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    const factor = x[i] as number;
    for (let j = 0; j < columns; j++) {
      out[j] = (out[j] as number) + factor * (a[i * columns + j] as number);
    }
  }
  return out;
}

function addScaled(out: Float64Array, x: Float64Array, factor: number): void {
  for (let i = 0; i < out.length; i++) out[i] = (out[i] as number) + factor * (x[i] as number);
}

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i] as number) * (y[i] as number);
  return sum;
}

function at(values: readonly number[], i: number): number {
  return values[i] as number;
}

function checkSize(matrix: ArrayLike<number>, rows: number, columns: number): void {
  if (matrix.length === rows * columns && rows > 0 && columns > 0) return;
  throw new RangeError(
    `Cannot use a matrix of ${matrix.length} entries as ${rows} x ${columns}: it must have ${rows * columns}, at least 1`,
  );
}
