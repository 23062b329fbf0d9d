import { describe, expect, it } from 'vitest';
import { RandomStream } from '../base/random.ts';
import { product } from '../base/svd.ts';
import { gradMax } from './gradmax.ts';
import { MAX_GRAM, type TinyStatistics, tiny } from './tiny.ts';

const N = 400;
type Row = number[];
const normal = (seed: number, name: string) => {
  const random = new RandomStream(seed, name);
  return () => random.normal();
};
const rowsOf = (seed: number, width: number): Row[] => {
  const draw = normal(seed, 'rows');
  return Array.from({ length: N }, () => Array.from({ length: width }, draw));
};
/** a'b/N, row-major. */
const cross = (a: Row[], b: Row[]) => {
  const out = new Float64Array(a[0]!.length * b[0]!.length);
  a.forEach((x, r) => {
    x.forEach((p, i) => {
      b[r]!.forEach((q, j) => {
        out[i * b[r]!.length + j]! += (p * q) / a.length;
      });
    });
  });
  return out;
};
const statisticsOf = (h1: Row[], h2: Row[], g: Row[]): TinyStatistics => ({
  ...{ c1: h1[0]!.length, c2: h2[0]!.length, c: g[0]!.length },
  ...{ s1: cross(h1, h1), s2: cross(h2, h2), s21: cross(h2, h1) },
  ...{ h1g: cross(h1, g), h2g: cross(h2, g) },
  gradientSquare: g.flat().reduce((s, x) => s + x * x, 0) / N,
});

describe('GradMax', () => {
  it('is the closed form of a matrix of two orthogonal parts', () => {
    // B = 3 u1 v1' + 2 u2 v2' with v1 = (0.6, 0.8, 0), v2 = (0, 0, 1).
    const b = [1.8, 2.4, 0, 0, 0, 2];
    const { fanOut, score, values } = gradMax(b, 2, 3, 5);
    expect(values[0]).toBeCloseTo(3, 12);
    expect(values[1]).toBeCloseTo(2, 12);
    expect(score).toBeCloseTo(13, 12);
    [0.6, 0.8, 0].forEach((x, i) => {
      expect(fanOut[0]![i]).toBeCloseTo(x, 12);
    });
    expect(fanOut[1]![2]).toBeCloseTo(1, 12);
    // No more units than B has directions: further ones would never feel a gradient.
    expect(values).toHaveLength(2);
  });

  it('gives the largest gradient that fan-out of that norm can, over random directions', () => {
    const draw = normal(5, 'b');
    const b = Float64Array.from({ length: 6 * 4 }, draw);
    const { fanOut, values } = gradMax(b, 6, 4, 1);
    const norm = (v: ArrayLike<number>) => {
      const image = product(b, v, 6, 4, 1);
      return Math.sqrt(image.reduce((s, x) => s + x * x, 0));
    };
    expect(norm(fanOut[0]!)).toBeCloseTo(values[0]!, 10);
    for (let trial = 0; trial < 200; trial++) {
      const v = Array.from({ length: 4 }, draw);
      const length = Math.sqrt(v.reduce((s, x) => s + x * x, 0));
      expect(norm(v.map((x) => x / length))).toBeLessThanOrEqual(values[0]! + 1e-12);
    }
  });

  it('has nothing to say of a gradient that is zero', () => {
    expect(gradMax([0, 0, 0, 0], 2, 2, 3)).toEqual({ score: 0, values: [], fanOut: [] });
  });
});

