/**
 * What TINY needs of a convolution and its seed: both are Linear layers at every position, on patches
 * of their own size. The sums go over samples and positions, and every sample counts once.
 */
import type { Graph, Tensor } from '../engine/plan/graph.ts';
import { type ColumnGroup, columnGroups, withOnes, withRow } from './gram-matrices.ts';
import type { SiteStatistics, StatisticsRequest } from './growth-statistics.ts';
import { layerGradient, patches, positionStep, products, thinned } from './layer-sums.ts';

/** Longest patch whose Gram matrix is summed. */
const MAX_PATCH = 256;
/** Most positions of a batch that such sums go over; of more, every so many-th is taken. */
const MAX_POSITIONS = 8192;

export interface PatchSums {
  /** Numbers of a patch of the layer, and of its seed. */
  host: number;
  seed: number;
  /** Positions of a sample that are summed over, and their share of all. */
  positions: number;
  share: number;
  /** Of the layer's own weights; null: they join everything. */
  groups: readonly ColumnGroup[] | null;
}

/** Logical values of a table of sums, by its name. */
export type ReadProducts = (name: string, columns: readonly number[]) => Float64Array;

/** Products of what a convolution and its seed's convolution read at every position. */
export function patchSums(
  graph: Graph,
  layerId: string,
  source: Tensor,
  { kernelSize, padding, stride, dilation = 1 }: NonNullable<StatisticsRequest['convolution']>,
  add: (name: string, product: Tensor, sums: Tensor) => void,
): PatchSums | null {
  const layer = layerGradient(graph, layerId);
  if (!layer?.window) return null;
  const { dz, window, x } = layer;
  const taps = window.kernelHeight * window.kernelWidth;
  const host = taps * x.shape[3]!;
  const seed = kernelSize * kernelSize * source.shape[3]!;
  if (Math.max(host, seed) > MAX_PATCH) return null;
  const [rows, height, width] = dz.shape as [number, number, number];
  const every = positionStep(rows, height, width, MAX_POSITIONS);
  const own = { kernelHeight: kernelSize, kernelWidth: kernelSize, paddingHeight: padding };
  const h1 = patches(graph, x, window, dz, every);
  const h2 = patches(graph, source, { ...own, stride, padding, dilation }, dz, every);
  const g = thinned(graph, dz, every);
  const pairs: [string, Tensor, Tensor][] = [
    ['s1', h1, h1],
    ['s2', h2, h2],
    ['s21', h2, h1],
    ['h1g', h1, g],
    ['h2g', h2, g],
    ['gg', g, g],
  ];
  for (const [name, a, b] of pairs) add(name, ...products(graph, a, b));
  const positions = g.shape[1]! * g.shape[2]!;
  const groups =
    layer.groups > 1 ? columnGroups(layer.groups, taps, x.shape[3]!, dz.shape[3]!, host) : null;
  return { host, seed, positions, share: positions / (height * width), groups };
}

/** @param rows Samples of the batch. */
export function patchStatistics(
  { groups, host, positions, seed, share }: PatchSums,
  rows: number,
  outputs: number,
  read: ReadProducts,
): SiteStatistics {
  const scaled = (array: Float64Array, factor: number) => array.map((v) => v * factor);
  const n = rows * positions;
  // What was left out is like what was measured.
  const gram = 1 / (share * rows);
  const [sums1, sums2] = [read('s1-ones', [host]), read('s2-ones', [seed])];
  const trace = read('gg', [outputs, outputs]);
  let square = 0;
  for (let i = 0; i < outputs; i++) square += trace[i * outputs + i]!;
  const s1 = withOnes(read('s1', [host, host]), sums1, sums1, host, host, n);
  const s2 = withOnes(read('s2', [seed, seed]), sums2, sums2, seed, seed, n);
  const s21 = withOnes(read('s21', [seed, host]), sums2, sums1, seed, host, n);
  const h1g = withRow(read('h1g', [host, outputs]), read('h1g-ones', [outputs]));
  const h2g = withRow(read('h2g', [seed, outputs]), read('h2g-ones', [outputs]));
  return {
    inputs: seed,
    outputs,
    cross: scaled(h2g, -1 / share),
    grams: {
      hostInputs: host + 1,
      ...{ s1: scaled(s1, gram), s2: scaled(s2, gram), s21: scaled(s21, gram) },
      h1g: scaled(h1g, -1 / share),
      gradientSquare: (square * rows) / share,
      groups,
    },
  };
}
