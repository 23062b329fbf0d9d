/** Parity cases of Linear layers: shapes on both sides of the tile edges, fused epilogues. */

import { differentiate } from '../../shared/engine/plan/autodiff.ts';
import type { Tensor } from '../../shared/engine/plan/graph.ts';
import { ACTIVATIONS } from '../../shared/engine/plan/ops-elementwise.ts';
import { type CaseBuilder, constant, host, type ParityCase, relative } from './parity-case.ts';

/** Batch, inputs, outputs: one less, equal and one more than tiles of 4, 8 and 16. */
const SHAPES: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [3, 2, 3],
  [4, 4, 4],
  [5, 5, 5],
  [7, 9, 12],
  [8, 8, 16],
  [9, 7, 17],
  [15, 17, 28],
  [16, 16, 32],
  [17, 15, 33],
  [63, 3, 7],
  [64, 32, 20],
  [65, 33, 9],
  [2, 64, 65],
];

/** Sums of up to 65 products, float32 in order against float64. */
const SUMS = relative(16);
/** A tanh, sigmoid or gelu behind the sum: adapters approximate the functions. */
const FUNCTIONS = relative(64);

function linear(b: CaseBuilder, [m, k, n]: readonly [number, number, number], bias = true): Tensor {
  const x = b.input('x', [m, k]);
  const inputs = [x, b.weight('w', [k, n]), ...(bias ? [b.bias('b', n)] : [])];
  return b.graph.one('linear', inputs, {}, 'y');
}

const forward: ParityCase[] = SHAPES.map((shape, i) => ({
  name: `linear/${shape.join('x')}${i % 3 === 0 ? '/no-bias' : ''}${i % 4 === 2 ? '/r3' : ''}`,
  tolerance: SUMS,
  ...(i % 4 === 2 ? { seeds: [1, 2, 3], twins: true } : {}),
  build: (b) => ({ y: linear(b, shape, i % 3 !== 0) }),
}));

const activations: ParityCase[] = ACTIVATIONS.flatMap((kind) => [
  {
    name: `linear/9x7x5/${kind}`,
    tolerance: FUNCTIONS,
    seeds: [4, 5],
    build: (b) => ({ y: b.graph.one('activation', [linear(b, [9, 7, 5])], { kind }) }),
  },
  {
    // The sum is read too, so nothing may be fused away.
    name: `linear/9x7x5/${kind}/unfused`,
    tolerance: FUNCTIONS,
    build: (b) => {
      const z = linear(b, [9, 7, 5]);
      return { z, y: b.graph.one('activation', [z], { kind }) };
    },
  },
]);

/** Feature axes of an image, channels padded from three to four. */
const image: ParityCase = {
  name: 'linear/image-2x3x3x3',
  tolerance: SUMS,
  seeds: [1, 2, 3],
  build: (b) => {
    const x = b.input('x', [2, 3, 3, 3]);
    return { y: b.graph.one('linear', [x, b.weight('w', [3, 3, 3, 10]), b.bias('b', 10)]) };
  },
};

const blends: ParityCase[] = ['add', 'replace'].flatMap((mode) =>
  [0, 0.3, 1].flatMap((alpha) =>
    [true, false].map((fused): ParityCase => {
      const dead = alpha === 0 && fused;
      return {
        name: `linear/blend-${mode}/alpha-${alpha}${fused ? '' : '/unfused'}${dead ? '/nan' : ''}`,
        tolerance: FUNCTIONS,
        seeds: [1, 2],
        build: (b) => {
          const z = host(b, [9, 6]);
          // At alpha 0 the seed may hold anything: a NaN must not reach the host.
          const x = b.input('x', [9, 7], dead ? constant(Number.NaN) : undefined);
          const s = b.graph.one('linear', [x, b.weight('w', [7, 6]), b.bias('b', 6)], {}, 's');
          const row = () => ({ alphas: [0.7, alpha] });
          const control = b.control({ row });
          const y = b.graph.one('blend', [z, s, control], { mode, alpha: 1 }, 'y');
          const out = b.graph.one('activation', [y], { kind: 'tanh' });
          return fused ? { out } : { s, y, out };
        },
      };
    }),
  ),
);

const gradInput: ParityCase[] = SHAPES.filter((_, i) => i % 2 === 1).flatMap((shape, i) => {
  const [m, k, n] = shape;
  const mask = ['none', ...ACTIVATIONS][i % 7]!;
  return [true, false].map((fused) => ({
    name: `linear_grad_input/${shape.join('x')}/${mask}${fused ? '' : '/unfused'}`,
    tolerance: mask === 'none' || mask === 'relu' ? SUMS : FUNCTIONS,
    seeds: i % 2 === 0 ? [1] : [1, 2, 3],
    build: (b: CaseBuilder): Record<string, Tensor> => {
      const dy = b.input('dy', [m, n]);
      const dx = b.graph.one('linear_grad_input', [dy, b.weight('w', [k, n])], {}, 'dx');
      if (mask === 'none') return { dx };
      const saved = b.input('saved', [m, k]);
      const out = b.graph.one('activation_grad', [dx, saved], { kind: mask }, 'out');
      return fused ? { out } : { dx, out };
    },
  }));
});

const gradWeight: ParityCase[] = SHAPES.map((shape, i) => ({
  name: `linear_grad_weight/${shape.join('x')}${i % 3 === 0 ? '/no-bias' : ''}`,
  tolerance: SUMS,
  seeds: i % 4 === 1 ? [1, 2, 3] : [1],
  twins: i % 4 === 1,
  buffers: ['gradients'],
  build: (b) => {
    const y = linear(b, shape, i % 3 !== 0);
    const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
    differentiate(b.graph, new Map([[y.id, b.input('dy', y.shape)]]), wanted);
    return { y };
  },
}));

export const denseCases: readonly ParityCase[] = [
  ...forward,
  ...activations,
  image,
  ...blends,
  ...gradInput,
  ...gradWeight,
];
