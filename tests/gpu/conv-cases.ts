/** Parity cases of convolutions and pools: odd sizes, strides, paddings, tile edges. */
import { differentiate } from '../../shared/engine/plan/autodiff.ts';
import type { Tensor } from '../../shared/engine/plan/graph.ts';
import { windowCount } from '../../shared/engine/plan/ops-conv.ts';
import { ACTIVATIONS, FROM_OUTPUT } from '../../shared/engine/plan/ops-elementwise.ts';
import {
  type CaseBuilder,
  constant,
  EXACT,
  host,
  integers,
  type ParityCase,
  relative,
} from './parity-case.ts';

interface ConvShape {
  /** Batch, height, width, channels. */
  image: readonly [number, number, number, number];
  outputs: number;
  /** Height and width. */
  kernel: readonly [number, number];
  stride: number;
  padding: number;
}

const conv = (
  image: ConvShape['image'],
  outputs: number,
  kernel: number | readonly [number, number],
  stride: number,
  padding: number,
): ConvShape => ({
  ...{ image, outputs, stride, padding },
  kernel: typeof kernel === 'number' ? [kernel, kernel] : kernel,
});

/** Widths one less, equal and one more than tiles of 4, 8 and 16; batches around the partials. */
const SHAPES: readonly ConvShape[] = [
  conv([1, 3, 3, 1], 1, 3, 1, 1),
  conv([2, 5, 5, 3], 4, 3, 1, 1),
  conv([1, 4, 4, 4], 5, 3, 1, 0),
  conv([3, 7, 9, 5], 6, 3, 2, 1),
  conv([2, 3, 8, 4], 16, 1, 1, 0),
  conv([2, 9, 9, 8], 12, 5, 2, 2),
  conv([2, 7, 7, 2], 17, 3, 3, 0),
  conv([1, 2, 15, 4], 8, 3, 1, 1),
  conv([1, 2, 16, 4], 9, 3, 1, 1),
  conv([1, 3, 17, 3], 8, 2, 1, 0),
  conv([9, 4, 4, 4], 4, 3, 1, 1),
  conv([17, 3, 3, 1], 3, 3, 1, 1),
  conv([2, 5, 4, 4], 8, 1, 2, 0),
  conv([1, 7, 8, 3], 5, 7, 1, 3),
  conv([2, 1, 9, 4], 6, [1, 5], 1, 0),
  conv([2, 6, 5, 2], 4, [2, 3], 2, 1),
  // Strided rows whose phases have a pixel less, as many, and one more than a tile of 16.
  conv([1, 2, 30, 4], 8, 3, 2, 1),
  conv([9, 1, 31, 6], 7, [1, 3], 2, 1),
  conv([1, 2, 33, 3], 5, [1, 5], 2, 1),
  // A stride that leaves pixels out, and one that meets several taps.
  conv([2, 3, 13, 4], 6, [1, 3], 4, 1),
  conv([1, 8, 10, 4], 5, 5, 3, 2),
];

/** Sums of up to 200 products. */
const SUMS = relative(16);
const FUNCTIONS = relative(64);

const label = (s: ConvShape): string =>
  `${s.image.join('x')}-to-${s.outputs}-k${s.kernel.join('x')}-s${s.stride}-p${s.padding}`;

function conv2d(b: CaseBuilder, s: ConvShape, bias = true): Tensor {
  const x = b.input('x', s.image);
  const w = b.weight('w', [...s.kernel, s.image[3], s.outputs]);
  const inputs = [x, w, ...(bias ? [b.bias('b', s.outputs)] : [])];
  return b.graph.one('conv2d', inputs, { stride: s.stride, padding: s.padding }, 'y');
}

const forward: ParityCase[] = SHAPES.map((shape, i) => ({
  name: `conv2d/${label(shape)}${i % 3 === 0 ? '/no-bias' : ''}${i % 4 === 1 ? '/r3' : ''}`,
  tolerance: SUMS,
  ...(i % 4 === 1 ? { seeds: [1, 2, 3], twins: true } : {}),
  build: (b) => ({ y: conv2d(b, shape, i % 3 !== 0) }),
}));

