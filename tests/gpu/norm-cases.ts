/** Parity cases of layer, group and batch norm: rows and channels on both sides of a vec4. */
import { differentiate } from '../../shared/engine/plan/autodiff.ts';
import type { Tensor } from '../../shared/engine/plan/graph.ts';
import { pack } from '../../shared/engine/plan/shape.ts';
import { batchNorm, groupNorm, layerNorm, normStates } from '../../shared/nn/norm-layers.ts';
import { type CaseBuilder, draw, type ParityCase, relative } from './parity-case.ts';

const GRADIENTS = relative(128);
/** A layer and its gradients: sums of up to 200 terms, a division and a root. */
const LAYER = relative(32);

type Layer = (b: CaseBuilder, x: Tensor) => Tensor;

/** Scale around one, shift around zero, and running statistics of every replica's own. */
export function fill(b: CaseBuilder): void {
  for (const { name } of b.graph.parameters) {
    if (b.fills.has(name)) continue;
    const base = name.endsWith('weight') ? 1 : 0;
    b.fills.set(name, (random) => base + 0.3 * random.normal());
  }
  for (const { name, shape, padded, initial } of normStates(b.graph)) {
    const values = b.seeds.flatMap((seed) => [
      ...pack(
        draw(seed, name, shape, (random) => initial + 0.5 * random.uniform()),
        shape,
        padded,
      ),
    ]);
    b.data.set(name, new Float32Array(values));
  }
}

/** The layer on an input with a mean of its own, and the gradients of a given dy. */
function single(layer: Layer, shape: readonly number[]): ParityCase['build'] {
  return (b) => {
    const x = b.input('x', shape, (random) => 3 + 2 * random.normal());
    // A parameter as large as the input, so that its gradient is that of the layer's input.
    const init = { kind: 'zeros', fanIn: 1, fanOut: 1 } as const;
    const offset = b.graph.parameter('offset', shape, 1, init);
    b.fills.set('offset', (random) => 0.5 * random.normal());
    const sum = b.graph.one('add', [x, offset], {}, 'sum');
    const y = layer(b, b.graph.one('scale', [sum], { factor: 1 }, 'moved'));
    fill(b);
    const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
    differentiate(b.graph, new Map([[y.id, b.input('dy', y.shape)]]), wanted);
    return { y };
  };
}

const LAYER_SHAPES: readonly (readonly number[])[] = [
  [2, 2],
  [3, 4],
  [5, 5],
  [63, 8],
  [65, 17],
  [2, 3, 12],
  [9, 130],
];

const layers: ParityCase[] = LAYER_SHAPES.map((shape, i) => ({
  name: `layer_norm/${shape.join('x')}`,
  tolerance: LAYER,
  buffers: ['gradients'],
  ...(i % 3 === 1 ? { seeds: [1, 2, 3], twins: true } : {}),
  build: single((b, x) => layerNorm(b.graph, x, 'ln'), shape),
}));

/** Shape and groups: one, one a channel, within a vec4, across vec4s. */
const GROUP_SHAPES: readonly (readonly [readonly number[], number])[] = [
  [[2, 3, 3, 4], 1],
  [[2, 3, 2, 6], 6],
  [[3, 2, 2, 6], 2],
  [[2, 3, 3, 10], 2],
  [[2, 2, 5, 16], 4],
  [[65, 2, 1, 9], 3],
  [[4, 7, 5], 5],
];

const groups: ParityCase[] = GROUP_SHAPES.map(([shape, count], i) => ({
  name: `group_norm/${shape.join('x')}/${count}`,
  tolerance: LAYER,
  buffers: ['gradients'],
  ...(i % 3 === 0 ? { seeds: [1, 2, 3], twins: true } : {}),
  build: single((b, x) => groupNorm(b.graph, x, 'gn', count), shape),
}));

/** Rows below, at and above one part of 64; more than 64 parts; the last part short. */
const BATCH_SHAPES: readonly (readonly number[])[] = [
  [3, 1],
  [3, 2, 2, 5],
  [63, 4],
  [64, 3],
  [65, 9],
  [5, 5, 7, 17],
  [4200, 2],
];
const STATES = ['bn.running_mean', 'bn.running_var'];

