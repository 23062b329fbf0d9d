/** Accuracy over compute, as one number. */
import type { ArmRun, CurvePoint } from '../contracts/verdict.ts';

/** All that a run is charged. */
export function totalFlops({ flops }: Pick<ArmRun, 'flops'>): number {
  return flops.training + flops.decisions;
}

/**
 * Mean accuracy over the compute from 0 to `budget`: (1 / budget) * integral of accuracy d(flops),
 * straight lines between evaluations. A run that spent less keeps its last accuracy; what a run did
 * beyond the budget does not count.
 *
 * @returns Null if an accuracy within the budget was not measured.
 */
export function areaOverCompute(curve: readonly CurvePoint[], budget: number): number | null {
  const points = curve.toSorted((a, b) => a.flops - b.flops);
  let area = 0;
  for (const [i, point] of points.entries()) {
    if (point.accuracy === null) return null;
    if (point.flops >= budget) break;
    const next = points[i + 1];
    const end = Math.min(next?.flops ?? budget, budget);
    if (!next || next.flops === point.flops) {
      if (!next) area += point.accuracy * (end - point.flops);
      continue;
    }
    if (next.accuracy === null) return null;
    const slope = (next.accuracy - point.accuracy) / (next.flops - point.flops);
    const atEnd = point.accuracy + slope * (end - point.flops);
    area += ((point.accuracy + atEnd) / 2) * (end - point.flops);
  }
  return points.length > 0 && budget > 0 ? area / budget : null;
}