const epilogues: ParityCase[] = FROM_OUTPUT.flatMap((kind, i) =>
  [true, false].map((fused) => ({
    name: `conv2d/${label(SHAPES[1]!)}/${kind}${fused ? '' : '/unfused'}`,
    tolerance: FUNCTIONS,
    seeds: i === 0 ? [1, 2, 3] : [1],
    build: (b: CaseBuilder): Record<string, Tensor> => {
      const z = conv2d(b, SHAPES[1]!);
      const y = b.graph.one('activation', [z], { kind });
      return fused ? { y } : { z, y };
    },
  })),
);

const blends: ParityCase[] = ['add', 'replace'].flatMap((mode) =>
  [0, 0.3, 1].flatMap((alpha) =>
    [true, false].map((fused): ParityCase => {
      const dead = alpha === 0 && fused;
      return {
        name: `conv2d/blend-${mode}/alpha-${alpha}${fused ? '' : '/unfused'}${dead ? '/nan' : ''}`,
        tolerance: SUMS,
        seeds: [1, 2],
        build: (b) => {
          const z = host(b, [2, 3, 5, 6]);
          const x = b.input('x', [2, 3, 5, 3], dead ? constant(Number.NaN) : undefined);
          const inputs = [x, b.weight('w', [3, 3, 3, 6]), b.bias('b', 6)];
          const s = b.graph.one('conv2d', inputs, { stride: 1, padding: 1 }, 's');
          const control = b.control({ row: () => ({ alphas: [alpha] }) });
          const y = b.graph.one('blend', [z, s, control], { mode, alpha: 0 }, 'y');
          const out = b.graph.one('activation', [y], { kind: 'relu' });
          return fused ? { out } : { s, y, out };
        },
      };
    }),
  ),
);

const gradInput: ParityCase[] = SHAPES.flatMap((s, i) => {
  const mask = ['none', ...ACTIVATIONS][i % 7]!;
  return (i < 5 ? [true, false] : [true]).map((fused) => ({
    name: `conv2d_grad_input/${label(s)}/${mask}${fused ? '' : '/unfused'}`,
    tolerance: mask === 'none' || mask === 'relu' ? SUMS : FUNCTIONS,
    seeds: i % 3 === 1 ? [1, 2, 3] : [1],
    build: (b: CaseBuilder): Record<string, Tensor> => {
      const [batch, height, width, channels] = s.image;
      const [kh, kw] = s.kernel;
      const oh = windowCount(height, kh, s.stride, s.padding);
      const ow = windowCount(width, kw, s.stride, s.padding);
      const dy = b.input('dy', [batch, oh, ow, s.outputs]);
      const w = b.weight('w', [kh, kw, channels, s.outputs]);
      const attrs = { stride: s.stride, padding: s.padding, height, width };
      const dx = b.graph.one('conv2d_grad_input', [dy, w], attrs, 'dx');
      if (mask === 'none') return { dx };
      const saved = b.input('saved', s.image);
      const out = b.graph.one('activation_grad', [dx, saved], { kind: mask }, 'out');
      return fused ? { out } : { dx, out };
    },
  }));
});

const gradWeight: ParityCase[] = SHAPES.map((s, i) => ({
  name: `conv2d_grad_weight/${label(s)}${i % 3 === 0 ? '/no-bias' : ''}`,
  tolerance: SUMS,
  seeds: i % 3 === 1 ? [1, 2, 3] : [1],
  twins: i === 1,
  buffers: ['gradients'],
  build: (b) => {
    const y = conv2d(b, s, i % 3 !== 0);
    const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
    differentiate(b.graph, new Map([[y.id, b.input('dy', y.shape)]]), wanted);
    return { y };
  },
}));

/** Image, window, stride; windows that overlap, tile, leave a rim and skip cells. */
const POOLS: readonly (readonly [readonly [number, number, number, number], number, number])[] = [
  [[1, 2, 2, 1], 2, 2],
  [[2, 4, 4, 4], 2, 2],
  [[3, 5, 7, 5], 2, 2],
  [[2, 5, 5, 3], 3, 2],
  [[2, 4, 5, 8], 3, 1],
  [[2, 7, 6, 4], 2, 3],
  [[1, 8, 9, 17], 2, 2],
  [[2, 9, 8, 3], 4, 4],
];

