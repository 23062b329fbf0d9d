import { describe, expect, it } from 'vitest';
import { interleaved, iterationsFor, median, pairedRatio } from './measure.ts';
import { permuted } from './permuted.ts';
import { dataOf, flopsOf, STANDARD } from './standard.ts';

describe('median()', () => {
  it('is the middle, or the mean of the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
  });
});

describe('pairedRatio()', () => {
  it('pairs samples of one round', () => {
    // The machine is half as fast in the second round: the ratio does not notice.
    expect(pairedRatio([2, 4, 2, 2], [1, 2, 1, 1])).toEqual({ ratio: 2, low: 2, high: 2 });
    expect(pairedRatio([1, 2, 3, 4], [1, 1, 1, 1])).toEqual({ ratio: 2.5, low: 1, high: 4 });
    // 95 % interval of the median of 25: the 8th to the 18th (ranks from 1).
    const many = Array.from({ length: 25 }, (_, i) => i + 1);
    const ones = many.map(() => 1);
    expect(pairedRatio(many, ones)).toEqual({ ratio: 13, low: 8, high: 18 });
  });
});

describe('interleaved()', () => {
  it('runs the works in turn, every other round backwards', async () => {
    const order: string[] = [];
    const work = (name: string) => ({
      run: async (n: number) => {
        order.push(`${name}${n}`);
      },
    });
    const times = await interleaved([work('a'), work('b')], 3, 0);
    // One run to warm up and one to see that a single iteration is long enough.
    expect(order.slice(0, 4)).toEqual(['a1', 'a1', 'b1', 'b1']);
    expect(order.slice(4)).toEqual(['a1', 'b1', 'b1', 'a1', 'a1', 'b1']);
    expect(times.map((t) => t.length)).toEqual([3, 3]);
  });

  it('runs works that are alike the same number of times', async () => {
    const counts: number[][] = [[], []];
    const works = [0.5, 0.1].map((ms, i) => ({
      run: async (n: number) => {
        counts[i]!.push(n);
        const end = performance.now() + ms * n;
        while (performance.now() < end);
      },
    }));
    await interleaved(works, 2, 3, true);
    expect(counts[0]!.slice(-2)).toEqual(counts[1]!.slice(-2));
  });

  it('asks for as many iterations as a sample needs', async () => {
    const seen: number[] = [];
    const busy = {
      run: async (n: number) => {
        seen.push(n);
        const end = performance.now() + 0.2 * n;
        while (performance.now() < end);
      },
    };
    const n = await iterationsFor(busy, 4);
    expect(n).toBeGreaterThan(1);
    expect(n).toBeLessThanOrEqual(200);
    expect(seen.at(-1)).toBe(n);
  });
});

describe('permuted()', () => {
  it('moves channels last', () => {
    // [1, 2, 2, 3] channels first to [1, 2, 3, 2] channels last.
    const values = Float32Array.from({ length: 12 }, (_, i) => i);
    expect([...permuted(values, [1, 2, 2, 3], [0, 2, 3, 1])]).toEqual([
      ...[0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11],
    ]);
  });
});

describe('the standard workloads', () => {
  it('count two operations for each multiply-add of their layers', () => {
    expect(flopsOf(STANDARD['mm512']!)).toBe(2 * 512 ** 3);
    expect(flopsOf(STANDARD['lin']!)).toBe(2 * 128 * 512 * 256);
    expect(flopsOf(STANDARD['mlp_s']!)).toBe(2 * 128 * (2 * 2 * 64 + 3 * (64 * 64 + 64 * 3)));
    const conv2 = 196 * 9 * 16 * 32;
    const dense = 49 * 32 * 128 + 128 * 10;
    expect(flopsOf(STANDARD['cnn']!)).toBe(2 * 64 * (2 * 784 * 9 * 16 + 3 * (conv2 + dense)));
  });

  it('have data of their sizes, the same every time', () => {
    for (const id of ['lin_odd', 'mlp_s']) {
      const spec = STANDARD[id]!;
      const [one, other] = [dataOf(spec), dataOf(spec)];
      expect(one).toEqual(other);
      for (const p of one.P ?? []) expect(p.v).toHaveLength(p.shape.reduce((a, b) => a * b, 1));
    }
  });
});
