import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byKernel } from './kernel-times.ts';

const time = (kernel: string, milliseconds: number | null) => ({
  ...{ kernel, grid: [1, 1, 1], milliseconds },
});

describe('byKernel()', () => {
  it('adds up the dispatches of a kernel, slowest first, unmeasured last', () => {
    const times = [time('a', 1), time('gone', null), time('b', 2), time('a', 3), time('gone', 9)];
    expect(byKernel(times)).toEqual([
      { kernel: 'a', dispatches: 2, milliseconds: 4 },
      { kernel: 'b', dispatches: 1, milliseconds: 2 },
      { kernel: 'gone', dispatches: 2, milliseconds: null },
    ]);
  });

  it('loses no dispatch and no time', () => {
    const anyTime = fc.record({
      kernel: fc.constantFrom('a', 'b', 'c'),
      grid: fc.constant<number[]>([1, 1, 1]),
      milliseconds: fc.nat(1000),
    });
    const sum = (values: (number | null)[]) => values.reduce<number>((s, v) => s + (v ?? 0), 0);
    fc.assert(
      fc.property(fc.array(anyTime), (times) => {
        const kernels = byKernel(times);
        expect(sum(kernels.map((k) => k.dispatches))).toBe(times.length);
        expect(sum(kernels.map((k) => k.milliseconds))).toBe(sum(times.map((t) => t.milliseconds)));
      }),
      { seed: 5, numRuns: 50 },
    );
  });
});
