/**
 * Normalisation layers over the channels (last axis). Scale and shift are parameters named
 * `<name>.weight` and `<name>.bias`; they start at one and zero.
 */
import type { Graph, ParameterInit, Tensor } from '../engine/plan/graph.ts';
import { rowPartials, rowsOf } from '../engine/plan/ops-norm.ts';

export interface NormOptions {
  /** Added to the variance. @default {1e-5} */
  epsilon?: number;
  /** Parameter group. @default {0} */
  group?: number;
  /** What the scale starts at. @default {'ones'} */
  init?: ParameterInit['kind'];
}

export interface BatchNormOptions extends NormOptions {
  /**
   * `train`: statistics of the batch, which also move the running ones; `measure`: those of the
   * batch, and nothing is moved; `evaluate`: the running ones, left as they are.
   */
  mode: 'train' | 'measure' | 'evaluate';
  /** Share of the batch's statistics in the running ones. @default {0.1} */
  momentum?: number;
}

/** Running statistics that a graph reads or writes: buffers the caller owns, one per replica. */
export interface NormState {
  /** Name of the external tensor, `<layer>.running_mean` or `<layer>.running_var`. */
  name: string;
  shape: readonly number[];
  padded: readonly number[];
  /** Value of every real element before training; padding is zero. */
  initial: 0 | 1;
}

function affine(
  graph: Graph,
  x: Tensor,
  name: string,
  { group = 0, init = 'ones' }: NormOptions,
): [Tensor, Tensor] {
  const channels = x.shape.at(-1)!;
  const fan = { fanIn: channels, fanOut: channels };
  return [
    graph.parameter(`${name}.weight`, [channels], 1, { kind: init, ...fan }, group),
    graph.parameter(`${name}.bias`, [channels], 1, { kind: 'zeros', ...fan }, group),
  ];
}

function grouped(
  graph: Graph,
  x: Tensor,
  name: string,
  segments: number,
  groups: number,
  options: NormOptions,
): Tensor {
  const { epsilon = 1e-5 } = options;
  const parts = { segments, groups };
  const stats = graph.one('group_stats', [x], { ...parts, epsilon }, `${name}.stats`);
  const inputs = [x, stats, ...affine(graph, x, name, options)];
  return graph.one('normalize', inputs, { ...parts, statistics: 'group' }, name);
}

/**
 * Every position [B, ...] is normalised over its channels.
 *
 * Source: Ba, Kiros, Hinton 2016, arXiv:1607.06450.
 */
export function layerNorm(
  graph: Graph,
  x: Tensor,
  name: string,
  options: NormOptions = {},
): Tensor {
  return grouped(graph, x, name, rowsOf(x), 1, options);
}

/**
 * Every sample is normalised over all positions of each group of channels. One group a channel is
 * instance norm.
 *
 * Source: Wu & He 2018, arXiv:1803.08494.
 *
 * @throws {RangeError} If the channels cannot be divided into `groups`.
 */
export function groupNorm(
  graph: Graph,
  x: Tensor,
  name: string,
  groups: number,
  options: NormOptions = {},
): Tensor {
  return grouped(graph, x, name, x.shape[0]!, groups, options);
}

/**
 * Every channel is normalised over the batch and all positions. The running variance follows the
 * unbiased one, as PyTorch's does. The caller owns the running statistics: see {@link normStates}.
 *
 * Source: Ioffe & Szegedy 2015, arXiv:1502.03167.
 *
 * @throws {RangeError} If training sees a single row, which has no variance.
 */
export function batchNorm(
  graph: Graph,
  x: Tensor,
  name: string,
  { mode, momentum = 0.1, epsilon = 1e-5, group = 0 }: BatchNormOptions,
): Tensor {
  const channels = [x.shape.at(-1)!];
  const running = ['running_mean', 'running_var'].map((state) =>
    mode === 'measure'
      ? // Moved instead of the layer's own, and never read.
        graph.create(`${name}.scratch_${state}`, channels)
      : graph.create(`${name}.${state}`, channels, { role: 'external' }),
  );
  const parameters = affine(graph, x, name, { group });
  const whole = { segments: 1, groups: 1 };
  if (mode === 'evaluate') {
    const stats = graph.one('running_stats', running, { epsilon }, `${name}.stats`);
    const attrs = { ...whole, statistics: 'fixed' };
    return graph.one('normalize', [x, stats, ...parameters], attrs, name);
  }
  const rows = rowsOf(x);
  const partial = graph.one('channel_stats', [x], { partials: rowPartials(rows) });
  const attrs = { rows, momentum, epsilon };
  const stats = graph.one('batch_stats', [partial, ...running], attrs, `${name}.stats`);
  const batch = { ...whole, statistics: 'batch' };
  return graph.one('normalize', [x, stats, ...parameters], batch, name);
}

/** The running statistics of all batch norms of a graph, each once. */
export function normStates(graph: Graph): NormState[] {
  const states = new Map<string, NormState>();
  for (const node of graph.nodes) {
    if (node.op !== 'batch_stats' && node.op !== 'running_stats') continue;
    node.inputs.slice(-2).forEach((id, k) => {
      const { name, role, shape, padded } = graph.tensor(id);
      if (role !== 'external') return;
      states.set(name, { name, shape, padded, initial: k === 0 ? 0 : 1 });
    });
  }
  return [...states.values()];
}
