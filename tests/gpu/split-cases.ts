/** Parity cases of products whose sums the plan cuts into parts: long sums with few results. */
import { differentiate } from '../../shared/engine/plan/autodiff.ts';
import type { Tensor } from '../../shared/engine/plan/graph.ts';
import { type CaseBuilder, constant, host, type ParityCase, relative } from './parity-case.ts';

/** Sums of up to 2,100 products. */
const SUMS = relative(32);

/** Batch, inputs, outputs; two to four parts, even ones and a last that is shorter. */
const LONG: readonly (readonly [number, number, number])[] = [
  [1, 1024, 1],
  [5, 1537, 7],
  [9, 2080, 34],
  [33, 1061, 20],
];

function dense(b: CaseBuilder, x: Tensor, name: string, units: number, bias = true): Tensor {
  const weight = b.weight(`${name}.weight`, [...x.shape.slice(1), units]);
  const inputs = [x, weight, ...(bias ? [b.bias(`${name}.bias`, units)] : [])];
  return b.graph.one('linear', inputs, {}, name);
}

const activate = (b: CaseBuilder, x: Tensor, kind: string) =>
  b.graph.one('activation', [x], { kind }, `${kind}_${x.name}`);

const replicas = (i: number): Partial<ParityCase> =>
  i % 2 === 1 ? { seeds: [1, 2, 3], twins: true } : {};

const forward = LONG.flatMap(([m, k, n], i) =>
  ['none', 'relu', 'sigmoid'].map((kind): ParityCase => {
    const bias = kind !== 'relu';
    return {
      name: `linear_split/${m}x${k}x${n}/${kind}${bias ? '' : '/no-bias'}`,
      ...{ tolerance: SUMS, ...replicas(i) },
      build: (b) => {
        const y = dense(b, b.input('x', [m, k]), 'fc', n, bias);
        return { y: kind === 'none' ? y : activate(b, y, kind) };
      },
    };
  }),
);

/** Channels padded from 65 to 68; the features of an image. */
const image: ParityCase = {
  name: 'linear_split/image-2x4x4x65',
  tolerance: SUMS,
  seeds: [1, 2],
  build: (b) => ({ y: dense(b, b.input('x', [2, 4, 4, 65]), 'fc', 10) }),
};

const blends = ['add', 'replace'].flatMap((mode) =>
  [0, 0.3].map(
    (alpha): ParityCase => ({
      name: `linear_split/blend-${mode}/alpha-${alpha}${alpha === 0 ? '/nan' : ''}`,
      ...{ tolerance: SUMS, seeds: [1, 2] },
      build: (b) => {
        const z = host(b, [3, 6]);
        // At alpha 0 the seed may hold anything: a NaN must not reach the host.
        const x = b.input('x', [3, 1030], alpha === 0 ? constant(Number.NaN) : undefined);
        const control = b.control({ row: () => ({ alphas: [0.7, alpha] }) });
        const inputs = [z, dense(b, x, 'seed', 6), control];
        const y = b.graph.one('blend', inputs, { mode, alpha: 1 }, 'y');
        return { out: activate(b, y, 'tanh') };
      },
    }),
  ),
);

const gradInput = LONG.map(([m, n, k], i): ParityCase => {
  const mask = ['none', 'relu', 'gelu', 'tanh'][i]!;
  return {
    name: `linear_grad_input_split/${m}x${k}x${n}/${mask}`,
    ...{ tolerance: SUMS, ...replicas(i) },
    build: (b) => {
      const dy = b.input('dy', [m, n]);
      const dx = b.graph.one('linear_grad_input', [dy, b.weight('w', [k, n])], {}, 'dx');
      if (mask === 'none') return { dx };
      const inputs = [dx, b.input('saved', [m, k])];
      return { out: b.graph.one('activation_grad', inputs, { kind: mask }, 'out') };
    },
  };
});

/** Batches; the first ones share their rows among the replicas. */
const gradWeight = LONG.map(
  ([k, m, n], i): ParityCase => ({
    name: `linear_grad_weight_split/${m}x${k}x${n}${i % 2 === 0 ? '/no-bias' : ''}`,
    ...{ tolerance: SUMS, ...replicas(i), buffers: ['gradients'] },
    build: (b) => {
      const x = i < 2 ? b.shared('x', [m, k]) : b.input('x', [m, k]);
      const y = dense(b, x, 'fc', n, i % 2 === 1);
      const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
      differentiate(b.graph, new Map([[y.id, b.input('dy', y.shape)]]), wanted);
      return { y };
    },
  }),
);

/** A layer whose weight is given: long sums without a parameter for each of their products. */
function given(b: CaseBuilder, x: Tensor, name: string, units: number): Tensor {
  const features = x.shape[1]!;
  const y = b.graph.one('linear', [x, b.input(`${name}.given`, [features, units])], {}, name);
  return b.graph.one('scale', [y], { factor: features ** -0.5 }, `${name}.scaled`);
}

/**
 * Networks down to a loss, whose gradients are held against central differences: sums over features
 * forward, over units backward, and over the rows of a batch.
 */
const networks = (
  [
    ['features-and-units', 3, 1028],
    ['batch', 1030, 4],
  ] as const
).map(
  ([name, rows, width]): ParityCase => ({
    name: `linear_split/network-${name}`,
    ...{ tolerance: relative(128), seeds: [1, 2], twins: true, differences: true },
    buffers: ['gradients'],
    build: (b) => {
      const h = activate(b, dense(b, b.input('x', [rows, 2]), 'fc', 4), 'tanh');
      const wide = activate(b, given(b, h, 'wide', width), 'tanh');
      const logits = given(b, wide, 'head', 3);
      const [stats, d] = b.graph.apply('mse', [logits, b.labels(rows, 3)]);
      const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
      differentiate(b.graph, new Map([[logits.id, d!]]), wanted);
      return { rows: stats!, logits };
    },
  }),
);

/** One weight in two layers: its two gradients are added, and have buffers of their own. */
const twice: ParityCase = {
  name: 'linear_grad_weight_split/weight-used-twice',
  ...{ tolerance: SUMS, seeds: [1, 2], buffers: ['gradients'] },
  build: (b) => {
    const [weight, bias] = [b.weight('w', [5, 5]), b.bias('b', 5)];
    const layer = (x: Tensor) => b.graph.one('linear', [x, weight, bias], {}, 'y');
    const y = layer(layer(b.input('x', [1100, 5])));
    const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
    differentiate(b.graph, new Map([[y.id, b.input('dy', y.shape)]]), wanted);
    return { y };
  },
};

export const splitCases: readonly ParityCase[] = [
  ...forward,
  image,
  ...blends,
  ...gradInput,
  ...gradWeight,
  ...networks,
  twice,
];
