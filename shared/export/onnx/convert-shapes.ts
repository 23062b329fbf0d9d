/** Ops that move numbers, and those of sequence models, as ONNX operators. */
import type { Tensor } from '../../engine/plan/graph.ts';
import { numberAttr, stringAttr } from '../../engine/plan/op-definition.ts';
import { attentionSizes } from '../../engine/plan/ops-attention.ts';
import type { Converter } from './converter.ts';
import { type OnnxGraph, theirAxis } from './onnx-graph.ts';

/** [B, T, C] to [B, heads, T, C / heads], or with `turned` to [B, heads, C / heads, T]. */
function heads(g: OnnxGraph, x: Tensor, count: number, turned: boolean): string {
  const [, length, channels] = x.shape as [number, number, number];
  const split = g.reshape(g.name(x), [-1, length, count, channels / count]);
  return g.add('Transpose', [split], { perm: turned ? [0, 2, 3, 1] : [0, 2, 1, 3] });
}

function scaled(g: OnnxGraph, x: string, factor: number): string {
  return factor === 1 ? x : g.add('Mul', [x, g.floats([factor])]);
}

export const shapeConverters: Readonly<Record<string, Converter>> = {
  concat: (g, [a, b], attrs) =>
    g.add('Concat', [g.name(a!), g.name(b!)], { axis: theirAxis(a!, numberAttr(attrs, 'axis')) }),
  slice(g, [x], attrs) {
    const [axis, start, length] = ['axis', 'start', 'length'].map((k) => numberAttr(attrs, k));
    const range = [[start!], [start! + length!], [theirAxis(x!, axis!)]];
    return g.add('Slice', [g.name(x!), ...range.map((v) => g.whole(v))]);
  },
  pad_axis(g, [x], attrs) {
    const [axis, start, length] = ['axis', 'start', 'length'].map((k) => numberAttr(attrs, k));
    const at = theirAxis(x!, axis!);
    const rank = x!.shape.length;
    const pads = new Array(2 * rank).fill(0);
    pads[at] = start;
    pads[rank + at] = length! - start! - x!.shape[axis!]!;
    return g.add('Pad', [g.name(x!), g.whole(pads), g.floats([0])]);
  },
  transpose(g, [x]) {
    const rank = x!.shape.length;
    const perm = Array.from({ length: rank }, (_, i) => i);
    [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
    return g.theirs(g.add('Transpose', [g.ours(x!)], { perm }), rank);
  },
  reshape(g, [x], attrs) {
    const shape = stringAttr(attrs, 'shape').split('x').map(Number);
    return g.theirs(g.reshape(g.ours(x!), [-1, ...shape]), shape.length + 1);
  },
  flatten: (g, [x]) => g.add('Flatten', [g.ours(x!)], { axis: 1 }),
  fold_rows: (g, [x]) => g.reshape(g.ours(x!), [-1, x!.shape.at(-1)!]),
  unfold_rows(g, [rows, x]) {
    const shape = [-1, ...x!.shape.slice(1, -1), rows!.shape.at(-1)!];
    return g.theirs(g.reshape(g.name(rows!), shape), shape.length);
  },
  sum_positions(g, [x], attrs) {
    const axes = x!.shape.length === 4 ? [2, 3] : [1];
    const sum = g.add('ReduceSum', [g.name(x!), g.whole(axes)], { keepdims: 0 });
    return scaled(g, sum, numberAttr(attrs, 'factor'));
  },
  embedding(g, [tokens, weight]) {
    // The graph's own input is of whole numbers already.
    const index = g.makerOf(tokens!)
      ? g.add('Cast', [g.name(tokens!)], { to: 7 })
      : g.name(tokens!);
    return g.add('Gather', [g.name(weight!), index], { axis: 0 });
  },
  add_positions(g, [x, position]) {
    const length = x!.shape[1]!;
    const table = g.name(position!);
    const range = [[0], [length], [0]].map((v) => g.whole(v));
    const rows = position!.shape[0] === length ? table : g.add('Slice', [table, ...range]);
    return g.add('Add', [g.name(x!), rows]);
  },
  softmax(g, [x], attrs) {
    const keys = x!.shape.at(-1)!;
    if (!attrs['causal']) return g.add('Softmax', [g.name(x!)], { axis: -1 });
    const mask = Array.from({ length: keys * keys }, (_, i) =>
      i % keys > Math.floor(i / keys) ? Number.NEGATIVE_INFINITY : 0,
    );
    const square = g.reshape(g.name(x!), [-1, keys, keys]);
    const masked = g.add('Add', [square, g.floats(mask, [keys, keys])]);
    return g.reshape(g.add('Softmax', [masked], { axis: -1 }), [-1, keys]);
  },
  attention_scores(g, [q, k], attrs) {
    const count = numberAttr(attrs, 'heads');
    const product = g.add('MatMul', [heads(g, q!, count, false), heads(g, k!, count, true)]);
    return g.reshape(scaled(g, product, numberAttr(attrs, 'scale')), [-1, k!.shape[1]!]);
  },
  attention_mix(g, [w, v], attrs) {
    const { channels, heads: count, keys, queries } = attentionSizes(v!, w!, attrs);
    const weights = g.reshape(g.name(w!), [-1, count, queries, keys]);
    const mixed = g.add('MatMul', [weights, heads(g, v!, count, false)]);
    const joined = g.add('Transpose', [mixed], { perm: [0, 2, 1, 3] });
    return scaled(g, g.reshape(joined, [-1, queries, channels]), numberAttr(attrs, 'scale'));
  },
};
