/** Eigenvalues of small symmetric matrices, float64. */

export interface Eigen {
  /** Descending. */
  values: number[];
  /** vectors[i] belongs to values[i]; unit length, largest component positive. */
  vectors: number[][];
}

/** Sweeps of rotations; n = 10 needs about six. */
const SWEEPS = 60;

/**
 * Cyclic Jacobi rotations.
 *
 * Source: Golub & Van Loan, "Matrix computations", 8.5.
 */
export function symmetricEigen(matrix: readonly (readonly number[])[]): Eigen {
  const n = matrix.length;
  const a = matrix.map((row) => [...row]);
  const v = a.map((_, i) => a.map((_row, j) => (i === j ? 1 : 0)));
  const scale = Math.max(...a.flat().map(Math.abs), Number.MIN_VALUE);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += a[p]![q]! ** 2;
    if (Math.sqrt(off) <= 1e-15 * scale) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, v, p, q);
  }
  const order = a.map((_, i) => i).sort((i, j) => a[j]![j]! - a[i]![i]!);
  return {
    values: order.map((i) => a[i]![i]!),
    vectors: order.map((i) => withSign(v.map((row) => row[i]!))),
  };
}

/** Makes a[p][q] zero. */
function rotate(a: number[][], v: number[][], p: number, q: number): void {
  const apq = a[p]![q]!;
  if (apq === 0) return;
  const theta = (a[q]![q]! - a[p]![p]!) / (2 * apq);
  const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (let k = 0; k < a.length; k++) {
    const [kp, kq] = [a[k]![p]!, a[k]![q]!];
    a[k]![p] = c * kp - s * kq;
    a[k]![q] = s * kp + c * kq;
  }
  for (let k = 0; k < a.length; k++) {
    const [pk, qk] = [a[p]![k]!, a[q]![k]!];
    a[p]![k] = c * pk - s * qk;
    a[q]![k] = s * pk + c * qk;
    const [vp, vq] = [v[k]![p]!, v[k]![q]!];
    v[k]![p] = c * vp - s * vq;
    v[k]![q] = s * vp + c * vq;
  }
}

/** Eigenvectors are free up to sign: the largest component decides, so that results repeat. */
function withSign(vector: number[]): number[] {
  const largest = vector.reduce((best, x) => (Math.abs(x) > Math.abs(best) ? x : best), 0);
  return largest < 0 ? vector.map((x) => -x) : vector;
}

/** M^(-1/2) of a symmetric matrix without negative eigenvalues; directions near zero are left out. */
export function inverseSquareRoot(matrix: readonly (readonly number[])[]): number[][] {
  const { values, vectors } = symmetricEigen(matrix);
  const least = 1e-10 * Math.max(values[0]!, 0);
  const weights = values.map((w) => (w > least ? 1 / Math.sqrt(w) : 0));
  return matrix.map((_, i) =>
    matrix.map((_row, j) => vectors.reduce((sum, u, k) => sum + weights[k]! * u[i]! * u[j]!, 0)),
  );
}
