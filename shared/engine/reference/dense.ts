/** Linear layers in float64. M rows (batch), K input features, N outputs, as stored. */
import { linearSizes } from '../plan/ops-dense.ts';
import { numel } from '../plan/shape.ts';
import { partsOf } from '../plan/split-sums.ts';
import { finishBackward, finishForward } from './epilogue.ts';
import type { ReferenceCall, ReferenceOp } from './reference-call.ts';

interface Sizes {
  m: number;
  k: number;
  n: number;
}

/** First step of a sum, and the one after its last. */
type Steps = readonly [number, number];

/** y[m,n] = sum over k of x[m,k] weight[k,n], all of them or those of some steps. */
export function linear(
  x: Float64Array,
  weight: Float64Array,
  y: Float64Array,
  s: Sizes,
  [first, last]: Steps = [0, s.k],
): void {
  y.fill(0);
  for (let m = 0; m < s.m; m++) {
    for (let k = first; k < last; k++) {
      const a = x[m * s.k + k]!;
      for (let n = 0; n < s.n; n++) y[m * s.n + n]! += a * weight[k * s.n + n]!;
    }
  }
}

/** dx[m,k] = sum over n of dy[m,n] weight[k,n], all of them or those of some steps. */
export function linearGradInput(
  dy: Float64Array,
  weight: Float64Array,
  dx: Float64Array,
  s: Sizes,
  [first, last]: Steps = [0, s.n],
): void {
  for (let m = 0; m < s.m; m++) {
    for (let k = 0; k < s.k; k++) {
      let sum = 0;
      for (let n = first; n < last; n++) sum += dy[m * s.n + n]! * weight[k * s.n + n]!;
      dx[m * s.k + k] = sum;
    }
  }
}

/** dw[k,n] = sum over m of x[m,k] dy[m,n]; db[n] = sum over m of dy[m,n]; all rows or some. */
export function linearGradWeight(
  x: Float64Array,
  dy: Float64Array,
  dw: Float64Array,
  db: Float64Array | null,
  s: Sizes,
  [first, last]: Steps = [0, s.m],
): void {
  dw.fill(0);
  db?.fill(0);
  for (let m = first; m < last; m++) {
    for (let k = 0; k < s.k; k++) {
      const a = x[m * s.k + k]!;
      for (let n = 0; n < s.n; n++) dw[k * s.n + n]! += a * dy[m * s.n + n]!;
    }
    if (db) for (let n = 0; n < s.n; n++) db[n]! += dy[m * s.n + n]!;
  }
}

/**
 * Runs `sum` for every part of the sums, each with a piece of the output that is as long as the others'.
 *
 * @param length Steps of a whole sum, `lanes` numbers in each.
 */
function eachPart(
  call: ReferenceCall,
  length: number,
  lanes: number,
  sum: (piece: Float64Array, steps: Steps) => void,
): void {
  const { parts, chunk } = partsOf(call.dispatch.attrs, length / lanes);
  const all = call.output(0);
  const size = all.length / parts;
  for (let p = 0; p < parts; p++) {
    const steps = [p * chunk * lanes, Math.min((p + 1) * chunk * lanes, length)] as const;
    sum(all.subarray(p * size, (p + 1) * size), steps);
  }
}

export const denseReference: Record<string, ReferenceOp> = {
  linear(call) {
    const [x, weight] = call.dispatch.inputs;
    const sizes = linearSizes(x!, weight!);
    eachPart(call, sizes.k, 4, (y, steps) => linear(call.input(0), call.input(1), y, sizes, steps));
    finishForward(call, weight!.shape.at(-1)!, sizes.n);
  },
  linear_grad_input(call) {
    const [dy, weight] = call.dispatch.inputs;
    const sizes = linearSizes(dy!, weight!);
    eachPart(call, sizes.n, 4, (dx, steps) =>
      linearGradInput(call.input(0), call.input(1), dx, sizes, steps),
    );
    finishBackward(call);
  },
  linear_grad_weight(call) {
    const [x, dy] = call.dispatch.inputs;
    const sizes = { m: x!.padded[0]!, k: numel(x!.padded.slice(1)), n: dy!.padded[1]! };
    if (call.dispatch.attrs['parts'] === undefined) {
      const db = call.dispatch.outputs.length > 1 ? call.output(1) : null;
      linearGradWeight(call.input(0), call.input(1), call.output(0), db, sizes);
      return;
    }
    // The last row of a part is the bias gradient.
    const weights = sizes.k * sizes.n;
    eachPart(call, sizes.m, 1, (part, steps) => {
      const [dw, db] = [part.subarray(0, weights), part.subarray(weights)];
      linearGradWeight(call.input(0), call.input(1), dw, db, sizes, steps);
    });
  },
  sum_parts(call) {
    const [partial, y] = [call.input(0), call.output(0)];
    y.fill(0);
    for (let i = 0; i < partial.length; i++) y[i % y.length]! += partial[i]!;
    const { shape, padded } = call.dispatch.outputs[0]!;
    // Only a forward product says whether it has a bias.
    if ('bias' in call.dispatch.attrs) finishForward(call, shape.at(-1)!, padded.at(-1)!, 1);
    else finishBackward(call, 1);
  },
};
