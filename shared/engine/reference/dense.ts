/** Linear layers in float64. M rows (batch), K input features, N outputs, as stored. */
import { linearSizes } from '../plan/ops-dense.ts';
import { numel } from '../plan/shape.ts';
import { finishBackward, finishForward } from './epilogue.ts';
import type { ReferenceOp } from './reference-call.ts';

interface Sizes {
  m: number;
  k: number;
  n: number;
}

/** y[m,n] = sum over k of x[m,k] weight[k,n]. */
export function linear(x: Float64Array, weight: Float64Array, y: Float64Array, s: Sizes): void {
  y.fill(0);
  for (let m = 0; m < s.m; m++) {
    for (let k = 0; k < s.k; k++) {
      const a = x[m * s.k + k]!;
      for (let n = 0; n < s.n; n++) y[m * s.n + n]! += a * weight[k * s.n + n]!;
    }
  }
}

/** dx[m,k] = sum over n of dy[m,n] weight[k,n]. */
export function linearGradInput(
  dy: Float64Array,
  weight: Float64Array,
  dx: Float64Array,
  s: Sizes,
): void {
  for (let m = 0; m < s.m; m++) {
    for (let k = 0; k < s.k; k++) {
      let sum = 0;
      for (let n = 0; n < s.n; n++) sum += dy[m * s.n + n]! * weight[k * s.n + n]!;
      dx[m * s.k + k] = sum;
    }
  }
}

/** dw[k,n] = sum over m of x[m,k] dy[m,n]; db[n] = sum over m of dy[m,n]. */
export function linearGradWeight(
  x: Float64Array,
  dy: Float64Array,
  dw: Float64Array,
  db: Float64Array | null,
  s: Sizes,
): void {
  dw.fill(0);
  db?.fill(0);
  for (let m = 0; m < s.m; m++) {
    for (let k = 0; k < s.k; k++) {
      const a = x[m * s.k + k]!;
      for (let n = 0; n < s.n; n++) dw[k * s.n + n]! += a * dy[m * s.n + n]!;
    }
    if (db) for (let n = 0; n < s.n; n++) db[n]! += dy[m * s.n + n]!;
  }
}

export const denseReference: Record<string, ReferenceOp> = {
  linear(call) {
    const [x, weight] = call.dispatch.inputs;
    const sizes = linearSizes(x!, weight!);
    linear(call.input(0), call.input(1), call.output(0), sizes);
    finishForward(call, weight!.shape.at(-1)!, sizes.n);
  },
  linear_grad_input(call) {
    const [dy, weight] = call.dispatch.inputs;
    linearGradInput(call.input(0), call.input(1), call.output(0), linearSizes(dy!, weight!));
    finishBackward(call);
  },
  linear_grad_weight(call) {
    const [x, dy] = call.dispatch.inputs;
    const sizes = { m: x!.padded[0]!, k: numel(x!.padded.slice(1)), n: dy!.padded[1]! };
    const db = call.dispatch.outputs.length > 1 ? call.output(1) : null;
    linearGradWeight(call.input(0), call.input(1), call.output(0), db, sizes);
  },
};
