/** Normalisation in float64. Rows of C channels as stored; definitions in engine/plan/ops-norm.ts. */
import { numberAttr, stringAttr } from '../plan/op-definition.ts';
import { rowsOf } from '../plan/ops-norm.ts';
import type { PlannedTensor } from '../plan/plan.ts';
import type { ReferenceCall, ReferenceOp } from './reference-call.ts';

/** Visits the real channels of every row of `t`: row, channel and place in storage. */
function forEachChannel(
  t: PlannedTensor,
  visit: (row: number, channel: number, at: number) => void,
): void {
  const [channels, stored] = [t.shape.at(-1)!, t.padded.at(-1)!];
  for (let row = 0; row < rowsOf(t); row++) {
    for (let c = 0; c < channels; c++) visit(row, c, row * stored + c);
  }
}

/** Index of the statistics of a channel in a row: segment * groups + group. */
function groupIndex(call: ReferenceCall, t: PlannedTensor): (row: number, c: number) => number {
  const { attrs } = call.dispatch;
  const [segments, groups] = [numberAttr(attrs, 'segments'), numberAttr(attrs, 'groups')];
  const [rows, size] = [rowsOf(t) / segments, t.shape.at(-1)! / groups];
  return (row, c) => Math.floor(row / rows) * groups + Math.floor(c / size);
}

/** Mean and 1 / deviation of a channel in a row, from the statistics at input `index`. */
function momentsOf(
  call: ReferenceCall,
  index: number,
  t: PlannedTensor,
): (row: number, c: number) => readonly [number, number] {
  const stats = call.input(index);
  if (stringAttr(call.dispatch.attrs, 'statistics') === 'group') {
    const at = groupIndex(call, t);
    return (row, c) => [stats[4 * at(row, c)]!, stats[4 * at(row, c) + 1]!];
  }
  const stored = t.padded.at(-1)!;
  return (_row, c) => [stats[c]!, stats[stored + c]!];
}

/** Statistics of every group: (mean, variance). */
function groupMoments(call: ReferenceCall, x: Float64Array, t: PlannedTensor): [number, number][] {
  const index = groupIndex(call, t);
  const groups: number[][] = [];
  forEachChannel(t, (row, c, at) => {
    const g = index(row, c);
    groups[g] ??= [];
    groups[g].push(x[at]!);
  });
  return groups.map((values) => {
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    return [mean, values.reduce((a, v) => a + (v - mean) ** 2, 0) / values.length];
  });
}

/** First row of each part, and the end. */
function partRows(rows: number, parts: number): (part: number) => readonly [number, number] {
  const chunk = Math.ceil(rows / parts);
  return (part) => [Math.min(rows, part * chunk), Math.min(rows, (part + 1) * chunk)];
}

