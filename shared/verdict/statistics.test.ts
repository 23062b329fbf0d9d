import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomStream } from '../base/random.ts';
import { bootstrapInterval } from './bootstrap.ts';
import { normalCdf, normalQuantile, studentCdf, studentQuantile } from './distributions.ts';
import {
  effectSize,
  equivalence,
  holm,
  minimalDetectableEffect,
  pairedT,
  rankBiserial,
  signedRank,
  smallestSignedRankP,
} from './paired-tests.ts';

const values = fc.array(
  fc.integer({ min: -50, max: 50 }).map((v) => v / 8),
  {
    minLength: 2,
    maxLength: 12,
  },
);

/** Student's sleep data (Biometrika 1908): extra hours, second drug minus first. */
const SLEEP = [1.2, 2.4, 1.3, 1.3, 0, 1, 1.8, 0.8, 4.6, 1.4];
/** Depression scores of Hollander & Wolfe 1973, first visit minus second. */
const DEPRESSION = [
  1.83 - 0.878,
  0.5 - 0.647,
  1.62 - 0.598,
  2.48 - 2.05,
  1.68 - 1.06,
  1.88 - 1.29,
  1.55 - 1.06,
  3.06 - 3.14,
  1.3 - 1.29,
];

describe('distributions', () => {
  test.each([
    // Two-sided 5 % and 1 % points of the printed tables.
    [0.975, 1, 12.7062047],
    [0.975, 9, 2.26215716],
    [0.995, 9, 3.24983554],
    [0.95, 19, 1.72913281],
    [0.975, 1e6, 1.95996636],
  ])('t quantile %d with %d degrees of freedom', (p, df, t) => {
    expect(studentQuantile(p, df)).toBeCloseTo(t, 6);
    expect(studentCdf(t, df)).toBeCloseTo(p, 8);
  });

  test('closed forms: Cauchy for one degree of freedom, algebraic for two', () => {
    for (const t of [-30, -2.5, -0.1, 0, 0.7, 4, 1e5]) {
      expect(studentCdf(t, 1)).toBeCloseTo(0.5 + Math.atan(t) / Math.PI, 12);
      expect(studentCdf(t, 2)).toBeCloseTo(0.5 + t / (2 * Math.sqrt(2 + t * t)), 12);
    }
    expect([studentCdf(-Infinity, 3), studentCdf(Infinity, 3)]).toEqual([0, 1]);
  });

  test.each([
    [-8, 6.22096057427178e-16],
    [-4.5, 3.39767312473006e-6],
    [-1.959963984540054, 0.025],
    [0, 0.5],
    [1, 0.841344746068543],
  ])('normal at %d', (z, p) => {
    expect(normalCdf(z) / p).toBeCloseTo(1, 10);
    if (p < 1) expect(normalQuantile(p)).toBeCloseTo(z, 9);
  });

  test('both are symmetric and rise', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -8, max: 8, noNaN: true }),
        fc.double({ min: 1e-3, max: 4, noNaN: true }),
        fc.integer({ min: 1, max: 60 }),
        (x, more, df) => {
          expect(studentCdf(x, df) + studentCdf(-x, df)).toBeCloseTo(1, 12);
          expect(normalCdf(x) + normalCdf(-x)).toBeCloseTo(1, 12);
          expect(studentCdf(x + more, df)).toBeGreaterThanOrEqual(studentCdf(x, df));
          expect(normalCdf(x + more)).toBeGreaterThanOrEqual(normalCdf(x));
        },
      ),
    );
  });
});

