/** Losses: row statistics (loss, correct, valid, 0) and dL/dlogits, L the mean over the rows. */
import type { Graph, Tensor } from '../engine/plan/graph.ts';

export interface Loss {
  /** [rows, 4], for the metrics. */
  rows: Tensor;
  /** In the shape of the logits: where differentiation starts. */
  gradient: Tensor;
}

/** @param logits [B, K], or [B, ..., K]: then every position is a row. */
function rowLoss(
  graph: Graph,
  op: string,
  logits: Tensor,
  labels: Tensor,
  attrs: Readonly<Record<string, number>>,
): Loss {
  const flat = logits.shape.length === 2;
  const scores = flat ? logits : graph.one('fold_rows', [logits], {}, `${logits.name}.rows`);
  const [rows, gradient] = graph.apply(op, [scores, labels], attrs, op);
  return {
    rows: rows!,
    gradient: flat
      ? gradient!
      : graph.one('unfold_rows', [gradient!, logits], {}, `d_${logits.name}`),
  };
}

/**
 * Softmax cross-entropy.
 *
 * @param labels One class a row, [rows]; 0xffffffff: the row does not count.
 * @param smoothing Share of the target that all classes have equally, at least 0 and below 1.
 */
export function crossEntropy(
  graph: Graph,
  logits: Tensor,
  labels: Tensor,
  { smoothing = 0 }: { smoothing?: number } = {},
): Loss {
  const attrs: Readonly<Record<string, number>> = smoothing === 0 ? {} : { smoothing };
  return rowLoss(graph, 'softmax_cross_entropy', logits, labels, attrs);
}

/**
 * Weighted sum of two losses of the same logits; accuracy and the rows that count are the first's.
 *
 * @param weights What each counts, for example 0.7 and 0.3.
 */
export function mixLosses(
  graph: Graph,
  first: Loss,
  second: Loss,
  weights: readonly [number, number],
): Loss {
  const inputs = [first.rows, first.gradient, second.rows, second.gradient];
  const [a, b] = weights;
  const [rows, gradient] = graph.apply('mix_losses', inputs, { a, b }, 'mixed_loss');
  return { rows: rows!, gradient: gradient! };
}

/**
 * The classes that the rows of the logits are to be: the labels, or, for logits at every position
 * [B, T, K] of a sequence of tokens, the token after each, and the label at the last.
 *
 * @param x What the network read.
 */
export function targetsOf(graph: Graph, logits: Tensor, x: Tensor, labels: Tensor): Tensor {
  return logits.shape.length === 2
    ? labels
    : graph.one('next_tokens', [x, labels], {}, `next_${x.name}`);
}

/** The loss of an experiment: one, or how much each of the two counts. */
export type LossKind = 'cross-entropy' | 'mse' | { crossEntropy: number; mse: number };

/** Adds the loss of an experiment. @param smoothing Of cross-entropy, see {@link crossEntropy}. */
export function addLoss(
  graph: Graph,
  kind: LossKind,
  logits: Tensor,
  labels: Tensor,
  smoothing = 0,
): Loss {
  if (kind === 'mse') return meanSquaredError(graph, logits, labels);
  const entropy = crossEntropy(graph, logits, labels, { smoothing });
  if (kind === 'cross-entropy') return entropy;
  const squares = meanSquaredError(graph, logits, labels);
  return mixLosses(graph, entropy, squares, [kind.crossEntropy, kind.mse]);
}

/** Mean over the classes of the squared distance to the one-hot target. */
export function meanSquaredError(graph: Graph, logits: Tensor, labels: Tensor): Loss {
  return rowLoss(graph, 'mse', logits, labels, {});
}
