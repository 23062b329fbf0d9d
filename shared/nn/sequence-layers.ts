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

/** Something that sees rows [rows, C] -> [rows, units], at every position: [B, ..., C] -> [B, ..., units]. */
export function positionwise(
  graph: Graph,
  x: Tensor,
  name: string,
  map: (rows: Tensor) => Tensor,
): Tensor {
  const rows = graph.one('fold_rows', [x], {}, `${name}.rows`);
  return graph.one('unfold_rows', [map(rows), x], {}, `${name}.positions`);
}

/** A Linear layer at every position: [B, ..., C] -> [B, ..., units]. */
export function positionwiseLinear(
  graph: Graph,
  x: Tensor,
  name: string,
  units: number,
  options: LayerOptions = {},
): Tensor {
  return positionwise(graph, x, name, (rows) => linear(graph, rows, name, units, options));
}

/**
 * y = x @ table^T with the table of an embedding, so that both learn from both: [rows, C] ->
 * [rows, vocabulary]. No bias.
 *
 * Source: Press & Wolf 2017, arXiv:1608.05859.
 *
 * @param table Name of an embedding made before, of `vocabulary` rows.
 * @throws {RangeError} If the channels are not a multiple of four.
 */
export function tiedLinear(
  graph: Graph,
  x: Tensor,
  name: string,
  table: string,
  vocabulary: number,
): Tensor {
  const channels = x.shape.at(-1)!;
  if (channels % 4 !== 0) {
    throw new RangeError(
      `Cannot tie layer "${name}" to "${table}": ${channels} channels, must be a multiple of four`,
    );
  }
  const init = { kind: 'kaiming', fanIn: channels, fanOut: channels } as const;
  const weight = graph.parameter(`${table}.weight`, [vocabulary, channels], 1, init);
  // transpose takes a batch of matrices; this one is a batch of one. Only its shape is read.
  const batch = graph.create('one', [1, vocabulary, 1]);
  const matrix = graph.one('unfold_rows', [weight, batch], {}, `${name}.table`);
  const turned = graph.one('transpose', [matrix], {}, `${name}.turned`);
  return graph.one('linear', [x, graph.one('fold_rows', [turned], {}, `${name}.weight`)], {}, name);
}

/** The last position of each sample: [B, T, C] -> [B, C]. */
export function lastPosition(graph: Graph, x: Tensor): Tensor {
  const attrs = { axis: 1, start: x.shape[1]! - 1, length: 1 };
  const last = graph.one('slice', [x], attrs, `last_${x.name}`);
  return graph.one('fold_rows', [last], {}, `last_${x.name}.rows`);
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
  const mixed = mixHeads(graph, [q, k, v], name, { heads, causal });
  return project(mixed, 'out');
}

/**
 * Scaled dot-product attention of queries [B, T, C] to keys and values [B, S, C], without maps of
 * its own.
 *
 * @throws {RangeError} If the channels are not `heads` times a multiple of four.
 */
export function mixHeads(
  graph: Graph,
  [q, k, v]: readonly [Tensor, Tensor, Tensor],
  name: string,
  attrs: { heads: number; causal: boolean },
): Tensor {
  const scale = 1 / Math.sqrt(q.shape.at(-1)! / attrs.heads);
  const scores = graph.one('attention_scores', [q, k], { ...attrs, scale }, `${name}.scores`);
  const weights = graph.one('softmax', [scores], { causal: attrs.causal }, `${name}.weights`);
  return graph.one('attention_mix', [weights, v], { ...attrs, scale: 1 }, `${name}.mixed`);
}

/**
 * Self-attention whose queries, keys and values one layer has made together: [B, T, 3 C] -> [B, T, C].
 *
 * @throws {RangeError} If the channels are not three times `heads` times a multiple of four.
 */
export function attentionOf(
  graph: Graph,
  x: Tensor,
  name: string,
  { heads, causal }: { heads: number; causal: boolean },
): Tensor {
  const channels = x.shape.at(-1)! / 3;
  const part = (index: number, what: string) => {
    const attrs = { axis: 2, start: index * channels, length: channels };
    return graph.one('slice', [x], attrs, `${name}.${what}`);
  };
  const parts = [part(0, 'q'), part(1, 'k'), part(2, 'v')] as const;
  return mixHeads(graph, parts, name, { heads, causal });
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
