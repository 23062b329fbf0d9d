/** Parity cases of the optimizers, of the gradient norm and of whole training steps. */
import { streamOf } from '../../shared/base/random.ts';
import { differentiate } from '../../shared/engine/plan/autodiff.ts';
import type { Attributes, Tensor } from '../../shared/engine/plan/graph.ts';
import { layoutParameters } from '../../shared/engine/plan/plan.ts';
import { numel, pack, roundUp, SLICE_ALIGNMENT } from '../../shared/engine/plan/shape.ts';
import {
  type CaseBuilder,
  type Fill,
  type ParityCase,
  relative,
  type ScheduleRow,
} from './parity-case.ts';
import { dataset } from './training-cases.ts';

/** Group of every block of 64 parameters, and the arenas of an optimizer, for a finished graph. */
function arenas(b: CaseBuilder, moments: number, used: boolean): Tensor[] {
  const { parameters, elements } = layoutParameters(b.graph);
  const groups = new Array<number>(elements / SLICE_ALIGNMENT).fill(0);
  for (const p of parameters) {
    const from = p.offset / SLICE_ALIGNMENT;
    const to = from + roundUp(numel(p.padded), SLICE_ALIGNMENT) / SLICE_ALIGNMENT;
    groups.fill(p.group, from, to);
  }
  const real = new Float32Array(elements);
  for (const p of parameters) {
    real.set(pack(new Float32Array(numel(p.shape)).fill(1), p.shape, p.padded), p.offset);
  }
  const fill = used
    ? (random: { uniform(): number }, i: number) => 0.1 * random.uniform() * real[i]!
    : undefined;
  return [
    b.arena('parameters', elements),
    b.arena('gradients', elements),
    ...Array.from({ length: moments }, (_, i) => b.arena(`moment${i + 1}`, elements, fill)),
    b.words('groups', [groups.length], groups),
  ];
}

interface OptimizerCase {
  name: string;
  op: 'adam_update' | 'sgd_update';
  attrs: Attributes;
  clipNorm: number;
  weightDecay: number;
}

const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

export const OPTIMIZERS: readonly OptimizerCase[] = [
  {
    name: 'adam',
    op: 'adam_update',
    attrs: { ...adam, kind: 'adam' },
    clipNorm: 0,
    weightDecay: 0,
  },
  {
    name: 'adam-l2',
    op: 'adam_update',
    attrs: { ...adam, kind: 'adam' },
    clipNorm: 0,
    weightDecay: 0.1,
  },
  {
    name: 'adamw',
    op: 'adam_update',
    attrs: { ...adam, kind: 'adamw' },
    clipNorm: 0,
    weightDecay: 0.1,
  },
  {
    name: 'adamw-clip',
    op: 'adam_update',
    attrs: { ...adam, kind: 'adamw' },
    clipNorm: 0.05,
    weightDecay: 0.01,
  },
  { name: 'sgd', op: 'sgd_update', attrs: { momentum: 0 }, clipNorm: 0, weightDecay: 0 },
  {
    name: 'sgd-momentum',
    op: 'sgd_update',
    attrs: { momentum: 0.9 },
    clipNorm: 0,
    weightDecay: 0.01,
  },
  {
    name: 'sgd-nesterov',
    op: 'sgd_update',
    attrs: { momentum: 0.9, nesterov: true },
    clipNorm: 0,
    weightDecay: 0,
  },
  { name: 'sgd-clip', op: 'sgd_update', attrs: { momentum: 0.9 }, clipNorm: 0.05, weightDecay: 0 },
];

/** Appends the optimizer, with the gradient norm when it clips. */
export function optimizer(
  b: CaseBuilder,
  o: OptimizerCase,
  rows: Tensor,
  control: Tensor,
  table: Tensor,
  used: boolean,
): void {
  const inputs = arenas(b, o.op === 'adam_update' ? 2 : 1, used);
  const norm = [];
  if (o.clipNorm > 0) {
    const partial = b.graph.one('gradient_norm_partial', [inputs[1]!], { partials: 3 }, 'partial');
    norm.push(b.graph.one('gradient_norm', [partial, rows], { clipNorm: o.clipNorm }, 'norm'));
  }
  const attrs = { ...o.attrs, clipNorm: o.clipNorm, alphas: 4 };
  b.graph.apply(o.op, [...inputs, control, rows, table, ...norm], attrs);
}

/** Schedule of two groups: the second is younger and learns faster. */
export function schedule(o: OptimizerCase, step: number, seed: number): ScheduleRow {
  const group = (age: number, rate: number): [number, number, number, number] => [
    o.op === 'adam_update' ? rate : 3 * rate,
    1 / (1 - 0.9 ** age),
    1 / (1 - 0.999 ** age),
    o.weightDecay,
  ];
  const rate = 0.01 * (1 + (seed % 3));
  return { alphas: [0.3], groups: [group(step + 1, rate), group(step + 1 - 20, 2 * rate)] };
}

const FIRST_STEP = 20;
const STEPS = 5;
const BATCH = 16;

