/**
 * What a chart draws of a long series: an exponential moving average and a decimation that keeps
 * every extreme. For display only; stored points are never changed.
 */

/**
 * Exponential moving average with bias correction (the first points are not pulled to zero), as in
 * Adam's moments. Points that are not finite stay gaps and do not enter the average.
 *
 * @param factor Weight of the past in [0, 1); 0 returns the values unchanged.
 */
export function smoothSeries(values: Float64Array, factor: number): Float64Array {
  const out = new Float64Array(values.length);
  let average = 0;
  let weight = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) {
      out[i] = Number.NaN;
      continue;
    }
    average = factor * average + (1 - factor) * value;
    weight = factor * weight + (1 - factor);
    out[i] = average / weight;
  }
  return out;
}

/** Indices `[from, to)` of the ascending `steps` inside `[min, max]`, one neighbour more each side. */
export function visibleRange(
  steps: Float64Array,
  min: number,
  max: number,
): { from: number; to: number } {
  const from = Math.max(0, lowerBound(steps, min) - 1);
  const to = Math.min(steps.length, lowerBound(steps, max) + 2);
  return { from, to: Math.max(from, to) };
}

/** First index whose value is at least `target`. */
export function lowerBound(values: Float64Array, target: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as number) < target) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Indices to draw so that the line of `values[from..to)` looks the same with at most about
 * `4 * buckets` points: of each bucket its first, last, lowest and highest, and a gap where the
 * bucket has one.
 *
 * @returns Ascending indices without duplicates; all of them when there are few.
 */
export function decimateIndices(
  values: Float64Array,
  from: number,
  to: number,
  buckets: number,
): number[] {
  const count = to - from;
  if (count <= buckets * 4) return Array.from({ length: Math.max(0, count) }, (_, i) => from + i);
  const picked: number[] = [];
  for (let bucket = 0; bucket < buckets; bucket++) {
    const start = from + Math.floor((bucket * count) / buckets);
    const end = from + Math.floor(((bucket + 1) * count) / buckets);
    let lowest = -1;
    let highest = -1;
    let gap = -1;
    for (let i = start; i < end; i++) {
      const value = values[i] as number;
      if (!Number.isFinite(value)) gap = i;
      else {
        if (lowest < 0 || value < (values[lowest] as number)) lowest = i;
        if (highest < 0 || value > (values[highest] as number)) highest = i;
      }
    }
    const indices = [start, lowest, highest, gap, end - 1].filter((i) => i >= 0);
    picked.push(...[...new Set(indices)].sort((a, b) => a - b));
  }
  return picked;
}

/** Lowest and highest finite value, or null when nothing was measured. */
export function finiteExtent(values: Iterable<number | null>): [number, number] | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value === null || !Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}
