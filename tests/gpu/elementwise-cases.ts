/** Parity cases of elementwise ops and of the four blends with their gradients. */

import { streamOf } from '../../shared/base/random.ts';
import type { Tensor } from '../../shared/engine/plan/graph.ts';
import { ACTIVATIONS } from '../../shared/engine/plan/ops-elementwise.ts';
import { type CaseBuilder, constant, EXACT, type ParityCase, relative } from './parity-case.ts';

const FUNCTIONS = relative(64);

/** One less, equal and one more than a workgroup of 64 vec4s, with padded last axes. */
const SHAPES: readonly (readonly number[])[] = [
  [1, 1],
  [63, 3],
  [64, 4],
  [13, 17],
  [2, 3, 3, 5],
];

const activations: ParityCase[] = ACTIVATIONS.flatMap((kind) =>
  SHAPES.map((shape, i) => ({
    name: `activation/${kind}/${shape.join('x')}`,
    tolerance: kind === 'relu' ? EXACT : FUNCTIONS,
    seeds: i === 3 ? [1, 2, 3] : [1],
    build: (b: CaseBuilder): Record<string, Tensor> => {
      // Wide enough to reach the flat ends of tanh and sigmoid.
      const x = b.input('x', shape, (random) => 8 * random.normal());
      const saved = b.input('saved', shape);
      const dy = b.input('dy', shape);
      return {
        y: b.graph.one('activation', [x], { kind }),
        dx: b.graph.one('activation_grad', [dy, saved], { kind }),
      };
    },
  })),
);

const sums: ParityCase[] = SHAPES.map((shape, i) => ({
  name: `add-scale/${shape.join('x')}`,
  tolerance: relative(2),
  seeds: i === 3 ? [1, 2, 3] : [1],
  twins: i === 3,
  build: (b) => {
    const sum = b.graph.one('add', [b.input('a', shape), b.input('b', shape)]);
    return { sum, scaled: b.graph.one('scale', [sum], { factor: -0.37 }) };
  },
}));

const dropouts: ParityCase[] = [0, 0.25, 0.9].flatMap((rate) =>
  [0, 77].map((step) => ({
    name: `dropout/rate-${rate}/step-${step}`,
    tolerance: relative(2),
    seeds: [1, 0xdead_beef, 3],
    twins: true,
    build: (b: CaseBuilder) => {
      const control = b.control({ step });
      const x = b.input('x', [33, 7]);
      return { y: b.graph.one('dropout', [x, control], { rate, stream: streamOf('drop/1') }) };
    },
  })),
);

const ALPHAS = [0, 0.3, 1] as const;

/** Alpha differs by replica: 0.1 more of what remains for every second seed. */
export function alphaControl(b: CaseBuilder, alpha: number, perReplica = false): Tensor {
  const row = (_step: number, seed: number) => ({
    alphas: [0.5, perReplica && seed % 2 === 0 ? alpha + 0.1 * (1 - alpha) : alpha],
  });
  return b.control({ row });
}

const blends: ParityCase[] = ['add', 'replace', 'multiply', 'gate'].flatMap((mode) =>
  ALPHAS.flatMap((alpha) =>
    [false, true]
      .filter((nan) => !nan || alpha === 0)
      .map((nan) => ({
        name: `blend/${mode}/alpha-${alpha}${nan ? '/nan' : ''}`,
        tolerance: alpha === 0 ? EXACT : FUNCTIONS,
        seeds: nan ? [1] : [1, 3, 5],
        build: (b: CaseBuilder): Record<string, Tensor> => {
          const shape = [9, 6];
          const [dy, z] = [b.input('dy', shape), b.input('z', shape)];
          const s = b.input('s', shape, nan ? constant(Number.NaN) : undefined);
          const control = alphaControl(b, alpha);
          const gate = mode === 'gate' ? [b.input('gate', [9, 1])] : [];
          const attrs = { mode, alpha: 1 };
          const y = b.graph.one('blend', [z, s, control, ...gate], attrs, 'y');
          const column = { alpha: 1 };
          const kept = (complement: boolean) =>
            b.graph.one('scale_alpha', [dy, control], { ...column, complement });
          if (mode === 'add' || mode === 'replace') return { y, ds: kept(false), dz: kept(true) };
          const ds = b.graph.one('blend_grad_seed', [dy, z, s, control, ...gate], attrs, 'ds');
          if (mode === 'multiply') {
            return { y, ds, dz: b.graph.one('blend_grad_host', [dy, s, control], column) };
          }
          const dGate = b.graph.one('blend_grad_gate', [dy, s, control, gate[0]!], column);
          return { y, ds, dGate };
        },
      })),
  ),
);

/** Alphas of the replicas' own, and feature axes wider than one invocation sums alone. */
const wide: ParityCase[] = ['multiply', 'gate'].map((mode) => ({
  name: `blend/${mode}/image/r3`,
  tolerance: FUNCTIONS,
  seeds: [1, 2, 3],
  twins: true,
  build: (b) => {
    const shape = [3, 8, 9, 10];
    const [z, s, dy] = [b.input('z', shape), b.input('s', shape), b.input('dy', shape)];
    const control = alphaControl(b, 0.4, true);
    const gate = mode === 'gate' ? [b.input('gate', [3, 1])] : [];
    const attrs = { mode, alpha: 1 };
    const y = b.graph.one('blend', [z, s, control, ...gate], attrs, 'y');
    const ds = b.graph.one('blend_grad_seed', [dy, z, s, control, ...gate], attrs, 'ds');
    if (!gate[0]) return { y, ds };
    const dGate = b.graph.one('blend_grad_gate', [dy, s, control, gate[0]], { alpha: 1 });
    return { y, ds, dGate };
  },
}));

const guards: ParityCase[] = ALPHAS.map((alpha) => ({
  name: `guard/alpha-${alpha}`,
  tolerance: EXACT,
  seeds: [1, 2, 3],
  build: (b) => {
    const x = b.input('x', [9, 6], alpha === 0 ? constant(Number.NaN) : undefined);
    return { y: b.graph.one('guard', [x, alphaControl(b, alpha)], { alpha: 1 }) };
  },
}));

export const elementwiseCases: readonly ParityCase[] = [
  ...activations,
  ...sums,
  ...dropouts,
  ...blends,
  ...wide,
  ...guards,
];
