/**
 * Shapley values of a few players from the value of their subsets: how much each brings, averaged
 * over all orders in which they could have come. Up to {@link EXACT_PLAYERS} all subsets are asked
 * for; above, the subsets along sampled orders, drawn from a counter-based stream.
 *
 * Source: Shapley 1953, "A value for n-person games"; sampling: Castro et al. 2009.
 */
import { RandomStream } from '../base/random.ts';

/** Most players for whom all 2^n subsets are evaluated. */
export const EXACT_PLAYERS = 6;
/** Orders sampled where there are more. */
export const SAMPLED_ORDERS = 16;

export interface ShapleyPlan {
  players: number;
  method: 'exact' | 'sampled';
  /** Subsets to evaluate, as bit masks over the players, each once; the empty one is first. */
  subsets: number[];
  /** Orders in which players are added; empty when exact. */
  orders: number[][];
}

export interface ShapleyValues {
  values: number[];
  /** Standard error of each value; null when exact. */
  standardErrors: (number | null)[];
}

/**
 * @param seed With `name`, what the sampled orders follow from.
 * @throws {RangeError} For fewer than 1 or more than 30 players.
 */
export function planShapley(players: number, seed: number, name: string): ShapleyPlan {
  if (!Number.isInteger(players) || players < 1 || players > 30) {
    throw new RangeError(`Cannot share a value among ${players} players: there must be 1 to 30`);
  }
  if (players <= EXACT_PLAYERS) {
    const subsets = Array.from({ length: 2 ** players }, (_, mask) => mask);
    return { players, method: 'exact', subsets, orders: [] };
  }
  const random = new RandomStream(seed, `shapley/${name}`);
  const orders: number[][] = [];
  for (let i = 0; i < SAMPLED_ORDERS; i += 2) {
    const order = random.shuffle(Array.from({ length: players }, (_, p) => p));
    // An order and its reverse: what interactions add to one they take from the other.
    orders.push(order, [...order].reverse());
  }
  const all = (1 << players) - 1;
  // Each player's removal from the whole is asked for too, beside the prefixes of the orders.
  const masks = new Set<number>([0, all]);
  for (let p = 0; p < players; p++) masks.add(all & ~(1 << p));
  for (const order of orders) {
    let mask = 0;
    for (const p of order) {
      mask |= 1 << p;
      masks.add(mask);
    }
  }
  return { players, method: 'sampled', subsets: [...masks].sort((a, b) => a - b), orders };
}

/** @param worthOf Value of each subset of the plan, by mask. */
export function shapleyValues(plan: ShapleyPlan, worthOf: (mask: number) => number): ShapleyValues {
  return plan.method === 'exact'
    ? exactValues(plan.players, worthOf)
    : sampledValues(plan, worthOf);
}

function exactValues(players: number, worthOf: (mask: number) => number): ShapleyValues {
  const values = new Array<number>(players).fill(0);
  // Weight of a subset of size s without the player: s! (n - s - 1)! / n!.
  const weights = Array.from(
    { length: players },
    (_, s) => 1 / (players * binomial(players - 1, s)),
  );
  for (let mask = 0; mask < 2 ** players; mask++) {
    const size = countBits(mask);
    for (let p = 0; p < players; p++) {
      if (mask & (1 << p)) continue;
      values[p]! += weights[size]! * (worthOf(mask | (1 << p)) - worthOf(mask));
    }
  }
  return { values, standardErrors: values.map(() => null) };
}

function sampledValues(plan: ShapleyPlan, worthOf: (mask: number) => number): ShapleyValues {
  const { orders, players } = plan;
  const sums = new Array<number>(players).fill(0);
  const squares = new Array<number>(players).fill(0);
  const pairs = orders.length / 2;
  for (let i = 0; i < pairs; i++) {
    const gains = new Array<number>(players).fill(0);
    for (const order of [orders[2 * i]!, orders[2 * i + 1]!]) {
      let mask = 0;
      for (const p of order) {
        const before = worthOf(mask);
        mask |= 1 << p;
        gains[p]! += (worthOf(mask) - before) / 2;
      }
    }
    gains.forEach((gain, p) => {
      sums[p]! += gain;
      squares[p]! += gain * gain;
    });
  }
  const values = sums.map((sum) => sum / pairs);
  const standardErrors = squares.map((square, p) => {
    const variance = Math.max(0, square / pairs - values[p]! ** 2);
    return Math.sqrt(variance / (pairs - 1));
  });
  return { values, standardErrors };
}

function binomial(n: number, k: number): number {
  let result = 1;
  for (let i = 1; i <= k; i++) result = (result * (n - k + i)) / i;
  return result;
}

function countBits(mask: number): number {
  let n = 0;
  for (let m = mask; m !== 0; m &= m - 1) n++;
  return n;
}
