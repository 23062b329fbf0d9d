/**
 * Sums over a batch of products of what a layer reads with the gradient at its output, for plans that
 * went forward and backward. A convolution is taken as the Linear layer that it is at every position:
 * what it reads there is a patch.
 */
import { convGeometry } from '../engine/plan/conv-geometry.ts';
import type { Graph, Tensor } from '../engine/plan/graph.ts';
import { weightGradientPartials } from '../engine/plan/ops-conv.ts';
import type { PlannedTensor } from '../engine/plan/plan.ts';
import { numel, unpack } from '../engine/plan/shape.ts';

/** How a convolution moves over an image; heights and widths in cells. */
export interface Window {
  kernelHeight: number;
  kernelWidth: number;
  stride: number;
  padding: number;
  paddingHeight: number;
  dilation: number;
}

export interface LayerGradient {
  /** What the layer reads: [N, ...features] or [N, H, W, C]. */
  x: Tensor;
  /** dL/dz of its own output, with the 1/N of the mean loss. */
  dz: Tensor;
  /** Null: a Linear layer. */
  window: Window | null;
  groups: number;
}

/** Null where the plan has no gradient of that layer's matrix. */
export function layerGradient(graph: Graph, layerId: string): LayerGradient | null {
  const weight = graph.parameters.find((p) => p.name === `${layerId}.weight`)?.tensorId;
  if (weight === undefined) return null;
  const makes = (ids: readonly number[]) =>
    ids.some((id) => graph.tensor(id).parameterId === weight);
  let node = graph.nodes.find((n) => makes(n.outputs));
  if (node?.op === 'reduce_partials') {
    const partial = node.inputs[0]!;
    node = graph.nodes.find((n) => n.outputs.includes(partial));
  }
  if (!node || !['linear_grad_weight', 'conv2d_grad_weight'].includes(node.op)) return null;
  const [x, dz] = node.inputs.map((id) => graph.tensor(id)) as [Tensor, Tensor];
  if (node.op === 'linear_grad_weight') return { x, dz, window: null, groups: 1 };
  const { groups, ...geometry } = convGeometry(node.attrs);
  const size = (key: string) => node.attrs[key] as number;
  const window = {
    kernelHeight: size('kernelHeight'),
    kernelWidth: size('kernelWidth'),
    ...geometry,
  };
  return { x, dz, window, groups };
}

/**
 * The patches that a convolution reads, [N, H', W', KH * KW * C]: taps in the order of its weight,
 * channels last. Copies alone, so that every number is one of x or 0.
 *
 * @param every Of the output's rows and columns every so many-th is taken.
 */
export function patches(
  graph: Graph,
  x: Tensor,
  window: Window,
  output: Tensor,
  every = 1,
): Tensor {
  const { dilation, kernelHeight, kernelWidth, padding, paddingHeight } = window;
  const step = window.stride * every;
  const [, height, width] = output.shape as [number, number, number];
  const rows = Math.floor((height - 1) / every) * step + 1;
  const columns = Math.floor((width - 1) / every) * step + 1;
  let image = x;
  for (const [axis, pad] of [
    [1, paddingHeight],
    [2, padding],
  ] as const) {
    if (pad === 0) continue;
    const length = image.shape[axis]! + 2 * pad;
    image = graph.one('pad_axis', [image], { axis, start: pad, length });
  }
  let all: Tensor | null = null;
  for (let ky = 0; ky < kernelHeight; ky++) {
    const start = ky * dilation;
    const band = sliced(graph, image, 1, start, rows);
    for (let kx = 0; kx < kernelWidth; kx++) {
      const tap = thinned(graph, sliced(graph, band, 2, kx * dilation, columns), step);
      all = all ? graph.one('concat', [all, tap], { axis: 3 }) : tap;
    }
  }
  return all!;
}

/** Of the rows and columns of images every so many-th, so that at most `most` positions are left. */
export function positionStep(images: number, height: number, width: number, most: number): number {
  let every = 1;
  const count = () => Math.ceil(height / every) * Math.ceil(width / every);
  while (count() > 1 && images * count() > most) every++;
  return every;
}

/** Every so many-th row and column of [N, H, W, C]. */
export function thinned(graph: Graph, x: Tensor, every: number): Tensor {
  // The largest of one number is that number.
  return every === 1 ? x : graph.one('max_pool', [x], { size: 1, stride: every });
}

function sliced(graph: Graph, x: Tensor, axis: number, start: number, length: number): Tensor {
  if (start === 0 && length === x.shape[axis]) return x;
  return graph.one('slice', [x], { axis, start, length });
}

/** The first `width` units or channels. */
export function firstOf(graph: Graph, x: Tensor, width: number): Tensor {
  return sliced(graph, x, x.shape.length - 1, 0, width);
}

/**
 * a'b over all rows, or over all rows and positions, and the column sums of b.
 *
 * @param a [N, A] or [N, H, W, A]. @param b [N, B] or [N, H, W, B].
 */
export function products(graph: Graph, a: Tensor, b: Tensor): [Tensor, Tensor] {
  if (a.shape.length === 2) {
    return graph.apply('linear_grad_weight', [a, b], { bias: true }) as [Tensor, Tensor];
  }
  const [n, height, width] = b.shape as [number, number, number];
  const partials = weightGradientPartials(n, height, width);
  const size = { kernelHeight: 1, kernelWidth: 1, partials };
  const partial = graph.one('conv2d_grad_weight', [a, b], { stride: 1, padding: 0, ...size });
  return graph.apply('reduce_partials', [partial], { ...size, bias: true }) as [Tensor, Tensor];
}

/**
 * Logical values, row-major, of one replica of a table of {@link products} with that many columns
 * on either side, or with `columns` alone of its sums.
 */
export function readProducts(
  table: Float32Array,
  placed: PlannedTensor,
  replica: number,
  columns: readonly number[],
): Float64Array {
  const at = replica * placed.replicaStride;
  const own = table.subarray(at, at + placed.elements);
  // The shape of a convolution's sums counts the padding as channels.
  const lead = placed.padded.length - columns.length;
  const shape = [...placed.padded.slice(0, lead), ...columns];
  return Float64Array.from(unpack(own, shape, placed.padded).subarray(0, numel(columns)));
}
