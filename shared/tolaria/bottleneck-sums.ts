/**
 * The expressivity bottleneck of a layer: how much of the change that the loss wishes for at its
 * output its own weights cannot make. The sums over the batch come from the matrix kernels; the
 * small system is solved here, in float64. Definition: docs/kasmina.md.
 *
 * Source: Verbockhaven et al. 2024, "Growing tiny networks", TMLR; Delta V minus its projection.
 */
import type { HealthSignal } from '../contracts/health.ts';
import type { Graph, Tensor } from '../engine/plan/graph.ts';
import type { PlannedTensor } from '../engine/plan/plan.ts';
import {
  firstOf,
  type LayerGradient,
  layerGradient,
  patches,
  positionStep,
  products,
  readProducts,
  thinned,
} from './layer-sums.ts';

/**
 * Most inputs (numbers of a patch) and outputs that a bottleneck is measured on at every look: what
 * is solved on the CPU grows with the third power. Of a wider layer the first ones are taken.
 */
export const MAX_BOTTLENECK_WIDTH = 256;
/** Most positions of a batch that a convolution is measured at; of more, every so many-th is taken. */
export const MAX_BOTTLENECK_POSITIONS = 4096;
/** Added to the diagonal of the inputs' Gram matrix, relative to its mean: float32 sums carry no more. */
const RIDGE = 1e-5;

/** The three products a layer's bottleneck is made of. */
const PARTS = ['xx', 'xg', 'gg'] as const;

/** What of a layer is measured. */
export interface BottleneckSums {
  layerId: string;
  /** By the name of a plan's output. */
  sums: Record<string, Tensor>;
  inputs: number;
  outputs: number;
  /** Positions of one sample; 1 for a Linear layer. */
  positions: number;
  /** What there is of each. */
  whole: { inputs: number; outputs: number; positions: number };
}

/**
 * Adds the sums of one layer, before the plan is made; null where there are none: the layer has no
 * matrix, reads rows that are not flat, or is a convolution in groups.
 */
export function bottleneckSums(graph: Graph, layerId: string): BottleneckSums | null {
  const gradient = layerGradient(graph, layerId);
  if (!gradient || gradient.groups > 1) return null;
  const read = gradient.window ? ofConvolution(graph, gradient) : ofRows(gradient);
  if (!read) return null;
  const whole = {
    inputs: read.x.shape.at(-1)!,
    outputs: read.dz.shape.at(-1)!,
    positions: read.positions,
  };
  const inputs = Math.min(whole.inputs, MAX_BOTTLENECK_WIDTH);
  const outputs = Math.min(whole.outputs, MAX_BOTTLENECK_WIDTH);
  const [x, dz] = [firstOf(graph, read.x, inputs), firstOf(graph, read.dz, outputs)];
  const positions = x.shape.slice(1, -1).reduce((n, d) => n * d, 1);
  const sums: Record<string, Tensor> = {};
  const pairs = { xx: [x, x], xg: [x, dz], gg: [dz, dz] } as const;
  for (const part of PARTS) {
    const [product, ones] = products(graph, ...pairs[part]);
    sums[`bottleneck/${layerId}/${part}`] = product;
    sums[`bottleneck/${layerId}/${part}-ones`] = ones;
  }
  return { layerId, sums, inputs, outputs, positions, whole };
}

function ofRows({ dz, x }: LayerGradient) {
  return x.shape.length === 2 && dz.shape.length === 2 ? { x, dz, positions: 1 } : null;
}

function ofConvolution(graph: Graph, { dz, window, x }: LayerGradient) {
  const [rows, height, width] = dz.shape as [number, number, number];
  const every = positionStep(rows, height, width, MAX_BOTTLENECK_POSITIONS);
  return {
    x: patches(graph, x, window!, dz, every),
    dz: thinned(graph, dz, every),
    positions: height * width,
  };
}

/**
 * ||R||^2 / N of a layer, mean over the replicas: R = G - X W*, G = -N dL/dz by row, X with a column
 * of ones, W* the least squares solution; over all positions of a convolution. Where only some
 * outputs and positions are measured they stand for all; fewer inputs leave more of G, so that the
 * number is then an upper bound.
 *
 * @param rows N.
 */
export function bottleneckOf(
  layer: BottleneckSums | null,
  rows: number,
  replicas: number,
  values: ReadonlyMap<string, Float32Array>,
  placed: Readonly<Record<string, PlannedTensor>>,
): Pick<HealthSignal, 'expressivityBottleneck' | 'bottleneckSample'> {
  if (!layer) return { expressivityBottleneck: null };
  const { inputs: n, outputs: m, positions, whole } = layer;
  let total = 0;
  for (let r = 0; r < replicas; r++) {
    const read = (part: string, columns: readonly number[]): Float64Array => {
      const name = `bottleneck/${layer.layerId}/${part}`;
      return readProducts(values.get(name)!, placed[name]!, r, columns);
    };
    const [xx, xOnes] = [read('xx', [n, n]), read('xx-ones', [n])];
    const [xg, gOnes] = [read('xg', [n, m]), read('xg-ones', [m])];
    const gg = read('gg', [m, m]);
    // S = [X, 1]'[X, 1] / N and B = [X, 1]'G / N; dL/dz carries the 1/N of the mean loss.
    const size = n + 1;
    const s = new Float64Array(size * size);
    const b = new Float64Array(size * m);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) s[i * size + j] = xx[i * n + j]! / rows;
      s[i * size + n] = s[n * size + i] = xOnes[i]! / rows;
      for (let k = 0; k < m; k++) b[i * m + k] = -xg[i * m + k]!;
    }
    s[n * size + n] = positions;
    for (let k = 0; k < m; k++) b[n * m + k] = -gOnes[k]!;
    let wished = 0;
    for (let k = 0; k < m; k++) wished += rows * gg[k * m + k]!;
    total += Math.max(0, wished - explained(s, b, size, m));
  }
  total *= (whole.positions / positions) * (whole.outputs / m);
  const isWhole = n === whole.inputs && m === whole.outputs && positions === whole.positions;
  return {
    expressivityBottleneck: Number.isFinite(total) ? total / replicas : null,
    ...(isWhole
      ? {}
      : {
          bottleneckSample: {
            inputs: n / whole.inputs,
            outputs: m / whole.outputs,
            positions: positions / whole.positions,
          },
        }),
  };
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
