/** Batches, losses, metrics in float64. Definitions: docs/numerics.md. */
import { permute } from '../../base/permutation.ts';
import { CONTROL } from '../kernels/control.ts';
import { numberAttr, stringAttr } from '../plan/op-definition.ts';
import { linearSizes } from '../plan/ops-dense.ts';
import { linear } from './dense.ts';
import { finishStep, metricsOf, ROW } from './metrics.ts';
import { optimizerReference } from './optimizer.ts';
import type { ReferenceCall, ReferenceOp } from './reference-call.ts';

/** Label of a row that does not count: beyond the end of the data. */
export const INVALID_LABEL = 0xffff_ffff;

/** Loss of one row and its gradient with respect to the logits; both unscaled by the batch. */
type RowLoss = (
  logits: Float64Array,
  label: number,
  gradient: Float64Array,
  smoothing?: number,
) => number;

/**
 * -log softmax(logits)[label], gradient softmax - onehot; the largest logit is subtracted first. With
 * label smoothing e the target is (1 - e) onehot + e / K.
 *
 * Source: Szegedy et al. 2016, arXiv:1512.00567, section 7.
 */
export const softmaxCrossEntropy: RowLoss = (logits, label, gradient, smoothing = 0) => {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  let sum = 0;
  for (let k = 0; k < logits.length; k++) sum += Math.exp(logits[k]! - largest);
  for (let k = 0; k < logits.length; k++) {
    const wanted = (k === label ? 1 - smoothing : 0) + smoothing / logits.length;
    gradient[k] = Math.exp(logits[k]! - largest) / sum - wanted;
  }
  const mean = logits.reduce((a, v) => a + (v - largest), 0) / logits.length;
  return Math.log(sum) - (1 - smoothing) * (logits[label]! - largest) - smoothing * mean;
};

/** mean over the classes of (logit - onehot)^2, and its gradient. */
export const meanSquaredError: RowLoss = (logits, label, gradient) => {
  let sum = 0;
  for (let k = 0; k < logits.length; k++) {
    const d = logits[k]! - (k === label ? 1 : 0);
    sum += d * d;
    gradient[k] = (2 * d) / logits.length;
  }
  return sum / logits.length;
};

/** Index of the first largest number. */
function argmax(values: Float64Array): number {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (values[k]! > values[best]!) best = k;
  return best;
}

/**
 * A loss over the rows of the logits: row statistics and dL/dlogits, L the sum over rows / B. A row
 * whose logits are not finite, or whose label is no class, has loss and gradient NaN: not hidden.
 */
function lossOp(rowLoss: RowLoss): ReferenceOp {
  return (call) => {
    const { shape, padded } = call.dispatch.inputs[0]!;
    const sizes = { batch: shape[0]!, classes: shape[1]!, stored: padded[1]! };
    lossOf(rowLoss, call, call.input(0), sizes, 1);
  };
}

/** @param at Index of the labels among the inputs; behind them, where given, the control buffer. */
function lossOf(
  rowLoss: RowLoss,
  call: ReferenceCall,
  logits: Float64Array,
  { batch, classes, stored }: { batch: number; classes: number; stored: number },
  at: number,
): void {
  const labels = call.input(at);
  const [rows, gradient] = [call.output(0), call.output(1)];
  const control = call.dispatch.inputs[at + 1];
  if (control && call.replica === call.replicas - 1) {
    const words = call.buffer(control);
    words[CONTROL.step] = words[CONTROL.next]!;
  }
  const smoothing = Number(call.dispatch.attrs['smoothing'] ?? 0);
  rows.fill(0);
  gradient.fill(0);
  for (let b = 0; b < batch; b++) {
    const label = labels[b]!;
    if (label === INVALID_LABEL) continue;
    const row = logits.subarray(b * stored, b * stored + classes);
    const d = gradient.subarray(b * stored, b * stored + classes);
    const sound = label < classes && row.every((v) => Number.isFinite(v));
    rows[b * ROW] = sound ? rowLoss(row, label, d, smoothing) : Number.NaN;
    rows[b * ROW + 1] = argmax(row) === label ? 1 : 0;
    rows[b * ROW + 2] = 1;
    for (let k = 0; k < classes; k++) d[k] = sound ? d[k]! / batch : Number.NaN;
  }
}

export const trainingReference: Record<string, ReferenceOp> = {
  gather_batch(call) {
    const { attrs, inputs } = call.dispatch;
    const [dataX, dataY] = [call.input(0), call.input(1)];
    const control = call.buffer(inputs[2]!);
    const [x, y] = [call.output(0), call.output(1)];
    const batch = numberAttr(attrs, 'batch');
    const size = numberAttr(attrs, 'size');
    const features = inputs[0]!.elements / inputs[0]!.padded[0]!;
    const step = control[CONTROL.next]!;
    if (call.replica === call.replicas - 1) control[CONTROL.step] = step;
    x.fill(0);
    y.fill(0);
    for (let b = 0; b < batch; b++) {
      const p = step * batch + b;
      let index = p;
      if (stringAttr(attrs, 'mode') === 'shuffle') {
        const seed = control[CONTROL.seeds + call.replica]!;
        const stream = numberAttr(attrs, 'stream');
        index = permute(p % size, size, seed, stream, Math.floor(p / size));
      } else if (p >= size) {
        y[b] = INVALID_LABEL;
        continue;
      }
      x.set(dataX.subarray(index * features, (index + 1) * features), b * features);
      y[b] = dataY[index]!;
    }
  },
  softmax_cross_entropy: lossOp(softmaxCrossEntropy),
  mse: lossOp(meanSquaredError),
  linear_cross_entropy(call) {
    const [x, weight] = call.dispatch.inputs;
    const { m, k, n } = linearSizes(x!, weight!);
    const [classes, labels] = [weight!.shape.at(-1)!, call.dispatch.attrs['bias'] ? 3 : 2];
    const logits = new Float64Array(m * n);
    linear(call.input(0), call.input(1), logits, { m, k, n });
    if (labels === 3) for (let i = 0; i < m * n; i++) logits[i]! += call.input(2)[i % n]!;
    lossOf(softmaxCrossEntropy, call, logits, { batch: m, classes, stored: n }, labels);
  },
  metrics_reduce(call) {
    const [, control, metrics] = call.dispatch.inputs;
    finishStep(call, call.buffer(control!), call.buffer(metrics!), metricsOf(call.input(0)));
  },
  ...optimizerReference,
};