describe('paired tests', () => {
  test("t: Student's own example", () => {
    const { df, p, t } = pairedT(SLEEP);
    expect([df, t, p].map((v) => v.toFixed(4))).toEqual(['9.0000', '4.0621', '0.0028']);
  });

  test('signed rank: published example, W = 40, p = 0.03906', () => {
    const { p, wMinus, wPlus } = signedRank(DEPRESSION);
    expect([wPlus, wMinus]).toEqual([40, 5]);
    expect(p).toBeCloseTo(0.0390625, 12);
  });

  test('signed rank: the 5 % point for ten pairs is 8, for twenty 52', () => {
    const chance = (n: number, w: number) => {
      // Signs so chosen that the smaller rank sum is w.
      let left = w;
      const signs = Array.from({ length: n }, (_, i) => {
        const rank = n - i;
        if (rank > left) return rank;
        left -= rank;
        return -rank;
      });
      return signedRank(signs).p;
    };
    expect(chance(10, 8)).toBeLessThanOrEqual(0.05);
    expect(chance(10, 9)).toBeGreaterThan(0.05);
    expect(chance(20, 52)).toBeLessThanOrEqual(0.05);
    expect(chance(20, 53)).toBeGreaterThan(0.05);
  });

  test('signed rank agrees with counting all signs', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 2, maxLength: 9 }),
        (d) => {
          const own = signedRank(d);
          const sizes = d.map(Math.abs);
          const nonZero = sizes.map((s, i) => [s, i] as const).filter(([s]) => s > 0);
          const small = Math.min(own.wPlus, own.wMinus);
          let extreme = 0;
          for (let bits = 0; bits < 2 ** nonZero.length; bits++) {
            const signed = sizes.slice();
            nonZero.forEach(([s, i], k) => {
              signed[i] = (bits >> k) & 1 ? s : -s;
            });
            if (signedRank(signed).wPlus <= small) extreme++;
          }
          const wanted = nonZero.length ? Math.min(1, (2 * extreme) / 2 ** nonZero.length) : 1;
          expect(own.p).toBeCloseTo(wanted, 12);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('signed rank beyond the exact range is close to the exact distribution', () => {
    const random = new RandomStream(3, 'many');
    const many = Array.from({ length: 260 }, () => random.normal() + 0.12);
    const { p } = signedRank(many);
    expect(p).toBeGreaterThan(0);
    expect(Math.abs(p - pairedT(many).p)).toBeLessThan(0.15);
  });

  test('signs exchange wins and losses and leave every p as it is', () => {
    fc.assert(
      fc.property(values, (d) => {
        const other = d.map((v) => -v);
        expect(pairedT(other).p).toBeCloseTo(pairedT(d).p, 12);
        expect(signedRank(other).p).toBe(signedRank(d).p);
        expect(rankBiserial(signedRank(other))).toBeCloseTo(-rankBiserial(signedRank(d)), 12);
        expect(equivalence(other, 2).p).toBeCloseTo(equivalence(d, 2).p, 12);
        for (const p of [pairedT(d).p, signedRank(d).p, equivalence(d, 2).p]) {
          expect(p).toBeGreaterThanOrEqual(0);
          expect(p).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test('no spread: nothing divides by zero', () => {
    expect(pairedT([0, 0, 0]).p).toBe(1);
    expect(pairedT([2, 2, 2]).p).toBe(0);
    expect(signedRank([0, 0]).p).toBe(1);
    expect(equivalence([0, 0, 0], 0.1).p).toBe(0);
    expect(equivalence([2, 2, 2], 0.1).p).toBe(1);
    expect(effectSize([2, 2])).toBeNull();
  });

  test('equivalence at 5 % is a 90 % interval inside the margin', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 40 }), (d, m) => {
        const margin = m / 4;
        const mean = d.reduce((a, b) => a + b, 0) / d.length;
        const sd = Math.sqrt(d.reduce((a, b) => a + (b - mean) ** 2, 0) / (d.length - 1));
        const half = (studentQuantile(0.95, d.length - 1) * sd) / Math.sqrt(d.length);
        const inside = mean - half > -margin && mean + half < margin;
        fc.pre(Math.abs(Math.abs(mean) + half - margin) > 1e-9);
        expect(equivalence(d, margin).p < 0.05).toBe(inside);
      }),
    );
  });

  test('twenty pairs detect two thirds of a standard deviation with 80 % power', () => {
    const d = Array.from({ length: 20 }, (_, i) => (i % 2 ? 1 : -1));
    const sd = Math.sqrt(20 / 19);
    expect(minimalDetectableEffect(d, 0.05) / sd).toBeCloseTo(0.66, 2);
  });

  test('seven pairs are the fewest that can pass two comparisons at 5 %', () => {
    expect(2 * smallestSignedRankP(6)).toBeGreaterThan(0.05);
    expect(2 * smallestSignedRankP(7)).toBeLessThan(0.05);
    expect(signedRank([1, 2, 3, 4, 5, 6, 7]).p).toBe(smallestSignedRankP(7));
  });

  test('one difference is refused', () => {
    expect(() => pairedT([1])).toThrow('at least two');
  });
});

describe('holm()', () => {
  test('worked example', () => {
    const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
    [0.03, 0.06, 0.06, 0.02].forEach((p, i) => {
      expect(adjusted[i]).toBeCloseTo(p, 12);
    });
  });

  test('is between p and Bonferroni, keeps the order, and is the same in any order', () => {
    const ps = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(ps, (p) => {
        const adjusted = holm(p);
        adjusted.forEach((a, i) => {
          expect(a).toBeGreaterThanOrEqual(p[i]!);
          expect(a).toBeLessThanOrEqual(Math.min(1, p.length * p[i]!) + 1e-12);
          for (let j = 0; j < p.length; j++) {
            if (p[i]! < p[j]!) expect(a).toBeLessThanOrEqual(adjusted[j]!);
          }
        });
        expect(holm(p.toReversed()).sort()).toEqual(adjusted.toSorted());
      }),
    );
  });
});

