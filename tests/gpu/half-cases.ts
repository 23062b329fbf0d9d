/**
 * The numeric class f16-multiply: cases of products, forward and backward, once more with operands
 * rounded to float16, there and in the reference. Separate from CASES, since only adapters with the
 * feature `shader-f16` can run them.
 */
import { differentiate } from '../../shared/engine/plan/autodiff.ts';
import { convCases } from './conv-cases.ts';
import { denseCases } from './dense-cases.ts';
import { groupedConvCases } from './grouped-conv-cases.ts';
import { modelCases } from './model-cases.ts';
import { normal, type ParityCase, relative } from './parity-case.ts';
import { TILE_CASES } from './tile-cases.ts';

/**
 * Behind another op, reference and device see numbers that differ in the last bit of float32. Near the
 * middle between two float16 numbers they then round to different ones, and a term is off by 2^-10 of
 * itself: the limit is one such term, as large as the largest result.
 */
const NETWORK = relative(2 ** 13);

const isAlone = (c: ParityCase) => /^(linear|conv2d)/.test(c.name) && !/more-strips/.test(c.name);

const half = (c: ParityCase): ParityCase => ({
  ...c,
  name: `f16/${c.name}`,
  numerics: 'f16-multiply',
  tolerance: isAlone(c) ? c.tolerance : NETWORK,
});

/** Numbers at the edges of float16: ties, the largest, too large, subnormal, too small. */
const EDGES = [
  ...[1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -20, 65_504, 65_519.9, -65_519.9],
  ...[2 ** -14, 3 * 2 ** -15, 1 / 3, 0],
];

const edges: ParityCase = {
  name: 'f16/linear/edges-of-the-range',
  tolerance: relative(1),
  numerics: 'f16-multiply',
  build: (b) => {
    const x = b.input('x', [EDGES.length, 1], (_, i) => EDGES[i]!);
    return { y: b.graph.one('linear', [x, b.weight('w', [1, 5])], {}, 'y') };
  },
};

const overflow: ParityCase = {
  name: 'f16/linear/beyond-the-range',
  tolerance: relative(16),
  numerics: 'f16-multiply',
  build: (b) => {
    const x = b.input('x', [6, 4], (random, i) => (i === 9 ? 65_520 : normal(random, i)));
    return { y: b.graph.one('linear', [x, b.weight('w', [4, 4])], {}, 'y') };
  },
};

/** Gradients that float16 would round to zero without their scale. */
const small: ParityCase = {
  name: 'f16/linear_grad_weight/small-gradients',
  tolerance: relative(16),
  numerics: 'f16-multiply',
  buffers: ['gradients'],
  build: (b) => {
    const y = b.graph.one('linear', [b.input('x', [17, 9]), b.weight('w', [9, 5])], {}, 'y');
    const dy = b.input('dy', y.shape, (random) => 2 ** -23 * random.normal());
    const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
    differentiate(b.graph, new Map([[y.id, dy]]), wanted);
    return { y };
  },
};

/** The ends of a kernel, behind its sums, are the same in every class: one of each kind is enough. */
const REPEATED = /unfused|alpha-[01]|\/(gelu|silu|sigmoid|leaky_relu)/;

const networks = [...modelCases, ...TILE_CASES].filter((c) => !c.steps);

export const HALF_CASES: readonly ParityCase[] = [
  ...[...denseCases, ...convCases, ...groupedConvCases]
    .filter((c) => /^(linear|conv2d)/.test(c.name) && !REPEATED.test(c.name))
    .map(half),
  ...networks.map(half),
  ...[edges, overflow, small],
];