export const normReference: Record<string, ReferenceOp> = {
  group_stats(call) {
    const stats = call.output(0);
    const epsilon = numberAttr(call.dispatch.attrs, 'epsilon');
    stats.fill(0);
    groupMoments(call, call.input(0), call.dispatch.inputs[0]!).forEach(([mean, variance], g) => {
      stats.set([mean, 1 / Math.sqrt(variance + epsilon)], 4 * g);
    });
  },
  channel_stats(call) {
    const x = call.input(0);
    const t = call.dispatch.inputs[0]!;
    const partial = call.output(0);
    const parts = numberAttr(call.dispatch.attrs, 'partials');
    const stored = t.padded.at(-1)!;
    const range = partRows(rowsOf(t), parts);
    partial.fill(0);
    for (let part = 0; part < parts; part++) {
      const [from, to] = range(part);
      for (let c = 0; c < t.shape.at(-1)!; c++) {
        let sum = 0;
        for (let row = from; row < to; row++) sum += x[row * stored + c]!;
        const mean = to > from ? sum / (to - from) : 0;
        let squares = 0;
        for (let row = from; row < to; row++) squares += (x[row * stored + c]! - mean) ** 2;
        partial[part * 2 * stored + c] = mean;
        partial[(part * 2 + 1) * stored + c] = squares;
      }
    }
  },
  batch_stats(call) {
    const { attrs, inputs } = call.dispatch;
    const [partial, runningMean, runningVariance] = [call.input(0), call.input(1), call.input(2)];
    const stats = call.output(0);
    const rows = numberAttr(attrs, 'rows');
    const momentum = numberAttr(attrs, 'momentum');
    const [parts, , stored] = inputs[0]!.shape as [number, number, number];
    const range = partRows(rows, parts);
    stats.fill(0);
    for (let c = 0; c < inputs[1]!.shape[0]!; c++) {
      let mean = 0;
      for (let p = 0; p < parts; p++) {
        mean += ((range(p)[1] - range(p)[0]) * partial[p * 2 * stored + c]!) / rows;
      }
      let squares = 0;
      for (let p = 0; p < parts; p++) {
        const count = range(p)[1] - range(p)[0];
        const around = count * (partial[p * 2 * stored + c]! - mean) ** 2;
        squares += partial[(p * 2 + 1) * stored + c]! + around;
      }
      stats[c] = mean;
      stats[stored + c] = 1 / Math.sqrt(squares / rows + numberAttr(attrs, 'epsilon'));
      // State, so float32 as a checkpoint holds it.
      const move = (state: Float64Array, value: number) => {
        state[c] = Math.fround(state[c]! + momentum * (value - state[c]!));
      };
      move(runningMean, mean);
      move(runningVariance, squares / (rows - 1));
    }
  },
  running_stats(call) {
    const [mean, variance, stats] = [call.input(0), call.input(1), call.output(0)];
    const epsilon = numberAttr(call.dispatch.attrs, 'epsilon');
    const t = call.dispatch.inputs[0]!;
    stats.fill(0);
    for (let c = 0; c < t.shape[0]!; c++) {
      stats[c] = mean[c]!;
      stats[t.padded[0]! + c] = 1 / Math.sqrt(variance[c]! + epsilon);
    }
  },
  normalize(call) {
    const [x, gamma, beta, y] = [call.input(0), call.input(2), call.input(3), call.output(0)];
    const t = call.dispatch.inputs[0]!;
    const moments = momentsOf(call, 1, t);
    y.fill(0);
    forEachChannel(t, (row, c, at) => {
      const [mean, inverse] = moments(row, c);
      y[at] = (x[at]! - mean) * inverse * gamma[c]! + beta[c]!;
    });
  },
  normalize_grad_affine(call) {
    const [dy, x, partial] = [call.input(0), call.input(1), call.output(0)];
    const t = call.dispatch.inputs[1]!;
    const stored = t.padded.at(-1)!;
    const moments = momentsOf(call, 2, t);
    const chunk = Math.ceil(rowsOf(t) / numberAttr(call.dispatch.attrs, 'partials'));
    partial.fill(0);
    forEachChannel(t, (row, c, at) => {
      const part = Math.floor(row / chunk) * 2 * stored;
      const [mean, inverse] = moments(row, c);
      partial[part + c]! += dy[at]! * (x[at]! - mean) * inverse;
      partial[part + stored + c]! += dy[at]!;
    });
  },
  reduce_affine(call) {
    const partial = call.input(0);
    const [dGamma, dBeta] = [call.output(0), call.output(1)];
    dGamma.fill(0);
    dBeta.fill(0);
    for (let at = 0; at < partial.length; at += 2 * dGamma.length) {
      for (let c = 0; c < dGamma.length; c++) {
        dGamma[c]! += partial[at + c]!;
        dBeta[c]! += partial[at + dGamma.length + c]!;
      }
    }
  },
  group_grad_stats(call) {
    const [dy, x, stats, gamma] = [call.input(0), call.input(1), call.input(2), call.input(3)];
    const t = call.dispatch.inputs[1]!;
    const sums = call.output(0);
    const index = groupIndex(call, t);
    const size = (rowsOf(t) * t.shape.at(-1)!) / (sums.length / 4);
    sums.fill(0);
    forEachChannel(t, (row, c, at) => {
      const g = 4 * index(row, c);
      const d = (gamma[c]! * dy[at]!) / size;
      sums[g]! += d;
      sums[g + 1]! += d * (x[at]! - stats[g]!) * stats[g + 1]!;
    });
  },
  normalize_grad_input(call) {
    const { attrs, inputs } = call.dispatch;
    const [dy, gamma, dx] = [call.input(0), call.input(2), call.output(0)];
    const t = inputs[0]!;
    const moments = momentsOf(call, 1, t);
    const statistics = stringAttr(attrs, 'statistics');
    const x = statistics === 'fixed' ? null : call.input(3);
    const index = groupIndex(call, t);
    /** Means of gamma dy, and of gamma dy times the normalised x, over what shares statistics. */
    const means = (row: number, c: number): readonly [number, number] => {
      if (statistics === 'fixed') return [0, 0];
      const g = 4 * index(row, c);
      if (statistics === 'group') return [call.input(4)[g]!, call.input(4)[g + 1]!];
      const factor = gamma[c]! / rowsOf(t);
      return [factor * call.input(5)[c]!, factor * call.input(4)[c]!];
    };
    dx.fill(0);
    forEachChannel(t, (row, c, at) => {
      const [mean, inverse] = moments(row, c);
      const [m1, m2] = means(row, c);
      const normalised = x ? (x[at]! - mean) * inverse : 0;
      dx[at] = inverse * (gamma[c]! * dy[at]! - m1 - normalised * m2);
    });
  },
};
