/** Statistics of activations and gradients in float64. Definitions: docs/numerics.md. */
import { LANES } from '../plan/shape.ts';
import type { ReferenceOp } from './reference-call.ts';

/** At most this many rows of an activation are looked at; more are sampled at an even stride. */
export const SAMPLED_ROWS = 20_000;

/** Spread relative to the values that float32 cannot tell from rounding: it counts as none. */
const RESOLUTION = 2.4e-7;

export const healthReference: Record<string, ReferenceOp> = {
  /**
   * Rows of the output: per column of y mean, population variance, largest |y|, and the Pearson
   * correlation with the next column (0 for the last one and where a variance is 0).
   */
  activation_stats(call) {
    const y = call.input(0);
    const t = call.dispatch.inputs[0]!;
    const stats = call.output(0);
    const [columns, stored] = [t.shape.at(-1)!, t.padded.at(-1)!];
    const rows = y.length / stored;
    const stride = Math.ceil(rows / SAMPLED_ROWS) * stored;
    const count = Math.ceil(y.length / stride);
    const mean = (value: (row: number) => number): number => {
      let sum = 0;
      for (let at = 0; at < y.length; at += stride) sum += value(at);
      return sum / count;
    };
    stats.fill(0);
    for (let c = 0; c < columns; c++) {
      let largest = 0;
      for (let at = c; at < y.length; at += stride) largest = Math.max(largest, Math.abs(y[at]!));
      const mu = mean((row) => y[row + c]!);
      stats[c] = mu;
      const variance = mean((row) => (y[row + c]! - mu) ** 2);
      stats[stored + c] = variance <= (RESOLUTION * largest) ** 2 ? 0 : variance;
      stats[2 * stored + c] = largest;
    }
    for (let c = 0; c + 1 < columns; c++) {
      const [mu, next] = [stats[c]!, stats[c + 1]!];
      const spread = Math.sqrt(stats[stored + c]! * stats[stored + c + 1]!);
      const covariance = mean((row) => (y[row + c]! - mu) * (y[row + c + 1]! - next));
      stats[3 * stored + c] = spread === 0 ? 0 : covariance / spread;
    }
  },
  /** Per segment of the gradients: sum of squares, sum, count of non-finite numbers, 0. */
  gradient_stats(call) {
    const g = call.input(0);
    const segments = call.input(1);
    const words = call.dispatch.inputs[1]!.padded.at(-1)!;
    const stats = call.output(0);
    stats.fill(0);
    for (let s = 0; s < stats.length / LANES; s++) {
      const start = LANES * segments[words * s]!;
      const end = start + LANES * segments[words * s + 1]!;
      for (let i = start; i < end; i++) {
        const finite = Number.isFinite(g[i]!);
        stats[s * LANES]! += g[i]! * g[i]!;
        stats[s * LANES + 1]! += g[i]!;
        stats[s * LANES + 2]! += finite ? 0 : 1;
      }
    }
  },
};
