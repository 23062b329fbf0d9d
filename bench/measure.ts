/** Times of work that is submitted many times and waited for once. */

export interface Timed {
  /** Runs `n` iterations; resolves when all of them are done. */
  run(n: number): Promise<void>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

const MAX_ITERATIONS = 4096;

/** Iterations of one sample, so that it takes at least `minMs`. */
export async function iterationsFor(work: Timed, minMs: number): Promise<number> {
  await work.run(1);
  let n = 1;
  let elapsed = await millisecondsOf(work, n);
  while (elapsed < minMs && n < MAX_ITERATIONS) {
    const wanted = Math.ceil((n * minMs * 1.2) / Math.max(elapsed, 0.01));
    n = Math.min(MAX_ITERATIONS, Math.max(n + 1, Math.min(8 * n, wanted)));
    elapsed = await millisecondsOf(work, n);
  }
  return n;
}

async function millisecondsOf(work: Timed, n: number): Promise<number> {
  const start = performance.now();
  await work.run(n);
  return performance.now() - start;
}

/**
 * Milliseconds per iteration of each work: sample after sample in turn, so that a machine that
 * slows down slows all of them down.
 *
 * @param alike The works are expected to take the same time: give all of them the same number of
 *   iterations, so that the cost of the wait at the end does not tell them apart.
 * @returns By work, by sample.
 */
export async function interleaved(
  works: readonly Timed[],
  samples: number,
  minMs: number,
  alike = false,
): Promise<number[][]> {
  const counts: number[] = [];
  for (const work of works) counts.push(await iterationsFor(work, minMs));
  if (alike) counts.fill(Math.max(...counts));
  const times: number[][] = works.map(() => []);
  for (let s = 0; s < samples; s++) {
    for (let k = 0; k < works.length; k++) {
      // Every other round backwards: who comes second is not always the same.
      const i = s % 2 === 0 ? k : works.length - 1 - k;
      times[i]!.push((await millisecondsOf(works[i]!, counts[i]!)) / counts[i]!);
    }
  }
  return times;
}

/**
 * Median of the paired ratios `a / b` and its 95 % confidence interval by order statistics, which
 * assumes nothing of how times are distributed.
 */
export function pairedRatio(a: readonly number[], b: readonly number[]) {
  const ratios = a.map((v, i) => v / b[i]!).sort((p, q) => p - q);
  const n = ratios.length;
  // The number of samples below the median is binomial(n, 1/2).
  const reach = 0.98 * Math.sqrt(n);
  const at = (rank: number) => ratios[Math.min(n - 1, Math.max(0, rank))]!;
  return {
    ratio: median(ratios),
    low: at(Math.floor(n / 2 - reach)),
    high: at(Math.ceil(n / 2 + reach) - 1),
  };
}
