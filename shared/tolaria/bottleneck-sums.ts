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
import { type ColumnGroup, columnGroups, submatrix } from './gram-matrices.ts';
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
 * is solved on the CPU grows with the third power. Of a wider layer the first ones are taken, of a
 * convolution in groups as many whole groups as fit.
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
  /** What there is of each: of inputs, those that the outputs measured read. */
  whole: { inputs: number; outputs: number; positions: number };
  /** Which of them the layer's own weights join; null: all. */
  groups: readonly ColumnGroup[] | null;
}

/**
 * Adds the sums of one layer, before the plan is made; null where there are none: the layer has no
 * matrix, or reads rows that are not flat.
 */
export function bottleneckSums(graph: Graph, layerId: string): BottleneckSums | null {
  const gradient = layerGradient(graph, layerId);
  if (!gradient) return null;
  const read = gradient.window ? ofConvolution(graph, gradient) : ofRows(gradient);
  if (!read) return null;
  const whole = {
    inputs: read.x.shape.at(-1)!,
    outputs: gradient.dz.shape.at(-1)!,
    positions: read.positions,
  };
  const inputs = Math.min(whole.inputs, MAX_BOTTLENECK_WIDTH);
  const outputs = Math.min(read.dz.shape.at(-1)!, MAX_BOTTLENECK_WIDTH);
  const [x, dz] = [firstOf(graph, read.x, inputs), firstOf(graph, read.dz, outputs)];
  const positions = x.shape.slice(1, -1).reduce((n, d) => n * d, 1);
  const sums: Record<string, Tensor> = {};
  const pairs = { xx: [x, x], xg: [x, dz], gg: [dz, dz] } as const;
  for (const part of PARTS) {
    const [product, ones] = products(graph, ...pairs[part]);
    sums[`bottleneck/${layerId}/${part}`] = product;
    sums[`bottleneck/${layerId}/${part}-ones`] = ones;
  }
  const isKept = (most: number) => (i: number) => i < most;
  const groups = read.groups?.map((g) => ({
    // The ones are the last column of the system, whatever is left out before it.
    inputs: [...g.inputs.slice(0, -1).filter(isKept(inputs)), inputs],
    outputs: g.outputs.filter(isKept(outputs)),
  }));
  return { layerId, sums, inputs, outputs, positions, whole, groups: groups ?? null };
}

function ofRows({ dz, x }: LayerGradient) {
  if (x.shape.length !== 2 || dz.shape.length !== 2) return null;
  return { x, dz, positions: 1, groups: null };
}

function ofConvolution(graph: Graph, { dz, groups, window, x }: LayerGradient) {
  const [rows, height, width, outputs] = dz.shape as [number, number, number, number];
  const every = positionStep(rows, height, width, MAX_BOTTLENECK_POSITIONS);
  const taps = window!.kernelHeight * window!.kernelWidth;
  // Whole groups, since an output is measured against all that its own group reads.
  const [inside, out] = [x.shape[3]! / groups, outputs / groups];
  const fitting = Math.floor(MAX_BOTTLENECK_WIDTH / Math.max(taps * inside, out));
  const taken = Math.min(groups, Math.max(1, fitting));
  const channels = taken * inside;
  const read = groups === 1 ? x : firstOf(graph, x, channels);
  const wished = groups === 1 ? dz : firstOf(graph, dz, taken * out);
  return {
    x: patches(graph, read, window!, dz, every),
    dz: thinned(graph, wished, every),
    positions: height * width,
    groups: groups === 1 ? null : columnGroups(taken, taps, channels, taken * out, taps * channels),
  };
}

/**
 * ||R||^2 / N of a layer, mean over the replicas: R = G - X W*, G = -N dL/dz by row, X with a column
 * of ones, W* the least squares solution; over all positions of a convolution, and of one in groups
 * the sum over them, each with the inputs that it reads. Where only some
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
    const reached = layer.groups
      ? layer.groups.reduce((sum, { inputs, outputs }) => {
          const [own, right] = [
            submatrix(s, size, inputs, inputs),
            submatrix(b, m, inputs, outputs),
          ];
          return sum + explained(own, right, inputs.length, outputs.length);
        }, 0)
      : explained(s, b, size, m);
    total += Math.max(0, wished - reached);
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
