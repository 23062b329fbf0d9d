import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomStream } from './random.ts';
import { inverseRoot, product, type Svd, svd, topSvd } from './svd.ts';

function randomMatrix(rows: number, columns: number, seed: number, rank = Infinity) {
  const random = new RandomStream(seed, 'svd');
  const draw = (n: number) => Float64Array.from({ length: n }, () => random.normal());
  if (rank >= Math.min(rows, columns)) return draw(rows * columns);
  return product(draw(rows * rank), draw(rank * columns), rows, rank, columns);
}

function rebuilt({ left, right, values }: Svd, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  values.forEach((d, k) => {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) out[i * columns + j]! += d * left[k]![i]! * right[k]![j]!;
    }
  });
  return out;
}

const dot = (x: Float64Array, y: Float64Array) => x.reduce((s, a, i) => s + a * y[i]!, 0);
const size = fc.integer({ min: 1, max: 9 });

describe('singular value decomposition', () => {
  it('rebuilds the matrix out of orthonormal vectors and descending values', () => {
    fc.assert(
      fc.property(size, size, fc.nat(1000), fc.integer({ min: 1, max: 9 }), (m, n, seed, rank) => {
        const a = randomMatrix(m, n, seed, rank);
        const found = svd(a, m, n);
        const whole = rebuilt(found, m, n);
        a.forEach((x, i) => {
          expect(whole[i]).toBeCloseTo(x, 10);
        });
        found.values.forEach((d, k) => {
          expect(d).toBeGreaterThanOrEqual(found.values[k + 1] ?? 0);
          if (d < 1e-9) return;
          found.values.forEach((other, l) => {
            if (other < 1e-9) return;
            expect(dot(found.right[k]!, found.right[l]!)).toBeCloseTo(k === l ? 1 : 0, 10);
            expect(dot(found.left[k]!, found.left[l]!)).toBeCloseTo(k === l ? 1 : 0, 10);
          });
        });
      }),
      { numRuns: 60 },
    );
  });

  it('knows a case in closed form', () => {
    // [[3, 0], [4, 5]]: values sqrt(45) and sqrt(5), first right vector (1, 1)/sqrt(2).
    const { left, right, values } = svd([3, 0, 4, 5], 2, 2);
    expect(values[0]).toBeCloseTo(Math.sqrt(45), 12);
    expect(values[1]).toBeCloseTo(Math.sqrt(5), 12);
    for (const x of right[0]!) expect(x).toBeCloseTo(Math.SQRT1_2, 12);
    expect(left[0]![0]).toBeCloseTo(1 / Math.sqrt(10), 12);
    expect(left[0]![1]).toBeCloseTo(3 / Math.sqrt(10), 12);
  });

  it('takes the largest part of a wide matrix as the whole decomposition does', () => {
    const [m, n] = [170, 165];
    const a = randomMatrix(m, n, 3, 5);
    const noise = randomMatrix(m, n, 4);
    for (let i = 0; i < a.length; i++) a[i]! += 0.01 * noise[i]!;
    const part = topSvd(a, m, n, 5);
    // Each pair is a singular pair: A v = d u and A' u = d v.
    part.values.forEach((d, k) => {
      const image = product(a, part.right[k]!, m, n, 1);
      image.forEach((x, i) => {
        expect(x).toBeCloseTo(d * part.left[k]![i]!, 6);
      });
    });
    expect(part.values).toHaveLength(5);
    // Nothing of the five is missed: the rest of the energy is the noise's.
    const energy = a.reduce((s, x) => s + x * x, 0);
    const kept = part.values.reduce((s, d) => s + d * d, 0);
    expect((energy - kept) / (m * n)).toBeLessThan(1.1e-4);
  });

  it('gives zeros for zeros and refuses sizes that do not fit', () => {
    expect(svd([0, 0, 0, 0], 2, 2).values).toEqual([0, 0]);
    expect(() => svd([1, 2, 3], 2, 2)).toThrow(RangeError);
  });
});

describe('inverse square root', () => {
  it('whitens, and leaves directions without variance out', () => {
    const x = randomMatrix(40, 4, 7, 3);
    const gram = new Float64Array(16);
    for (let r = 0; r < 40; r++) {
      for (let i = 0; i < 4; i++) {
        for (let j = 0; j < 4; j++) gram[i * 4 + j]! += (x[r * 4 + i]! * x[r * 4 + j]!) / 40;
      }
    }
    const { inverse, rank, root } = inverseRoot(gram, 4, 1e-9);
    expect(rank).toBe(3);
    const square = product(root, root, 4, 4, 4);
    square.forEach((v, i) => {
      expect(v).toBeCloseTo(inverse[i]!, 8);
    });
    // A pseudo-inverse: S S^+ S = S.
    const back = product(product(gram, inverse, 4, 4, 4), gram, 4, 4, 4);
    back.forEach((v, i) => {
      expect(v).toBeCloseTo(gram[i]!, 9);
    });
  });
});