/** Five whole steps of a small network: batch, forward, loss, backward, optimizer, metrics. */
const training: ParityCase[] = OPTIMIZERS.map((o, i) => ({
  name: `train/${o.name}`,
  // Five steps pile their roundings up, and Adam divides by the root of a small number.
  tolerance: relative(128),
  seeds: i % 2 === 0 ? [11, 12, 13] : [11],
  twins: i === 0 || o.name === 'sgd-clip',
  steps: STEPS,
  buffers: ['parameters', 'moment1', ...(o.op === 'adam_update' ? ['moment2'] : []), 'metrics'],
  words: ['control'],
  build: (b) => {
    const { x, y } = dataset(b, 40, [2], 3);
    const row = (step: number, seed: number) => schedule(o, step, seed);
    const control = b.control({ step: FIRST_STEP, chunk: STEPS, row });
    const attrs = { batch: BATCH, mode: 'shuffle', size: 40, stream: streamOf('order') };
    const [batchX, labels] = b.graph.apply('gather_batch', [x, y, control], attrs, 'batch');
    let h = b.graph.one('linear', [batchX!, b.weight('w1', [2, 9]), b.bias('b1', 9)], {}, 'z1');
    h = b.graph.one('activation', [h], { kind: 'tanh' }, 'h1');
    if (i % 3 === 2) h = b.graph.one('dropout', [h, control], { rate: 0.25, stream: 5 }, 'h1d');
    const inputs = [h, b.weight('w2', [9, 3], 1), b.bias('b2', 3, 1)];
    const logits = b.graph.one('linear', inputs, {}, 'logits');
    const [rows, dLogits] = b.graph.apply('softmax_cross_entropy', [logits, labels!], {}, 'loss');
    const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
    differentiate(b.graph, new Map([[logits.id, dLogits!]]), wanted);
    optimizer(b, o, rows!, control, b.metrics(STEPS), false);
    return { rows: rows! };
  },
}));

/** Rows as a loss leaves them: loss, correct, valid, 0. */
export const rowStatistics: Fill = (random, i) =>
  [random.uniform(), random.integer(2), 1, 0][i % 4]!;

/** The optimizers alone, on used moments, with gradients on both sides of float32's small numbers. */
const updates: ParityCase[] = OPTIMIZERS.flatMap((o, i) =>
  [65, 300].map((size) => ({
    name: `update/${o.name}/${size}`,
    tolerance: relative(64),
    seeds: i % 2 === 0 ? [1] : [1, 2, 3],
    buffers: ['parameters', 'moment1', 'metrics'],
    words: ['control'],
    build: (b: CaseBuilder) => {
      const control = b.control({ step: 30, row: (step, seed) => schedule(o, step, seed) });
      const rows = b.input('rows', [5, 4], rowStatistics);
      const dy = b.input('dy', [7, size]);
      const x = b.input('x', [7, 3], (random) => 0.01 * random.normal());
      const y = b.graph.one('linear', [x, b.weight('w', [3, size]), b.bias('b', size, 1)], {}, 'y');
      const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
      differentiate(b.graph, new Map([[y.id, dy]]), wanted);
      optimizer(b, o, rows, control, b.metrics(), true);
      return { y };
    },
  })),
);

/** A gradient that is not finite: its vec4 stays as it was and the first such step is kept. */
const faults: ParityCase[] = OPTIMIZERS.filter((_, i) => [2, 3, 5, 7].includes(i)).map((o) => ({
  name: `fault/${o.name}`,
  tolerance: relative(64),
  seeds: [1, 2],
  steps: 3,
  buffers: ['parameters', 'moment1'],
  words: ['control'],
  build: (b) => {
    const row = (step: number, seed: number) => schedule(o, step, seed);
    const control = b.control({ step: 30, chunk: 3, row });
    const rows = b.input('rows', [5, 4], rowStatistics);
    const dy = b.input('dy', [2, 9], (random, at) => (at === 5 ? Number.NaN : random.normal()));
    const x = b.input('x', [2, 3]);
    const y = b.graph.one('linear', [x, b.weight('w', [3, 9]), b.bias('b', 9, 1)], {}, 'y');
    const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
    differentiate(b.graph, new Map([[y.id, dy]]), wanted);
    optimizer(b, o, rows, control, b.metrics(3), true);
    return { y };
  },
}));

/** A learning rate that overflows float32: what would not be finite is not stored. */
const overflows: ParityCase[] = OPTIMIZERS.filter((_, i) => [0, 2, 5, 6].includes(i)).map((o) => ({
  name: `overflow/${o.name}`,
  tolerance: relative(64),
  seeds: [1, 2],
  buffers: ['parameters', 'moment1'],
  words: ['control'],
  build: (b) => {
    const control = b.control({
      step: 30,
      row: () => ({ alphas: [0.3], groups: [[3e38, 1, 1, 0]] }),
    });
    const rows = b.input('rows', [5, 4], rowStatistics);
    // Every second vec4 of columns has gradients of some tens, the others none.
    const dy = b.input('dy', [2, 16], (_, at) => (at % 8 < 4 ? 30 : 0));
    const x = b.input('x', [2, 3], (random) => 1 + random.uniform());
    const y = b.graph.one('linear', [x, b.weight('w', [3, 16]), b.bias('b', 16, 0)], {}, 'y');
    const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
    differentiate(b.graph, new Map([[y.id, dy]]), wanted);
    optimizer(b, o, rows, control, b.metrics(), false);
    return { y };
  },
}));

/** The norm of an arena, with and without a limit, through few and through many partial sums. */
const norms: ParityCase[] = [1, 7, 64].flatMap((partials) =>
  [0, 0.5].map((clipNorm) => ({
    name: `gradient_norm/${partials}-partials/clip-${clipNorm}`,
    tolerance: relative(16),
    seeds: partials === 7 ? [1, 2, 3] : [1],
    build: (b: CaseBuilder) => {
      const gradients = b.input('some_gradients', [1000]);
      const leading = clipNorm > 0 ? { leading: 600 } : {};
      const attrs = { partials, ...leading };
      const partial = b.graph.one('gradient_norm_partial', [gradients], attrs);
      return { norm: b.graph.one('gradient_norm', [partial], { clipNorm }) };
    },
  })),
);

export const optimizerCases: readonly ParityCase[] = [
  ...training,
  ...updates,
  ...faults,
  ...overflows,
  ...norms,
];
