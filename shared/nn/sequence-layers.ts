/**
 * Layers of sequence models over activations [B, T, C]: embeddings, positions, a Linear layer at
 * every position, attention; and joins, cuts and means that other networks use too.
 */
import type { Graph, Tensor } from '../engine/plan/graph.ts';
import { type LayerOptions, linear } from './layers.ts';

/**
 * Row `token` of a table for each token. Parameter `<name>.weight` [vocabulary, channels].
 *
 * @param tokens [B] or [B, T], words or whole floats; others than 0 to vocabulary - 1 give NaN.
 */
export function embedding(
  graph: Graph,
  tokens: Tensor,
  name: string,
  vocabulary: number,
  channels: number,
  { group = 0 }: { group?: number } = {},
): Tensor {
  const init = { kind: 'kaiming', fanIn: channels, fanOut: channels } as const;
  const weight = graph.parameter(`${name}.weight`, [vocabulary, channels], 1, init, group);
  return graph.one('embedding', [tokens, weight], {}, name);
}

/** Adds a learned vector to each position. Parameter `<name>.weight` [longest, C]. */
export function positions(
  graph: Graph,
  x: Tensor,
  name: string,
  longest: number = x.shape[1]!,
  { group = 0 }: { group?: number } = {},
): Tensor {
  const channels = x.shape.at(-1)!;
  const init = { kind: 'kaiming', fanIn: channels, fanOut: channels } as const;
  const weight = graph.parameter(`${name}.weight`, [longest, channels], 1, init, group);
  return graph.one('add_positions', [x, weight], {}, name);
}

/** A Linear layer at every position: [B, ..., C] -> [B, ..., units]. */
export function positionwiseLinear(
  graph: Graph,
  x: Tensor,
  name: string,
  units: number,
  options: LayerOptions = {},
): Tensor {
  const rows = graph.one('fold_rows', [x], {}, `${name}.rows`);
  const y = linear(graph, rows, name, units, options);
  return graph.one('unfold_rows', [y, x], {}, `${name}.positions`);
}

export interface AttentionOptions extends LayerOptions {
  heads: number;
  /** Whether a position sees only itself and what came before. @default {false} */
  causal?: boolean;
}

/**
 * Multi-head scaled dot-product attention of a sequence to itself or, with `memory` [B, S, C], to
 * another. Parameters `<name>.{q,k,v,out}_proj.{weight,bias}`.
 *
 * Source: Vaswani et al. 2017, arXiv:1706.03762.
 *
 * @throws {RangeError} If the channels are not `heads` times a multiple of four.
 */
export function attention(
  graph: Graph,
  x: Tensor,
  name: string,
  { heads, causal = false, ...options }: AttentionOptions,
  memory: Tensor = x,
): Tensor {
  const channels = x.shape.at(-1)!;
  const project = (from: Tensor, part: string) =>
    positionwiseLinear(graph, from, `${name}.${part}_proj`, channels, options);
  const [q, k, v] = [project(x, 'q'), project(memory, 'k'), project(memory, 'v')];
  const attrs = { heads, causal };
  const scale = 1 / Math.sqrt(channels / heads);
  const scores = graph.one('attention_scores', [q, k], { ...attrs, scale }, `${name}.scores`);
  const weights = graph.one('softmax', [scores], { causal }, `${name}.weights`);
  const mixed = graph.one('attention_mix', [weights, v], { ...attrs, scale: 1 }, `${name}.mixed`);
  return project(mixed, 'out');
}

/** Joins two or more tensors along an axis other than the batch's. */
export function concat(graph: Graph, parts: readonly Tensor[], axis: number): Tensor {
  const [first, ...rest] = parts;
  if (!first) throw new RangeError('Cannot concat nothing: give at least one tensor');
  return rest.reduce((joined, part) => graph.one('concat', [joined, part], { axis }), first);
}

/** Mean over all positions: [B, ..., C] -> [B, C]. */
export function meanPositions(graph: Graph, x: Tensor): Tensor {
  const count = x.shape.slice(1, -1).reduce((a, b) => a * b, 1);
  return graph.one('sum_positions', [x], { factor: 1 / count }, `mean_${x.name}`);
}
