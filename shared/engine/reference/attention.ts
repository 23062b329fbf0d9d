/** Embeddings and attention in float64; definitions in engine/plan/ops-attention.ts. */
import { numberAttr } from '../plan/op-definition.ts';
import { type AttentionSizes, attentionSizes } from '../plan/ops-attention.ts';
import { numel } from '../plan/shape.ts';
import type { ReferenceCall, ReferenceOp } from './reference-call.ts';

/** Label of a row that does not count. */
const NOT_COUNTED = 0xffff_ffff;

/** Token of each row; -1 where there is none of the vocabulary. */
function tokensOf(call: ReferenceCall, vocabulary: number): number[] {
  const t = call.dispatch.inputs[0]!;
  const values = call.input(0);
  const [length, stored] = [t.shape.at(-1)!, t.padded.at(-1)!];
  return Array.from({ length: numel(t.shape) }, (_, row) => {
    const value = values[Math.floor(row / length) * stored + (row % length)]!;
    const token = Math.floor(value + 0.5);
    return token >= 0 && token < vocabulary ? token : -1;
  });
}

/** Softmax of the first `seen` numbers of x; the rest of y is zero. */
export function softmaxRow(x: Float64Array, y: Float64Array, seen: number): void {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < seen; i++) largest = Math.max(largest, x[i]!);
  let sum = 0;
  for (let i = 0; i < seen; i++) sum += Math.exp(x[i]! - largest);
  y.fill(0);
  for (let i = 0; i < seen; i++) y[i] = Math.exp(x[i]! - largest) / sum;
}

/** Visits every pair of a query and a key that it sees, and every channel of their head. */
function forEachPair(
  { batch, heads, queries, keys, channels }: AttentionSizes,
  causal: boolean,
  visit: (row: number, t: number, s: number, from: number, to: number) => void,
): void {
  const width = channels / heads;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let t = 0; t < queries; t++) {
        const seen = causal ? t + 1 : keys;
        for (let s = 0; s < seen; s++) {
          visit((b * heads + h) * queries + t, b * queries + t, b * keys + s, h * width, width);
        }
      }
    }
  }
}

export const attentionReference: Record<string, ReferenceOp> = {
  embedding(call) {
    const [, weight] = call.dispatch.inputs;
    const [w, y] = [call.input(1), call.output(0)];
    const [vocabulary, channels] = weight!.shape as [number, number];
    const stored = weight!.padded[1]!;
    y.fill(0);
    tokensOf(call, vocabulary).forEach((token, row) => {
      for (let c = 0; c < channels; c++) {
        y[row * stored + c] = token < 0 ? Number.NaN : w[token * stored + c]!;
      }
    });
  },
  token_index(call) {
    const vocabulary = numberAttr(call.dispatch.attrs, 'vocabulary');
    const tokens = tokensOf(call, vocabulary);
    const index = call.output(0);
    let at = 0;
    for (let v = 0; v < vocabulary; v++) {
      index[v] = at;
      tokens.forEach((token, row) => {
        if (token === v) index[vocabulary + 1 + at++] = row;
      });
    }
    index[vocabulary] = at;
  },
  embedding_grad(call) {
    const [dy, index, dw] = [call.input(0), call.input(1), call.output(0)];
    const t = call.dispatch.outputs[0]!;
    const [vocabulary, stored] = [t.shape[0]!, t.padded[1]!];
    dw.fill(0);
    for (let v = 0; v < vocabulary; v++) {
      for (let k = index[v]!; k < index[v + 1]!; k++) {
        const row = index[vocabulary + 1 + k]!;
        for (let c = 0; c < stored; c++) dw[v * stored + c]! += dy[row * stored + c]!;
      }
    }
  },
  next_tokens(call) {
    const [length] = call.dispatch.inputs[0]!.shape.slice(-1);
    const [labels, target] = [call.input(1), call.output(0)];
    const tokens = tokensOf(call, NOT_COUNTED);
    for (let i = 0; i < target.length; i++) {
      const label = labels[Math.floor(i / length!)]!;
      const isLast = (i + 1) % length! === 0;
      const next = isLast ? label : tokens[i + 1]!;
      target[i] = label === NOT_COUNTED || next < 0 ? NOT_COUNTED : next;
    }
  },
  add_positions(call) {
    const [x, position, y] = [call.input(0), call.input(1), call.output(0)];
    const sample = x.length / call.dispatch.inputs[0]!.padded[0]!;
    for (let i = 0; i < y.length; i++) y[i] = x[i]! + position[i % sample]!;
  },
  sum_batch(call) {
    const [x, y] = [call.input(0), call.output(0)];
    const sample = x.length / call.dispatch.inputs[0]!.padded[0]!;
    y.fill(0);
    for (let i = 0; i < x.length; i++) y[i % sample]! += x[i]!;
  },
  softmax(call) {
    const [x, y] = [call.input(0), call.output(0)];
    const t = call.dispatch.inputs[0]!;
    const [length, stored] = [t.shape.at(-1)!, t.padded.at(-1)!];
    for (let row = 0; row * stored < x.length; row++) {
      const part = (values: Float64Array) => values.subarray(row * stored, (row + 1) * stored);
      softmaxRow(part(x), part(y), call.dispatch.attrs['causal'] ? (row % length) + 1 : length);
    }
  },
  softmax_grad(call) {
    const [dy, y, dx] = [call.input(0), call.input(1), call.output(0)];
    const { shape, padded } = call.dispatch.inputs[0]!;
    dx.fill(0);
    for (let start = 0; start < dx.length; start += padded.at(-1)!) {
      const end = start + shape.at(-1)!;
      let sum = 0;
      for (let i = start; i < end; i++) sum += y[i]! * dy[i]!;
      for (let i = start; i < end; i++) dx[i] = y[i]! * (dy[i]! - sum);
    }
  },
  attention_scores(call) {
    const { attrs, inputs, outputs } = call.dispatch;
    const [q, k, scores] = [call.input(0), call.input(1), call.output(0)];
    const sizes = attentionSizes(inputs[0]!, outputs[0]!, attrs);
    const { channels, keys } = sizes;
    const stored = outputs[0]!.padded[1]!;
    const scale = numberAttr(attrs, 'scale');
    scores.fill(0);
    forEachPair(sizes, attrs['causal'] === true, (row, t, s, from, width) => {
      let dot = 0;
      for (let c = from; c < from + width; c++) dot += q[t * channels + c]! * k[s * channels + c]!;
      scores[row * stored + (s % keys)] = scale * dot;
    });
  },
  attention_mix(call) {
    const { attrs, inputs } = call.dispatch;
    const [w, v, y] = [call.input(0), call.input(1), call.output(0)];
    const sizes = attentionSizes(inputs[1]!, inputs[0]!, attrs);
    const { channels, keys } = sizes;
    const stored = inputs[0]!.padded[1]!;
    const scale = numberAttr(attrs, 'scale');
    y.fill(0);
    forEachPair(sizes, attrs['causal'] === true, (row, t, s, from, width) => {
      const weight = scale * w[row * stored + (s % keys)]!;
      const [to, read] = attrs['transposed'] ? [s, t] : [t, s];
      for (let c = from; c < from + width; c++) {
        y[to * channels + c]! += weight * v[read * channels + c]!;
      }
    });
  },
};
