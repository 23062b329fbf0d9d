/** Parity cases of ops that move, repeat or multiply numbers: lengths on both sides of a vec4. */
import { differentiate } from '../../shared/engine/plan/autodiff.ts';
import type { Tensor } from '../../shared/engine/plan/graph.ts';
import { sampleShape } from '../../shared/engine/plan/ops-shape.ts';
import { type CaseBuilder, EXACT, type ParityCase, relative } from './parity-case.ts';

const ROUNDING = relative(2);
const SUMS = relative(16);
const GRADIENTS = relative(128);

/** Shape, axis, length of the second tensor along the axis. */
const JOINS: readonly (readonly [readonly number[], number, number])[] = [
  [[1, 1], 1, 1],
  [[3, 4], 1, 4],
  [[65, 3], 1, 6],
  [[2, 3, 5], 2, 9],
  [[2, 3, 5], 1, 1],
  [[2, 2, 3, 6], 3, 2],
  [[2, 2, 3, 6], 2, 4],
];

const joins: ParityCase[] = JOINS.map(([shape, axis, more], i) => ({
  name: `concat-slice/${shape.join('x')}/axis-${axis}/${more}`,
  tolerance: EXACT,
  ...(i % 3 === 0 ? { seeds: [1, 2, 3], twins: true } : {}),
  build: (b): Record<string, Tensor> => {
    const a = b.input('a', shape);
    const other = b.input(
      'b',
      shape.map((d, k) => (k === axis ? more : d)),
    );
    const joined = b.graph.one('concat', [a, other], { axis }, 'joined');
    const length = joined.shape[axis]!;
    const start = Math.min(1, length - 1);
    const cut = { axis, start, length: Math.max(1, length - 2) };
    return {
      joined,
      sliced: b.graph.one('slice', [joined], cut, 'sliced'),
      padded: b.graph.one('pad_axis', [a], { axis, start: 3, length: length + 4 }, 'padded'),
    };
  },
}));

const transposes: ParityCase[] = [
  [1, 1, 1],
  [2, 3, 4],
  [3, 5, 7],
  [2, 2, 9, 8],
  [65, 1, 3],
].map((shape, i) => ({
  name: `transpose/${shape.join('x')}`,
  tolerance: EXACT,
  seeds: i % 2 === 0 ? [1] : [1, 2, 3],
  build: (b) => ({ y: b.graph.one('transpose', [b.input('x', shape)]) }),
}));

/** From and to; storage that fits, rows that shrink and grow within and across a vec4. */
const reshapes: ParityCase[] = (
  [
    [
      [2, 3, 5],
      [3, 1, 5],
    ],
    [
      [3, 4, 8],
      [2, 16],
    ],
    [[2, 3, 5], [15]],
    [
      [1, 30],
      [2, 3, 5],
    ],
    [
      [65, 9],
      [3, 3],
    ],
    [
      [3, 2, 2, 3],
      [1, 12],
    ],
  ] as const
).map(([shape, to], i) => ({
  name: `reshape/${shape.join('x')}-to-${to.join('x')}`,
  tolerance: EXACT,
  ...(i % 2 === 0 ? { seeds: [1, 2, 3], twins: true } : {}),
  build: (b): Record<string, Tensor> => {
    const x = b.graph.one('scale', [b.input('x', shape)], { factor: 2 }, 'x2');
    return { y: b.graph.one('reshape', [x], { shape: to.join('x') }) };
  },
}));

const products: ParityCase[] = [
  [1, 1],
  [63, 4],
  [2, 3, 5],
  [3, 5, 7, 9],
].flatMap((shape, i) =>
  (shape.length > 2 ? [false, true] : [false]).map((perChannel) => ({
    name: `mul/${shape.join('x')}${perChannel ? '/per-channel' : ''}`,
    tolerance: ROUNDING,
    seeds: i % 2 === 0 ? [1] : [1, 2, 3],
    build: (b: CaseBuilder): Record<string, Tensor> => {
      const gate = perChannel ? [shape[0]!, shape.at(-1)!] : shape;
      return { y: b.graph.one('mul', [b.input('x', shape), b.input('g', gate)]) };
    },
  })),
);

const positions: ParityCase[] = [
  [1, 1, 1],
  [3, 5, 7],
  [2, 8, 8, 4],
  [17, 3, 2, 13],
].map((shape, i) => ({
  name: `positions/${shape.join('x')}`,
  tolerance: SUMS,
  ...(i % 2 === 1 ? { seeds: [1, 2, 3], twins: true } : {}),
  build: (b): Record<string, Tensor> => {
    const x = b.input('x', shape);
    const sum = b.graph.one('sum_positions', [x], { factor: 0.3 }, 'sum');
    return { sum, repeated: b.graph.one('repeat_positions', [sum, x], { factor: -2 }) };
  },
}));

/** Squeeze and excite, a transpose, cuts and joins: every gradient rule of ops-shape.ts. */
const model: ParityCase = {
  name: 'model/shape-ops',
  tolerance: GRADIENTS,
  buffers: ['gradients'],
  differences: true,
  seeds: [1, 2],
  build: (b) => {
    const { graph } = b;
    const w = [b.weight('c1.weight', [1, 1, 3, 5]), b.bias('c1.bias', 5)];
    const x = graph.one(
      'conv2d',
      [b.input('x', [3, 2, 3, 3]), ...w],
      { stride: 1, padding: 0 },
      'c1',
    );
    const squeezed = graph.one('sum_positions', [x], { factor: 1 / 6 }, 'squeezed');
    const gate = graph.one('linear', [squeezed, b.weight('gate', [5, 5])], {}, 'gate');
    const open = graph.one('activation', [gate], { kind: 'sigmoid' }, 'open');
    const gates = graph.one('reshape', [open], { shape: '1x1x5' }, 'gates');
    const excited = graph.one('mul', [x, gates], {}, 'excited');
    const turned = graph.one('transpose', [excited], {}, 'turned');
    const rows = graph.one('fold_rows', [turned], {}, 'rows');
    const mixed = graph.one('linear', [rows, b.weight('mix', [3, 2])], {}, 'mixed');
    const back = graph.one('unfold_rows', [mixed, turned], {}, 'back');
    const squared = graph.one('mul', [back, back], {}, 'squared');
    const joined = graph.one('concat', [back, squared], { axis: 3 }, 'joined');
    const cut = graph.one('slice', [joined], { axis: 2, start: 1, length: 4 }, 'cut');
    const folded = graph.one('reshape', [cut], { shape: '16x2' }, 'folded');
    const unfolded = graph.one(
      'reshape',
      [folded],
      { shape: sampleShape(cut.shape.slice(1)) },
      'u',
    );
    const wide = graph.one('pad_axis', [unfolded], { axis: 3, start: 1, length: 6 }, 'wide');
    const all = graph.one('concat', [wide, wide], { axis: 1 }, 'all');
    const logits = graph.one('linear', [all, b.weight('fc', [4, 4, 6, 3])], {}, 'fc');
    const [stats, dLogits] = graph.apply('softmax_cross_entropy', [logits, b.labels(3, 3)]);
    const wanted = new Set(graph.parameters.map((p) => p.tensorId));
    differentiate(graph, new Map([[logits.id, dLogits!]]), wanted);
    return { rows: stats!, logits };
  },
};

export const shapeCases: readonly ParityCase[] = [
  ...joins,
  ...transposes,
  ...reshapes,
  ...products,
  ...positions,
  model,
];
