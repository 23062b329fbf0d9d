/** Sums of step metrics between two looks of the controller, and what they mean. */
import type { IntervalSums } from './checkpoint.ts';
import type { StepMetrics } from './network-runtime.ts';

export function emptySums(replicas: number): IntervalSums {
  const zeros = () => new Array<number>(replicas).fill(0);
  return { steps: 0, loss: zeros(), correct: zeros(), count: zeros() };
}

export function addSums(sums: IntervalSums, metrics: readonly StepMetrics[]): void {
  for (const m of metrics) {
    sums.steps++;
    m.loss.forEach((l, r) => {
      sums.loss[r]! += l;
      sums.correct[r]! += m.correct[r]!;
      sums.count[r]! += m.count[r]!;
    });
  }
}

export function meansOf(sums: IntervalSums): { loss: number[]; accuracy: number[] } {
  return {
    loss: sums.loss.map((l) => l / sums.steps),
    accuracy: sums.correct.map((c, r) => c / sums.count[r]!),
  };
}

export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** Null for NaN and infinities: they are no measurement. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
