/**
 * Splits rows by seed, class by class, so that each class keeps its share in both parts. The same
 * seed, labels and fraction give the same split; both parts keep the rows' own order.
 */
import { RandomStream } from '../base/random.ts';

/** Ascending, disjoint row numbers that together are `rows`. */
export interface Split {
  kept: number[];
  heldOut: number[];
}

/**
 * Holds out a share of the rows. Of each class with two rows or more at least one is held out and
 * at least one kept; a class of one row stays in the kept part.
 *
 * @param rows Row numbers to divide, indices into `labels`.
 * @param fraction Share to hold out, in (0, 1).
 * @param purpose Names the random stream, for example `data/split/test`.
 */
export function splitRows(
  rows: readonly number[],
  labels: ArrayLike<number>,
  fraction: number,
  seed: number,
  purpose: string,
): Split {
  const wanted = (n: number) =>
    n < 2 ? 0 : Math.min(n - 1, Math.max(1, Math.round(n * fraction)));
  return divide(rows, labels, seed, purpose, wanted);
}

/** Chooses `count` (fewer than `rows.length`) of the rows, classes in proportion. Ascending. */
export function sampleRows(
  rows: readonly number[],
  labels: ArrayLike<number>,
  count: number,
  seed: number,
  purpose: string,
): number[] {
  const wanted = (n: number) => Math.floor((n * count) / rows.length);
  const { kept, heldOut } = divide(rows, labels, seed, purpose, wanted);
  // Rounding down by class leaves a few places over.
  const random = new RandomStream(seed, `${purpose}/rest`);
  const rest = random.shuffle(kept).slice(0, count - heldOut.length);
  return [...heldOut, ...rest].sort((a, b) => a - b);
}

function divide(
  rows: readonly number[],
  labels: ArrayLike<number>,
  seed: number,
  purpose: string,
  wanted: (classSize: number) => number,
): Split {
  const byClass = new Map<number, number[]>();
  for (const row of rows) {
    const label = labels[row]!;
    const members = byClass.get(label);
    if (members) members.push(row);
    else byClass.set(label, [row]);
  }
  const random = new RandomStream(seed, purpose);
  const heldOut: number[] = [];
  const ascending = [...byClass].sort(([a], [b]) => a - b);
  for (const [, members] of ascending) {
    // One by one: spread arguments overflow the stack on large classes.
    const chosen = random.shuffle(members).slice(0, wanted(members.length));
    for (const row of chosen) heldOut.push(row);
  }
  heldOut.sort((a, b) => a - b);
  const isHeldOut = new Set(heldOut);
  return { kept: rows.filter((row) => !isHeldOut.has(row)), heldOut };
}