const pools: ParityCase[] = ['max_pool', 'avg_pool'].flatMap((op) =>
  POOLS.flatMap(([shape, size, stride], i) => {
    const suffix = `${shape.join('x')}-k${size}-s${stride}${i % 2 === 1 ? '/r3' : ''}`;
    const seeds = i % 2 === 1 ? [1, 2, 3] : [1];
    const attrs = { size, stride };
    const forwardCase: ParityCase = {
      name: `${op}/${suffix}`,
      tolerance: op === 'max_pool' ? EXACT : relative(8),
      seeds,
      build: (b) => ({ y: b.graph.one(op, [b.input('x', shape)], attrs) }),
    };
    const backward: ParityCase = {
      name: `${op}_grad/${suffix}`,
      tolerance: relative(8),
      seeds,
      build: (b) => {
        // Few distinct values: the largest of a window is often met more than once.
        const x = b.input('x', shape, integers(3));
        const y = b.graph.one(op, [x], attrs, 'y');
        const dy = b.input('dy', y.shape);
        if (op === 'max_pool') return { dx: b.graph.one('max_pool_grad', [dy, x, y], attrs) };
        const [, height, width] = shape;
        return { y, dx: b.graph.one('avg_pool_grad', [dy], { ...attrs, height, width }) };
      },
    };
    return [forwardCase, backward];
  }),
);

/** Gradients of a max pool with the slope of the activation before it: saved is x, or is not. */
const pooledSlopes: ParityCase[] = (
  [
    ['relu', [2, 5, 7, 5], 2, 2],
    ['tanh', [2, 6, 6, 3], 3, 3],
    ['relu', [1, 6, 5, 4], 3, 1],
    ['gelu', [2, 4, 4, 2], 2, 2],
  ] as const
).map(([kind, shape, size, stride]) => ({
  name: `max_pool_grad/${shape.join('x')}-k${size}-s${stride}/${kind}`,
  tolerance: relative(16),
  seeds: [1, 2],
  build: (b) => {
    const own = kind !== 'gelu';
    const x = b.input('x', shape, integers(3));
    const y = b.graph.one('max_pool', [x], { size, stride }, 'y');
    const dy = b.input('dy', y.shape);
    const dx = b.graph.one('max_pool_grad', [dy, x, y], { size, stride }, 'dx');
    const saved = own ? x : b.input('saved', shape);
    return { dx: b.graph.one('activation_grad', [dx, saved], { kind }, 'masked') };
  },
}));

const globalPools: ParityCase[] = (
  [
    [1, 1, 1, 1],
    [2, 3, 5, 3],
    [3, 8, 8, 20],
  ] as const
).map((shape, i) => ({
  name: `global_avg_pool/${shape.join('x')}`,
  tolerance: relative(16),
  seeds: i === 1 ? [1, 2, 3] : [1],
  build: (b) => {
    const [batch, height, width, channels] = shape;
    const y = b.graph.one('global_avg_pool', [b.input('x', shape)]);
    const dy = b.input('dy', [batch, channels]);
    return { y, dx: b.graph.one('global_avg_pool_grad', [dy], { height, width }) };
  },
}));

/** More strips than one dimension of a grid has workgroups, on adapters of both kinds. */
const manyStrips: ParityCase = {
  name: 'conv2d/more-strips-than-workgroups',
  tolerance: SUMS,
  build: (b) => {
    const x = b.input('x', [1, 600_000, 1, 1]);
    const attrs = { stride: 1, padding: 0 };
    const w = b.weight('w', [2, 1, 1, 1]);
    const y = b.graph.one('conv2d', [x, w], attrs, 'y');
    const back = { ...attrs, height: 600_000, width: 1 };
    return { y, dx: b.graph.one('conv2d_grad_input', [y, w], back, 'dx') };
  },
};

export const convCases: readonly ParityCase[] = [
  ...forward,
  ...epilogues,
  ...blends,
  ...gradInput,
  ...gradWeight,
  manyStrips,
  ...pools,
  ...pooledSlopes,
  ...globalPools,
];
