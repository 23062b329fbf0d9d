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

/** Mean over the classes of the squared distance to the one-hot target. */
export function meanSquaredError(graph: Graph, logits: Tensor, labels: Tensor): Loss {
  return rowLoss(graph, 'mse', logits, labels, {});
}
