import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXACT_PLAYERS, planShapley, SAMPLED_ORDERS, shapleyValues } from './shapley.ts';

/** A game with a worth of its own for every subset; nothing for nobody. */
const gameOf = (worths: readonly number[]) => (mask: number) =>
  mask === 0 ? 0 : (worths[mask % worths.length] as number);

const worths = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), {
  minLength: 7,
  maxLength: 70,
});

/** By the definition: mean gain over all orders. */
function byOrders(players: number, worthOf: (mask: number) => number): number[] {
  const sums = new Array<number>(players).fill(0);
  let orders = 0;
  const walk = (mask: number, gains: number[]): void => {
    if (mask === (1 << players) - 1) {
      orders++;
      gains.forEach((g, p) => {
        sums[p] = (sums[p] as number) + g;
      });
      return;
    }
    for (let p = 0; p < players; p++) {
      if (mask & (1 << p)) continue;
      const next = mask | (1 << p);
      walk(
        next,
        gains.map((g, i) => (i === p ? worthOf(next) - worthOf(mask) : g)),
      );
    }
  };
  walk(0, new Array<number>(players).fill(0));
  return sums.map((s) => s / orders);
}

describe('exact Shapley values', () => {
  it('are the mean gain over all orders', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), worths, (players, list) => {
        const game = gameOf(list);
        const plan = planShapley(players, 1, 'x');
        expect(plan.subsets).toHaveLength(2 ** players);
        const { standardErrors, values } = shapleyValues(plan, game);
        byOrders(players, game).forEach((v, p) => {
          expect(values[p]).toBeCloseTo(v, 9);
        });
        expect(standardErrors.every((e) => e === null)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('give each its own worth where worths add up, and halve what two make together', () => {
    const plan = planShapley(3, 1, 'x');
    const own = [1, -2, 0.5];
    const together = (mask: number) =>
      own.reduce((sum, w, p) => sum + (mask & (1 << p) ? w : 0), (mask & 3) === 3 ? 4 : 0);
    expect(shapleyValues(plan, together).values).toEqual([3, 0, 0.5]);
  });
});

describe('sampled Shapley values', () => {
  const players = EXACT_PLAYERS + 2;

  it('still share out the whole, whatever the game', () => {
    fc.assert(
      fc.property(worths, (list) => {
        const game = gameOf(list);
        const plan = planShapley(players, 3, 'step');
        const { values } = shapleyValues(plan, game);
        const total = values.reduce((a, b) => a + b, 0);
        expect(total).toBeCloseTo(game((1 << players) - 1), 9);
      }),
      { numRuns: 30 },
    );
  });

  it('ask for every subset once, for each removal, and for the same ones every time', () => {
    const plan = planShapley(players, 3, 'step');
    expect(plan.method).toBe('sampled');
    expect(plan.orders).toHaveLength(SAMPLED_ORDERS);
    expect(new Set(plan.subsets).size).toBe(plan.subsets.length);
    const all = (1 << players) - 1;
    for (let p = 0; p < players; p++) expect(plan.subsets).toContain(all & ~(1 << p));
    expect(planShapley(players, 3, 'step')).toEqual(plan);
    expect(planShapley(players, 3, 'other')).not.toEqual(plan);
  });

  it('are near the exact ones, as near as their standard errors say', () => {
    // Pairs of neighbours make 1 together: each player shares in two pairs but the ends.
    const game = (mask: number) => {
      let n = 0;
      for (let p = 0; p + 1 < players; p++) if ((mask >> p) % 4 === 3) n++;
      return n;
    };
    const { standardErrors, values } = shapleyValues(planShapley(players, 5, 's'), game);
    values.forEach((v, p) => {
      const exact = p === 0 || p === players - 1 ? 0.5 : 1;
      // An order and its reverse make a pair's shares exact, so there is no error left.
      expect(v).toBeCloseTo(exact, 9);
      expect(standardErrors[p]).toBeCloseTo(0, 9);
    });
  });
});

it('refuses a number of players that has no plan', () => {
  for (const n of [0, 31, 1.5]) expect(() => planShapley(n, 1, 'x')).toThrow(RangeError);
});
