/**
 * Bootstrap interval of a mean difference. Resamples come from the counter-based generator, so the
 * same differences and seed give the same interval everywhere.
 */
import { RandomStream } from '../base/random.ts';
import { normalCdf, normalQuantile } from './distributions.ts';

export interface BootstrapOptions {
  /** Share of the interval, for example 0.95. */
  level?: number;
  resamples?: number;
  seed?: number;
  /**
   * Which differences belong together (runs that share a teacher or a base network), one label a
   * difference: clusters are resampled first, then differences within each. Absent: each is its own.
   */
  clusters?: readonly (string | number)[];
}

export interface Interval {
  low: number;
  high: number;
}

/**
 * Bias-corrected and accelerated interval of the mean.
 *
 * Source: Efron 1987, "Better bootstrap confidence intervals"; the two levels after Davison &
 * Hinkley 1997, section 3.8.
 */
export function bootstrapInterval(
  differences: readonly number[],
  options: BootstrapOptions = {},
): Interval {
  const { level = 0.95, resamples = 10_000, seed = 1 } = options;
  if (differences.length < 2) {
    throw new RangeError(`Cannot resample ${differences.length} differences: at least two needed`);
  }
  const groups = groupsOf(differences, options.clusters);
  const mean = meanOf(groups);
  const random = new RandomStream(seed, 'verdict/bootstrap');
  const draws = new Float64Array(resamples);
  for (let i = 0; i < resamples; i++) draws[i] = resampledMean(groups, random);
  draws.sort();
  const below = lowerBound(draws, mean);
  const equal = lowerBound(draws, mean, true) - below;
  const share = (below + equal / 2) / resamples;
  // No spread, or all draws on one side: nothing to correct by.
  const bias = share > 0 && share < 1 ? normalQuantile(share) : 0;
  const acceleration = accelerationOf(groups);
  const at = (p: number) => {
    const z = bias + normalQuantile(p);
    const corrected = normalCdf(bias + z / (1 - acceleration * z));
    return quantile(draws, corrected);
  };
  return { low: at((1 - level) / 2), high: at((1 + level) / 2) };
}

function groupsOf(
  differences: readonly number[],
  clusters: BootstrapOptions['clusters'],
): number[][] {
  if (!clusters) return differences.map((d) => [d]);
  if (clusters.length !== differences.length) {
    throw new RangeError(
      `Cannot resample ${differences.length} differences by ${clusters.length} cluster labels: one label each`,
    );
  }
  const groups = new Map<string | number, number[]>();
  differences.forEach((d, i) => {
    const label = clusters[i]!;
    const group = groups.get(label);
    if (group) group.push(d);
    else groups.set(label, [d]);
  });
  return [...groups.values()];
}

function meanOf(groups: readonly (readonly number[])[]): number {
  let sum = 0;
  let count = 0;
  for (const group of groups) {
    for (const d of group) sum += d;
    count += group.length;
  }
  return sum / count;
}

function resampledMean(groups: readonly (readonly number[])[], random: RandomStream): number {
  let sum = 0;
  let count = 0;
  for (let g = 0; g < groups.length; g++) {
    const group = groups[groups.length === 1 ? 0 : random.integer(groups.length)]!;
    for (let i = 0; i < group.length; i++) {
      sum += group[group.length === 1 ? 0 : random.integer(group.length)]!;
    }
    count += group.length;
  }
  return sum / count;
}

/** Skewness of the estimate, from leaving out one cluster at a time. */
function accelerationOf(groups: readonly (readonly number[])[]): number {
  if (groups.length < 2) return 0;
  const left = groups.map((_, skip) => meanOf(groups.filter((_g, i) => i !== skip)));
  const centre = left.reduce((a, b) => a + b, 0) / left.length;
  let cubes = 0;
  let squares = 0;
  for (const value of left) {
    cubes += (centre - value) ** 3;
    squares += (centre - value) ** 2;
  }
  return squares === 0 ? 0 : cubes / (6 * squares ** 1.5);
}

/** How many sorted values are below `value`, or with `through` at most it. */
function lowerBound(sorted: Float64Array, value: number, through = false): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const isBefore = through ? sorted[middle]! <= value : sorted[middle]! < value;
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  return low;
}

function quantile(sorted: Float64Array, p: number): number {
  const at = Math.min(sorted.length - 1, Math.max(0, p * (sorted.length - 1)));
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (at - below) * (sorted[above]! - sorted[below]!);
}
