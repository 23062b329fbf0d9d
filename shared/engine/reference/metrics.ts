/** The metrics table and the step counter at the end of a step. */
import { CONTROL } from '../kernels/control.ts';
import { LANES } from '../plan/shape.ts';
import type { ReferenceCall } from './reference-call.ts';

/** Numbers in a row of the row statistics: loss, correct, valid, 0. */
export const ROW = LANES;

/** Mean loss over the valid rows, correct rows, valid rows, 0, from a loss's row statistics. */
export function metricsOf(rows: Float64Array): [number, number, number, number] {
  let [loss, correct, valid] = [0, 0, 0];
  for (let i = 0; i < rows.length; i += ROW) {
    loss += rows[i]!;
    correct += rows[i + 1]!;
    valid += rows[i + 2]!;
  }
  return [loss / Math.max(valid, 1), correct, valid, 0];
}

/** Writes the metrics row of the current step and, once for all replicas, counts the step. */
export function finishStep(
  call: ReferenceCall,
  control: Float64Array,
  metrics: Float64Array,
  values: readonly number[],
): void {
  const step = control[CONTROL.step]!;
  const row = (step - control[CONTROL.chunkStart]!) * call.replicas + call.replica;
  metrics.set(values, row * LANES);
  if (call.replica === call.replicas - 1) control[CONTROL.next] = step + 1;
}
