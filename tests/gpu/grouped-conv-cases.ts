/**
 * Parity cases of convolutions with groups, dilation and a padding of their own for the height:
 * groups that end within a vec4, whole vec4s, depthwise; strips one less, equal and one more.
 */
import { differentiate } from '../../shared/engine/plan/autodiff.ts';
import type { Tensor } from '../../shared/engine/plan/graph.ts';
import { ACTIVATIONS } from '../../shared/engine/plan/ops-elementwise.ts';
import { type CaseBuilder, constant, host, type ParityCase, relative } from './parity-case.ts';

interface GroupedShape {
  /** Batch, height, width, channels. */
  image: readonly [number, number, number, number];
  outputs: number;
  /** Height and width. */
  kernel: readonly [number, number];
  attrs: {
    stride: number;
    padding: number;
    paddingHeight?: number;
    dilation?: number;
    groups?: number;
  };
}

const conv = (
  image: GroupedShape['image'],
  outputs: number,
  kernel: number | readonly [number, number],
  attrs: GroupedShape['attrs'],
): GroupedShape => ({
  ...{ image, outputs, attrs },
  kernel: typeof kernel === 'number' ? [kernel, kernel] : kernel,
});

const SHAPES: readonly GroupedShape[] = [
  // Depthwise: one channel, the ends of a vec4, rows around strips of 4 and 8.
  conv([2, 4, 7, 3], 3, 3, { stride: 1, padding: 1, groups: 3 }),
  conv([2, 5, 9, 8], 8, 3, { stride: 1, padding: 1, groups: 8 }),
  conv([1, 7, 8, 5], 5, 3, { stride: 2, padding: 1, groups: 5 }),
  conv([33, 3, 4, 4], 4, 3, { stride: 1, padding: 1, groups: 4 }),
  conv([1, 6, 6, 17], 17, [1, 6], { stride: 1, padding: 3, paddingHeight: 0, groups: 17 }),
  conv([1, 7, 9, 4], 4, 3, { stride: 1, padding: 2, dilation: 2, groups: 4 }),
  // Depthwise with several outputs a channel.
  conv([2, 4, 5, 3], 6, 3, { stride: 1, padding: 1, groups: 3 }),
  conv([1, 5, 5, 2], 8, 2, { stride: 1, padding: 0, groups: 2 }),
  // Groups of whole vec4s.
  conv([2, 5, 9, 8], 8, 3, { stride: 1, padding: 1, groups: 2 }),
  conv([1, 6, 7, 16], 8, 3, { stride: 2, padding: 1, groups: 2 }),
  conv([2, 4, 4, 8], 24, 1, { stride: 1, padding: 0, groups: 2 }),
  conv([1, 9, 9, 8], 8, 3, { stride: 2, padding: 2, dilation: 3, groups: 2 }),
  // Groups that end within a vec4.
  conv([2, 4, 5, 6], 4, 3, { stride: 1, padding: 1, groups: 2 }),
  conv([3, 5, 4, 9], 15, [2, 3], { stride: 1, padding: 1, groups: 3 }),
  conv([1, 5, 8, 10], 5, 3, { stride: 3, padding: 0, groups: 5 }),
  conv([1, 3, 9, 4], 6, [1, 7], { stride: 1, padding: 3, paddingHeight: 0, groups: 2 }),
  // Without groups: dilation, and a padding that differs by axis.
  conv([2, 7, 9, 3], 5, 3, { stride: 1, padding: 2, dilation: 2 }),
  conv([1, 9, 10, 4], 8, 3, { stride: 2, padding: 1, dilation: 2 }),
  conv([2, 6, 17, 1], 4, [2, 3], { stride: 1, padding: 0, dilation: 4 }),
  conv([3, 1, 13, 5], 6, [1, 3], { stride: 1, padding: 1, paddingHeight: 0 }),
  conv([2, 1, 12, 4], 4, [1, 5], { stride: 2, padding: 4, paddingHeight: 0, dilation: 2 }),
];

const SUMS = relative(16);
const FUNCTIONS = relative(64);

function label({ image, outputs, kernel, attrs }: GroupedShape): string {
  const numbers = Object.entries(attrs).map(([key, value]) => `${key}-${value}`);
  return `${image.join('x')}-to-${outputs}-k${kernel.join('x')}/${numbers.join('/')}`;
}

function weightOf(b: CaseBuilder, s: GroupedShape): Tensor {
  const { groups = 1 } = s.attrs;
  const shape = [...s.kernel, s.image[3] / groups, s.outputs];
  return b.weight('w', shape, 0, groups > 1 ? 1 : 2);
}

function conv2d(b: CaseBuilder, s: GroupedShape, x: Tensor, bias = true): Tensor {
  const inputs = [x, weightOf(b, s), ...(bias ? [b.bias('b', s.outputs)] : [])];
  return b.graph.one('conv2d', inputs, { ...s.attrs }, 'y');
}

const forward: ParityCase[] = SHAPES.map((shape, i) => ({
  name: `conv2d_grouped/${label(shape)}${i % 3 === 0 ? '/no-bias' : ''}${i % 4 === 1 ? '/r3' : ''}`,
  tolerance: SUMS,
  ...(i % 4 === 1 ? { seeds: [1, 2, 3], twins: true } : {}),
  build: (b) => ({ y: conv2d(b, shape, b.input('x', shape.image), i % 3 !== 0) }),
}));