const batches: ParityCase[] = (['train', 'evaluate'] as const).flatMap((mode) =>
  BATCH_SHAPES.map((shape, i) => ({
    name: `batch_norm/${mode}/${shape.join('x')}`,
    tolerance: LAYER,
    buffers: ['gradients', ...STATES],
    steps: i === 1 ? 3 : 1,
    ...(i % 3 === 1 ? { seeds: [1, 2, 3], twins: true } : {}),
    build: single((b, x) => batchNorm(b.graph, x, 'bn', { mode }), shape),
  })),
);

/**
 * A mean of 64 and a spread of a third: a variance in one pass would be off by a percent. What is
 * left is the rounding of the mean itself.
 */
const offsets: ParityCase[] = (
  [
    ['layer', (b, x) => layerNorm(b.graph, x, 'n')],
    ['group', (b, x) => groupNorm(b.graph, x, 'n', 2)],
    ['batch', (b, x) => batchNorm(b.graph, x, 'n', { mode: 'train' })],
  ] as [string, Layer][]
).map(([kind, layer]) => ({
  name: `${kind}_norm/offset`,
  tolerance: GRADIENTS,
  build: (b) => {
    const x = b.input('x', [130, 8], (random) => 64 + random.integer(16) / 16);
    const y = layer(b, x);
    fill(b);
    return { y };
  },
}));

/** Small networks: the gradients through the statistics against central differences. */
const models: ParityCase[] = (
  [
    ['layer', (b, x) => layerNorm(b.graph, x, 'n')],
    ['group', (b, x) => groupNorm(b.graph, x, 'n', 3)],
    ['batch', (b, x) => batchNorm(b.graph, x, 'n', { mode: 'train' })],
    ['frozen', (b, x) => batchNorm(b.graph, x, 'n', { mode: 'evaluate' })],
  ] as [string, Layer][]
).map(([kind, layer]) => ({
  name: `model/norm-${kind}`,
  tolerance: GRADIENTS,
  buffers: ['gradients'],
  differences: true,
  seeds: [1, 2],
  build: (b) => {
    const w1 = [b.weight('c1.weight', [3, 3, 2, 6]), b.bias('c1.bias', 6)];
    const window = { stride: 1, padding: 1 };
    const conv = b.graph.one('conv2d', [b.input('x', [3, 4, 3, 2]), ...w1], window, 'c1');
    const h = b.graph.one('activation', [layer(b, conv)], { kind: 'silu' }, 'h');
    const again = layerNorm(b.graph, h, 'again');
    const w2 = b.weight('fc.weight', [4, 3, 6, 3]);
    const logits = b.graph.one('linear', [again, w2, b.bias('fc.bias', 3)], {}, 'fc');
    fill(b);
    const [rows, dLogits] = b.graph.apply('softmax_cross_entropy', [logits, b.labels(3, 3)]);
    const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
    differentiate(b.graph, new Map([[logits.id, dLogits!]]), wanted);
    return { rows: rows!, logits };
  },
}));

/** One norm layer on two inputs: its gradients are added before they reach the arena. */
const shared: ParityCase = {
  name: 'model/norm-shared',
  tolerance: GRADIENTS,
  buffers: ['gradients'],
  differences: true,
  build: (b) => {
    const x = b.graph.one('linear', [b.input('x', [6, 3]), b.weight('a', [3, 5])], {}, 'a');
    const once = layerNorm(b.graph, x, 'n');
    const twice = layerNorm(b.graph, b.graph.one('scale', [once], { factor: 1.7 }), 'n');
    const logits = b.graph.one('linear', [twice, b.weight('b', [5, 3])], {}, 'logits');
    fill(b);
    const [rows, dLogits] = b.graph.apply('mse', [logits, b.labels(6, 3)]);
    const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
    differentiate(b.graph, new Map([[logits.id, dLogits!]]), wanted);
    return { rows: rows!, logits };
  },
};

export const normCases: readonly ParityCase[] = [
  ...layers,
  ...groups,
  ...batches,
  ...offsets,
  ...models,
  shared,
];
