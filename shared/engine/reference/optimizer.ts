/**
 * Optimizers and the gradient norm in float64.
 *
 * Parameters and moments are rounded to float32 when they are stored: they are the state that a
 * checkpoint holds, so a resumed run continues with the very same numbers.
 */
import { CONTROL } from '../kernels/control.ts';
import { numberAttr, stringAttr } from '../plan/op-definition.ts';
import { LANES, roundUp, SLICE_ALIGNMENT } from '../plan/shape.ts';
import { finishStep, metricsOf } from './metrics.ts';
import { type ReferenceCall, type ReferenceOp, scheduleValue } from './reference-call.ts';

/** Added to the norm before the clip factor is formed. */
const CLIP_EPSILON = 1e-6;

/** Numbers of one parameter group at one step. */
interface GroupSchedule {
  learningRate: number;
  /** 1 / (1 - beta1^age) and 1 / (1 - beta2^age). */
  correction1: number;
  correction2: number;
  weightDecay: number;
}

/** New value and new moments of parameter `i`, given its (clipped) gradient; stores nothing. */
type Update = (i: number, gradient: number, s: GroupSchedule) => readonly number[];

/**
 * Visits every vec4 of parameters. One whose gradient or result is not finite in float32 is left as
 * it is, moments included, and the first step where that happened is kept in the control buffer; so
 * is every one when the norm is not finite.
 *
 * @param moments How many moment arenas stand between the gradients and the groups.
 */
function optimize(call: ReferenceCall, moments: number, update: Update): void {
  const { attrs, inputs } = call.dispatch;
  const [parameters, gradients] = [call.input(0), call.input(1)];
  const groups = call.input(2 + moments);
  const control = call.buffer(inputs[3 + moments]!);
  const norm = inputs.length > 6 + moments ? call.input(6 + moments) : null;
  const clip = norm ? norm[1]! : 1;
  const measured = !norm || Number.isFinite(norm[0]!);
  const stored = [parameters, ...Array.from({ length: moments }, (_, k) => call.input(2 + k))];
  const noteFault = () => {
    if (control[CONTROL.fault] === 0) control[CONTROL.fault] = control[CONTROL.step]! + 1;
  };
  const firstGroup = roundUp(numberAttr(attrs, 'alphas'), LANES);
  for (let i = 0; i < parameters.length; i += LANES) {
    const lanes = [i, i + 1, i + 2, i + 3];
    if (!measured || !lanes.every((k) => Number.isFinite(gradients[k]!))) {
      noteFault();
      continue;
    }
    const column = firstGroup + LANES * groups[Math.floor(i / SLICE_ALIGNMENT)]!;
    const s = {
      learningRate: scheduleValue(call, control, column),
      correction1: scheduleValue(call, control, column + 1),
      correction2: scheduleValue(call, control, column + 2),
      weightDecay: scheduleValue(call, control, column + 3),
    };
    const results = lanes.map((k) => update(k, gradients[k]! * clip, s).map(Math.fround));
    if (!results.every((values) => values.every(Number.isFinite))) {
      noteFault();
      continue;
    }
    results.forEach((values, lane) => {
      values.forEach((value, k) => {
        stored[k]![i + lane] = value;
      });
    });
  }
  const row = metricsOf(call.input(4 + moments));
  if (norm) row[3] = norm[0]!;
  finishStep(call, control, call.buffer(inputs[5 + moments]!), row);
}

export const optimizerReference: Record<string, ReferenceOp> = {
  adam_update(call) {
    const { attrs } = call.dispatch;
    const [p, m, v] = [call.input(0), call.input(2), call.input(3)];
    const [beta1, beta2] = [numberAttr(attrs, 'beta1'), numberAttr(attrs, 'beta2')];
    const epsilon = numberAttr(attrs, 'epsilon');
    const decoupled = stringAttr(attrs, 'kind') === 'adamw';
    optimize(call, 2, (i, gradient, s) => {
      const g = decoupled ? gradient : gradient + s.weightDecay * p[i]!;
      const m1 = Math.fround(beta1 * m[i]! + (1 - beta1) * g);
      const m2 = Math.fround(beta2 * v[i]! + (1 - beta2) * g * g);
      const decayed = decoupled ? p[i]! - s.learningRate * s.weightDecay * p[i]! : p[i]!;
      const direction = (m1 * s.correction1) / (Math.sqrt(m2 * s.correction2) + epsilon);
      return [decayed - s.learningRate * direction, m1, m2];
    });
  },
  sgd_update(call) {
    const momentum = numberAttr(call.dispatch.attrs, 'momentum');
    const nesterov = call.dispatch.attrs['nesterov'] === true;
    const [p, m] = [call.input(0), call.input(2)];
    optimize(call, 1, (i, gradient, s) => {
      const g = gradient + s.weightDecay * p[i]!;
      const m1 = Math.fround(momentum * m[i]! + g);
      return [p[i]! - s.learningRate * (nesterov ? g + momentum * m1 : m1), m1];
    });
  },
  /** Sums of squares of consecutive, nearly equal parts of the gradients, or of the leading ones. */
  gradient_norm_partial(call) {
    const leading = call.dispatch.attrs['leading'];
    const g = call.input(0).subarray(0, typeof leading === 'number' ? leading : undefined);
    const partial = call.output(0);
    const length = Math.ceil(g.length / partial.length);
    partial.fill(0);
    for (let i = 0; i < g.length; i++) partial[Math.floor(i / length)]! += g[i]! * g[i]!;
  },
  /** Norm and clip factor; with row statistics as second input also the step's metrics row. */
  gradient_norm(call) {
    const clipNorm = numberAttr(call.dispatch.attrs, 'clipNorm');
    const norm = Math.sqrt(call.input(0).reduce((a, b) => a + b, 0));
    const factor = clipNorm > 0 ? Math.min(1, clipNorm / (norm + CLIP_EPSILON)) : 1;
    const rows = call.dispatch.inputs.length > 1 ? call.input(1) : null;
    call.output(0).set([norm, factor, 0, 0, ...(rows ? metricsOf(rows) : [])]);
  },
};
