/**
 * Tests of paired differences: one number a seed, growth minus control. All are two-sided unless
 * they say otherwise, take at least two differences and never throw on ties, zeros or no spread.
 */
import { normalCdf, studentCdf, studentQuantile } from './distributions.ts';

export interface PairedSummary {
  n: number;
  mean: number;
  /** Sample standard deviation of the differences. */
  sd: number;
}

export function summarise(differences: readonly number[]): PairedSummary {
  const n = differences.length;
  if (n < 2) throw new RangeError(`Cannot test ${n} differences: at least two are needed`);
  const mean = differences.reduce((a, b) => a + b, 0) / n;
  const squares = differences.reduce((a, b) => a + (b - mean) ** 2, 0);
  return { n, mean, sd: Math.sqrt(squares / (n - 1)) };
}

/** Paired t test. With no spread at all: p is 1 for differences of zero and 0 otherwise. */
export function pairedT(differences: readonly number[]): { t: number; df: number; p: number } {
  const { mean, n, sd } = summarise(differences);
  const df = n - 1;
  const t = mean === 0 ? 0 : mean / (sd / Math.sqrt(n));
  return { t, df, p: Math.min(1, 2 * studentCdf(-Math.abs(t), df)) };
}

/** Largest number of pairs for which the signed-rank distribution is counted out exactly. */
const EXACT_PAIRS = 200;

export interface SignedRank {
  /** Sum of the ranks of positive differences; equal sizes share their mean rank. */
  wPlus: number;
  wMinus: number;
  /** Differences that are not zero. */
  n: number;
  p: number;
}

/**
 * Wilcoxon's signed-rank test. Zero differences rank with the others and are then left out; the
 * distribution is exact given the ranks, ties included, up to 200 pairs.
 *
 * Source: Wilcoxon 1945, "Individual comparisons by ranking methods"; Pratt 1959 for zeros.
 */
export function signedRank(differences: readonly number[]): SignedRank {
  const ranks = doubledRanks(differences.map(Math.abs));
  let plus = 0;
  let minus = 0;
  const kept: number[] = [];
  differences.forEach((d, i) => {
    if (d === 0) return;
    kept.push(ranks[i]!);
    if (d > 0) plus += ranks[i]!;
    else minus += ranks[i]!;
  });
  const p = kept.length === 0 ? 1 : tailOf(kept, Math.min(plus, minus));
  return { wPlus: plus / 2, wMinus: minus / 2, n: kept.length, p };
}

/** Twice the mean rank of each size, so that shared ranks stay whole. */
function doubledRanks(sizes: readonly number[]): number[] {
  const order = sizes.map((_, i) => i).sort((a, b) => sizes[a]! - sizes[b]!);
  const ranks = new Array<number>(sizes.length);
  for (let first = 0; first < order.length; ) {
    let end = first + 1;
    while (end < order.length && sizes[order[end]!] === sizes[order[first]!]) end++;
    for (let i = first; i < end; i++) ranks[order[i]!] = first + 1 + end;
    first = end;
  }
  return ranks;
}

/** Twice the chance that a sum of randomly signed ranks is at most `small`. */
function tailOf(ranks: readonly number[], small: number): number {
  const total = ranks.reduce((a, b) => a + b, 0);
  if (ranks.length > EXACT_PAIRS) {
    const sd = Math.sqrt(ranks.reduce((a, r) => a + r * r, 0)) / 2;
    // One doubled rank unit is the step of the distribution: half of it is the correction.
    return Math.min(1, 2 * normalCdf((small + 1 - total / 2) / sd));
  }
  let chance = new Float64Array(total + 1);
  chance[0] = 1;
  for (const rank of ranks) {
    const next = new Float64Array(total + 1);
    for (let s = 0; s <= total; s++) {
      next[s] = (chance[s]! + (s >= rank ? chance[s - rank]! : 0)) / 2;
    }
    chance = next;
  }
  let p = 0;
  for (let s = 0; s <= small; s++) p += chance[s]!;
  return Math.min(1, 2 * p);
}

/** Smallest p that the signed-rank test can give for n pairs. */
export function smallestSignedRankP(n: number): number {
  return Math.min(1, 2 ** (1 - n));
}

/**
 * Two one-sided t tests of equivalence: p is small when the mean difference is shown to lie within
 * (-margin, margin).
 *
 * Source: Schuirmann 1987.
 */
export function equivalence(differences: readonly number[], margin: number): { p: number } {
  const { mean, n, sd } = summarise(differences);
  const df = n - 1;
  const error = sd / Math.sqrt(n);
  const tOf = (distance: number) => (distance === 0 ? 0 : distance / error);
  const pLow = studentCdf(-tOf(mean + margin), df);
  const pHigh = studentCdf(tOf(mean - margin), df);
  return { p: Math.max(pLow, pHigh) };
}

/** Standardised paired difference, mean / sd, with Hedges' small-sample factor; null without spread. */
export function effectSize(differences: readonly number[]): number | null {
  const { mean, n, sd } = summarise(differences);
  if (sd === 0) return null;
  const factor = n > 2 ? 1 - 3 / (4 * (n - 1) - 1) : 1;
  return (mean / sd) * factor;
}

/** Share of favourable minus unfavourable rank sums, in [-1, 1]. Source: Kerby 2014. */
export function rankBiserial({ wMinus, wPlus }: SignedRank): number {
  return wPlus + wMinus === 0 ? 0 : (wPlus - wMinus) / (wPlus + wMinus);
}

/** Mean difference that a two-sided paired t test at `alpha` finds with chance `power`. */
export function minimalDetectableEffect(
  differences: readonly number[],
  alpha: number,
  power = 0.8,
): number {
  const { n, sd } = summarise(differences);
  const df = n - 1;
  return ((studentQuantile(1 - alpha / 2, df) + studentQuantile(power, df)) * sd) / Math.sqrt(n);
}

/** p values adjusted for their number, in the order given. Source: Holm 1979. */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((_, i) => i).sort((a, b) => pValues[a]! - pValues[b]!);
  const adjusted = new Array<number>(pValues.length);
  let least = 0;
  order.forEach((at, rank) => {
    least = Math.max(least, Math.min(1, (pValues.length - rank) * pValues[at]!));
    adjusted[at] = least;
  });
  return adjusted;
}
