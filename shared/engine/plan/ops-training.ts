/**
 * Ops of the training step around the model: batches, losses, optimizers, metrics and health.
 *
 * They share the control buffer (u32 words, see engine/kernels/control.ts): step counters, the
 * replicas' seeds, and a table with one row per step of the learning rates and alphas. Nothing is
 * uploaded during a step; the rows of the next steps are written between them.
 */
import type { OpDefinition } from './op-definition.ts';
import { mismatch, numberAttr } from './op-definition.ts';

const NONE: OpDefinition = { infer: () => [] };

/**
 * Inputs logits [B, K], labels [B][, control]; outputs row statistics [B, 4] and dL/dlogits. With
 * `control` it also makes the next step the current one: for plans that gather no batch and whose
 * kernels before the loss do not ask for the step. attrs smoothing (softmax_cross_entropy only, 0 where
 * absent): the share of the target that all classes have equally.
 */
function loss(op: string): OpDefinition {
  return {
    infer([logits, labels], attrs) {
      const smoothing = attrs['smoothing'] ?? 0;
      const smooths = op === 'softmax_cross_entropy' && Number(smoothing) < 1;
      if (smoothing !== 0 && !(smooths && Number(smoothing) > 0)) {
        throw new RangeError(
          `Cannot apply ${op} with smoothing ${smoothing}: it is for softmax_cross_entropy, at least 0 and below 1`,
        );
      }
      if (logits!.shape.length !== 2 || labels!.shape[0] !== logits!.shape[0]) {
        throw mismatch(op, 'needs logits [B, K] and labels [B]', logits!, labels!);
      }
      return [{ shape: [logits!.shape[0]!, 4] }, { shape: logits!.shape, padded: logits!.padded }];
    },
  };
}

export const trainingOps: Record<string, OpDefinition> = {
  // inputs dataset x [N, ...f], dataset y [N], control; attrs batch, mode shuffle | sequential.
  // Shuffled order is a keyed permutation of each epoch, different per replica. attrs part: x holds
  // the first of `size` rows alone, and gather_part adds the others
  gather_batch: {
    infer([x, y], attrs) {
      const batch = numberAttr(attrs, 'batch');
      return [
        { shape: [batch, ...x!.shape.slice(1)], padded: [batch, ...x!.padded.slice(1)] },
        { shape: [batch], padded: [batch], dtype: y!.dtype },
      ];
    },
  },
  softmax_cross_entropy: loss('softmax_cross_entropy'),
  mse: loss('mse'),
  // A linear layer and the cross-entropy of its scores in one dispatch: only fusion.ts makes it.
  // inputs x [B, F], weight [F, K][, bias], labels [B][, control]; attrs bias, smoothing; outputs as
  // softmax_cross_entropy
  linear_cross_entropy: {
    infer([x, weight]) {
      const batch = x!.shape[0]!;
      const logits = { shape: [batch, weight!.shape.at(-1)!] };
      return [{ shape: [batch, 4] }, { ...logits, padded: [batch, weight!.padded.at(-1)!] }];
    },
  },
  // inputs row statistics, control, metrics: metrics[row of the step, replica] = (loss, correct, 0, 0);
  // also advances the step counter of a plan that has no optimizer
  metrics_reduce: NONE,
  // inputs parameters, gradients, moments..., groups, control, row statistics, metrics[, norm]
  adam_update: NONE,
  sgd_update: NONE,
  // input gradients; attrs partials and, to leave out the end of the arena, leading: how many
  // elements count; output partial sums of squares, then their root
  gradient_norm_partial: {
    infer: (_inputs, attrs) => {
      const shape = [numberAttr(attrs, 'partials')];
      return [{ shape, padded: shape }];
    },
  },
  // inputs partial[, row statistics]; output (norm, clip factor, 0, 0) and, with row statistics,
  // (mean loss, correct, valid, 0): an optimizer that clips reads them here, which keeps it within
  // the eight storage buffers that every adapter binds
  gradient_norm: {
    infer: (inputs) => {
      const shape = [inputs.length > 1 ? 8 : 4];
      return [{ shape, padded: shape }];
    },
  },
  // per column over the rows of y: mean, variance, largest |y|, correlation with the next column
  activation_stats: {
    infer: ([y]) => {
      const shape = [4, y!.padded.at(-1)!];
      return [{ shape, padded: shape }];
    },
  },
  // inputs gradients, segments [S, 2]; per segment: sum of squares, sum, non-finite count, 0
  gradient_stats: {
    infer: (_inputs, attrs) => {
      const shape = [numberAttr(attrs, 'segments'), 4];
      return [{ shape, padded: shape }];
    },
  },
};