/** Activations in the epilogue: a depthwise shape, whole vec4s and lanes of different groups. */
const EPILOGUES = [SHAPES[0]!, SHAPES[8]!, SHAPES[13]!] as const;

const epilogues: ParityCase[] = EPILOGUES.flatMap((shape) =>
  ['relu', 'sigmoid', 'leaky_relu'].flatMap((kind) =>
    [true, false].map((fused) => ({
      name: `conv2d_grouped/${label(shape)}/${kind}${fused ? '' : '/unfused'}`,
      tolerance: FUNCTIONS,
      seeds: [1, 2, 3],
      build: (b: CaseBuilder): Record<string, Tensor> => {
        const z = conv2d(b, shape, b.input('x', shape.image));
        const y = b.graph.one('activation', [z], { kind });
        return fused ? { y } : { z, y };
      },
    })),
  ),
);

const blends: ParityCase[] = ['add', 'replace'].flatMap((mode) =>
  [0, 0.3].flatMap((alpha) =>
    [true, false].map((fused): ParityCase => {
      const dead = alpha === 0 && fused;
      const suffix = `${fused ? '' : '/unfused'}${dead ? '/nan' : ''}`;
      return {
        name: `conv2d_grouped/blend-${mode}/alpha-${alpha}${suffix}`,
        tolerance: SUMS,
        seeds: [1, 2],
        build: (b) => {
          const shape = conv([2, 3, 5, 6], 6, 3, { stride: 1, padding: 1, groups: 6 });
          const z = host(b, shape.image);
          const x = b.input('x', shape.image, dead ? constant(Number.NaN) : undefined);
          const s = conv2d(b, shape, x);
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
  return (i % 5 === 1 ? [true, false] : [true]).map((fused) => ({
    name: `conv2d_grouped_grad_input/${label(s)}/${mask}${fused ? '' : '/unfused'}`,
    tolerance: mask === 'none' || mask === 'relu' ? SUMS : FUNCTIONS,
    seeds: i % 3 === 1 ? [1, 2, 3] : [1],
    twins: i % 3 === 1,
    build: (b: CaseBuilder): Record<string, Tensor> => {
      const y = conv2d(b, s, b.input('x', s.image), false);
      const weight = b.graph.tensor(b.graph.nodes[0]!.inputs[1]!);
      const [, height, width] = s.image;
      const attrs = { ...s.attrs, height, width };
      const dx = b.graph.one('conv2d_grad_input', [b.input('dy', y.shape), weight], attrs, 'dx');
      if (mask === 'none') return { y, dx };
      const saved = b.input('saved', s.image);
      const out = b.graph.one('activation_grad', [dx, saved], { kind: mask }, 'out');
      return fused ? { y, out } : { y, dx, out };
    },
  }));
});

const gradWeight: ParityCase[] = SHAPES.map((s, i) => ({
  name: `conv2d_grouped_grad_weight/${label(s)}${i % 3 === 0 ? '/no-bias' : ''}`,
  tolerance: SUMS,
  seeds: i % 3 === 1 ? [1, 2, 3] : [1],
  twins: i % 3 === 1,
  buffers: ['gradients'],
  build: (b) => {
    const y = conv2d(b, s, b.input('x', s.image), i % 3 !== 0);
    const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
    differentiate(b.graph, new Map([[y.id, b.input('dy', y.shape)]]), wanted);
    return { y };
  },
}));

/** A chain of all kinds down to a loss, whose gradients are held against central differences. */
const chains: ParityCase[] = (
  [
    ['depthwise', { stride: 1, padding: 1, groups: 4 }, { stride: 2, padding: 1, groups: 4 }],
    ['grouped', { stride: 2, padding: 1, groups: 2 }, { stride: 1, padding: 2, dilation: 2 }],
  ] as const
).map(([name, first, second]) => ({
  name: `conv2d_grouped/chain-${name}`,
  tolerance: relative(128),
  seeds: [1, 2],
  twins: true,
  differences: true,
  buffers: ['gradients'],
  build: (b) => {
    const layer = (x: Tensor, key: string, attrs: GroupedShape['attrs']) => {
      const { groups = 1 } = attrs;
      const weight = b.weight(`${key}.w`, [3, 3, 4 / groups, 4], 0, groups > 1 ? 1 : 2);
      const y = b.graph.one('conv2d', [x, weight, b.bias(`${key}.b`, 4)], { ...attrs }, key);
      return b.graph.one('activation', [y], { kind: 'tanh' });
    };
    const h = layer(layer(b.input('x', [3, 5, 6, 4]), 'one', first), 'two', second);
    const logits = b.graph.one('global_avg_pool', [h]);
    const [rows, d] = b.graph.apply('mse', [logits, b.labels(3, 4)]);
    const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
    differentiate(b.graph, new Map([[logits.id, d!]]), wanted);
    return { rows: rows!, logits };
  },
}));

export const groupedConvCases: readonly ParityCase[] = [
  ...forward,
  ...epilogues,
  ...blends,
  ...gradInput,
  ...gradWeight,
  ...chains,
];