describe('bootstrapInterval()', () => {
  test('same bits again, other draws for another seed', () => {
    const once = bootstrapInterval(SLEEP);
    expect(bootstrapInterval(SLEEP)).toEqual(once);
    expect(bootstrapInterval(SLEEP, { seed: 2 })).not.toEqual(once);
  });

  test('is near the t interval on well-behaved data', () => {
    const random = new RandomStream(5, 'normal');
    const d = Array.from({ length: 80 }, () => 1 + random.normal());
    const { high, low } = bootstrapInterval(d);
    const mean = d.reduce((a, b) => a + b, 0) / 80;
    const sd = Math.sqrt(d.reduce((a, b) => a + (b - mean) ** 2, 0) / 79);
    const half = (studentQuantile(0.975, 79) * sd) / Math.sqrt(80);
    expect(Math.abs(low - (mean - half))).toBeLessThan(0.1 * half);
    expect(Math.abs(high - (mean + half))).toBeLessThan(0.1 * half);
  });

  test('covers the mean of a skewed population about as often as it says', () => {
    const random = new RandomStream(11, 'skewed');
    let covered = 0;
    for (let i = 0; i < 200; i++) {
      const d = Array.from({ length: 20 }, () => -Math.log(1 - random.uniform()));
      const { high, low } = bootstrapInterval(d, { resamples: 500, seed: i });
      if (low <= 1 && 1 <= high) covered++;
    }
    expect(covered).toBeGreaterThan(200 * 0.86);
    expect(covered).toBeLessThan(200 * 0.985);
  });

  test('differences of one cluster count as one: the interval is wider', () => {
    const random = new RandomStream(2, 'clusters');
    const effects = Array.from({ length: 8 }, () => random.normal());
    const d = effects.flatMap((e) => [e + 0.01 * random.normal(), e, e - 0.01]);
    const clusters = effects.flatMap((_, i) => [i, i, i]);
    const width = ({ high, low }: { high: number; low: number }) => high - low;
    const wide = width(bootstrapInterval(d, { clusters }));
    expect(wide).toBeGreaterThan(1.4 * width(bootstrapInterval(d)));
    expect(width(bootstrapInterval(effects)) / wide).toBeCloseTo(1, 0);
  });

  test('shifts and scales with the data', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 8 }), (d, k) => {
        const options = { resamples: 200 };
        const { high, low } = bootstrapInterval(d, options);
        const moved = bootstrapInterval(
          d.map((v) => k * v + 3),
          options,
        );
        expect(moved.low).toBeCloseTo(k * low + 3, 6);
        expect(moved.high).toBeCloseTo(k * high + 3, 6);
        expect(low).toBeLessThanOrEqual(high);
      }),
      { numRuns: 25 },
    );
  });

  test('bad input is refused', () => {
    expect(() => bootstrapInterval([1])).toThrow('at least two');
    expect(() => bootstrapInterval([1, 2], { clusters: [1] })).toThrow('one label each');
  });
});
