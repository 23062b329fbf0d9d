/**
 * The expressivity bottleneck of a Linear layer: how much of the change that the loss wishes for at
 * its output its own weights cannot make. The sums over the batch come from the matmul kernels; the
 * small system is solved here, in float64. Definition: docs/kasmina.md.
 *
 * Source: Verbockhaven et al. 2024, "Growing tiny networks", TMLR; Delta V minus its projection.
 */
import type { Graph, Tensor } from '../engine/plan/graph.ts';
import type { PlannedTensor } from '../engine/plan/plan.ts';
import { unpack } from '../engine/plan/shape.ts';

/** Widest input, and output, of a layer whose bottleneck is measured at every look. */
export const MAX_BOTTLENECK_WIDTH = 128;
/** Added to the diagonal of the inputs' Gram matrix, relative to its mean: float32 sums carry no more. */
const RIDGE = 1e-5;

/** The three products a layer's bottleneck is made of. */
const PARTS = ['xx', 'xg', 'gg'] as const;

/**
 * Adds the sums of one layer, before the plan is made; null where they are not measured: the layer
 * is no Linear one on flat rows, or too wide.
 */
export function bottleneckSums(graph: Graph, layerId: string): Record<string, Tensor> | null {
  const weight = graph.parameters.find((p) => p.name === `${layerId}.weight`)?.tensorId;
  const node = graph.nodes.find(
    ({ op, outputs }) =>
      op === 'linear_grad_weight' && outputs.some((id) => graph.tensor(id).parameterId === weight),
  );
  if (weight === undefined || !node) return null;
  const [x, dz] = node.inputs.map((id) => graph.tensor(id)) as [Tensor, Tensor];
  const fits = (t: Tensor) => t.shape.length === 2 && t.shape[1]! <= MAX_BOTTLENECK_WIDTH;
  if (!fits(x) || !fits(dz)) return null;
  const sums: Record<string, Tensor> = {};
  const pairs = { xx: [x, x], xg: [x, dz], gg: [dz, dz] } as const;
  for (const part of PARTS) {
    const [a, b] = pairs[part];
    const [product, ones] = graph.apply('linear_grad_weight', [a, b], { bias: true });
    sums[`bottleneck/${layerId}/${part}`] = product!;
    sums[`bottleneck/${layerId}/${part}-ones`] = ones!;
  }
  return sums;
}

/**
 * ||R||^2 / N of a layer, mean over the replicas: R = G - X W*, G = -N dL/dz by row, X with a column
 * of ones, W* the least squares solution. Null where a sum is not finite.
 *
 * @param rows N.
 */
export function bottleneckOf(
  layerId: string,
  rows: number,
  replicas: number,
  values: ReadonlyMap<string, Float32Array>,
  placed: Readonly<Record<string, PlannedTensor>>,
): number | null {
  let total = 0;
  for (let r = 0; r < replicas; r++) {
    const read = (part: string): Float64Array | null => {
      const name = `bottleneck/${layerId}/${part}`;
      const at = placed[name];
      const table = values.get(name);
      if (!at || !table) return null;
      const own = table.subarray(r * at.replicaStride, r * at.replicaStride + at.elements);
      return Float64Array.from(unpack(own, at.shape, at.padded));
    };
    const [xx, xOnes, xg, gOnes, gg] = ['xx', 'xx-ones', 'xg', 'xg-ones', 'gg'].map(read);
    if (!xx || !xOnes || !xg || !gOnes || !gg) return null;
    const [n, m] = [xOnes.length, gOnes.length];
    // S = [X, 1]'[X, 1] / N and B = [X, 1]'G / N; dL/dz carries the 1/N of the mean loss.
    const size = n + 1;
    const s = new Float64Array(size * size);
    const b = new Float64Array(size * m);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) s[i * size + j] = xx[i * n + j]! / rows;
      s[i * size + n] = s[n * size + i] = xOnes[i]! / rows;
      for (let k = 0; k < m; k++) b[i * m + k] = -xg[i * m + k]!;
    }
    s[n * size + n] = 1;
    for (let k = 0; k < m; k++) b[n * m + k] = -gOnes[k]!;
    let wished = 0;
    for (let k = 0; k < m; k++) wished += rows * gg[k * m + k]!;
    total += Math.max(0, wished - explained(s, b, size, m));
  }
  return Number.isFinite(total) ? total / replicas : null;
}

/** tr(B' (S + ridge)^-1 B) through Cholesky: S + ridge = L L', and the sum of (L^-1 B)^2. */
function explained(s: Float64Array, b: Float64Array, n: number, m: number): number {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += s[i * n + i]!;
  const ridge = (RIDGE * trace) / n;
  const l = s.slice();
  let sum = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let v = l[i * n + j]! + (i === j ? ridge : 0);
      for (let k = 0; k < j; k++) v -= l[i * n + k]! * l[j * n + k]!;
      l[i * n + j] = i === j ? Math.sqrt(v) : v / l[j * n + j]!;
    }
  }
  for (let c = 0; c < m; c++) {
    for (let i = 0; i < n; i++) {
      let v = b[i * m + c]!;
      for (let k = 0; k < i; k++) v -= l[i * n + k]! * b[k * m + c]!;
      b[i * m + c] = v / l[i * n + i]!;
      sum += b[i * m + c]! ** 2;
    }
  }
  return sum;
}