describe('TINY', () => {
  it('finds the one direction that the layer lacks, in closed form', () => {
    // h2 has white columns; h1 sees the first only; G wants 0.5 of the first, 2 of the second.
    const h2 = rowsOf(1, 2);
    const h1 = h2.map(([a]) => [a!]);
    const g = h2.map(([a, b]) => [0.5 * a!, 2 * b!]);
    const { bottleneck, fanIn, fanOut, score, values } = tiny(statisticsOf(h1, h2, g), 4);
    // R = G minus its projection on h1: 2 (b - <b,a>/<a,a> a), all of it in output 1.
    const s2 = cross(h2, h2);
    const expected = 4 * (s2[3]! - (s2[1]! * s2[1]!) / s2[0]!);
    expect(bottleneck).toBeCloseTo(expected, 9);
    expect(values).toHaveLength(1);
    // h2 reaches the whole residual, so one unit removes all of it.
    expect(score).toBeCloseTo(bottleneck, 9);
    const made = h2.map((h) =>
      fanOut[0]!.map((o) => o * fanIn[0]!.reduce((s, w, i) => s + w * h[i]!, 0)),
    );
    const slope = (2 * s2[1]!) / s2[0]!;
    made.forEach((y, r) => {
      expect(y[0]).toBeCloseTo(0, 8);
      expect(y[1]).toBeCloseTo(g[r]![1]! - slope * h1[r]![0]!, 8);
    });
  });

  it('finds no bottleneck where the layer already sees what the units would see', () => {
    const h = rowsOf(2, 3);
    const g = rowsOf(3, 2);
    const found = tiny(statisticsOf(h, h, g), 3);
    expect(found.values).toEqual([]);
    expect(found.score).toBe(0);
    // What is left of G cannot be reached from h at all.
    expect(found.bottleneck).toBeGreaterThan(1);
  });

  it('does not change with an invertible change of what the units read', () => {
    const h2 = rowsOf(4, 3);
    const h1 = h2.map(([a, b]) => [Math.tanh(a! + b!)]);
    const g = h2.map(([a, b, c]) => [a! - b!, c!]);
    const mix = h2.map(([a, b, c]) => [a! + 3 * b!, 0.5 * b!, c! - a!]);
    const [plain, mixed] = [h2, mix].map((h) => tiny(statisticsOf(h1, h, g), 3));
    plain!.values.forEach((d, k) => {
      expect(mixed!.values[k]).toBeCloseTo(d, 8);
    });
  });

  it('lowers a quadratic loss by what it says, to first order', () => {
    // L = |z - t|^2/2N has G = t - z; a step e along the units changes it by -e score + O(e^2).
    const h2 = rowsOf(6, 3);
    const h1 = h2.map(([a]) => [a!]);
    const g = h2.map(([a, b, c]) => [a! * 0.2 + b!, c! * 0.3]);
    const s = statisticsOf(h1, h2, g);
    const { fanIn, fanOut, score } = tiny(s, 3);
    const loss = (e: number) =>
      h2.reduce((sum, h, r) => {
        const z = [0, 0];
        fanIn.forEach((w, k) => {
          const y = w.reduce((t, x, i) => t + x * h[i]!, 0);
          fanOut[k]!.forEach((o, j) => {
            z[j]! += e * y * o;
          });
        });
        return sum + z.reduce((t, x, j) => t + (g[r]![j]! - x) ** 2, 0) / 2;
      }, 0) / N;
    const e = 1e-4;
    // The units are orthogonal to what the layer can do, so G and R lead to the same slope.
    expect((loss(0) - loss(e)) / e).toBeCloseTo(score, 3);
  });

  it('takes a layer in groups as so many layers, each with its own inputs', () => {
    // Output 0 belongs with the first input and output 1 with the second: neither sees the other's.
    const h = rowsOf(5, 2);
    const g = h.map(([a, b]) => [0.5 * a! + b!, 3 * b! - a!]);
    const s = statisticsOf(h, h, g);
    const groups = [0, 1].map((i) => ({ inputs: [i], outputs: [i] }));
    expect(tiny(s, 2).bottleneck).toBeCloseTo(0, 9);
    const found = tiny({ ...s, groups }, 2);
    const alone = [0, 1].map((i) => {
      const column = (rows: readonly (readonly number[])[]) => rows.map((row) => [row[i]!]);
      return tiny(statisticsOf(column(h), column(h), column(g)), 1).bottleneck;
    });
    expect(found.bottleneck).toBeCloseTo(alone[0]! + alone[1]!, 9);
    expect(found.bottleneck).toBeGreaterThan(0.1);
    // All inputs together reach what the groups leave.
    expect(found.score).toBeCloseTo(found.bottleneck, 9);
  });

  it('refuses what is too wide to decompose', () => {
    const n = MAX_GRAM + 1;
    const wide = { ...statisticsOf(rowsOf(1, 1), rowsOf(1, 1), rowsOf(1, 1)), c2: n };
    expect(() => tiny(wide, 1)).toThrow(`Gram matrix of ${n} columns`);
  });
});
