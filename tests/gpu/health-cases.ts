/** Parity cases of the statistics of activations and gradients. */
import { type CaseBuilder, type ParityCase, relative } from './parity-case.ts';

const activations: ParityCase[] = (
  [
    [1, 1],
    [5, 3],
    [64, 4],
    [65, 33],
    [2, 5, 7, 6],
    // Rows shared out among a workgroup, and more rows than are looked at.
    [1030, 6],
    [20_011, 4],
  ] as const
).map((shape: readonly number[], i) => ({
  name: `activation_stats/${shape.join('x')}`,
  tolerance: relative(64),
  seeds: i % 2 === 1 ? [1, 2, 3] : [1],
  twins: i === 3,
  build: (b) => {
    const channels = shape.at(-1)!;
    // Column 0 is constant (variance 0), column 2 stands far from zero: variance in two passes.
    const y = b.input('y', shape, (random, at) => {
      const c = at % channels;
      return c === 0 ? 0.5 : random.normal() + (c === 2 ? 100 : 0);
    });
    return { stats: b.graph.one('activation_stats', [y]) };
  },
}));

const gradients: ParityCase[] = [false, true].map((nan) => ({
  name: `gradient_stats/${nan ? 'nan' : 'finite'}`,
  tolerance: relative(64),
  seeds: nan ? [1] : [1, 2, 3],
  build: (b: CaseBuilder) => {
    const g = b.input('some_gradients', [2048], (random, at) =>
      nan && at === 300 ? Number.NaN : random.normal(),
    );
    // First vec4 and count of vec4s: one, a workgroup less one, equal, more, and an empty one.
    const segments = [0, 1, 1, 63, 64, 64, 128, 65, 193, 300, 500, 0];
    const inputs = [g, b.words('segments', [6, 2], segments)];
    return { stats: b.graph.one('gradient_stats', inputs, { segments: 6 }) };
  },
}));

export const healthCases: readonly ParityCase[] = [...activations, ...gradients];
