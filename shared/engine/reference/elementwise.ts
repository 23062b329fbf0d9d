/** Elementwise ops and the blending of seeds, in float64. Definitions: docs/numerics.md. */
import { philox, unitFloat } from '../../base/random.ts';
import { CONTROL } from '../kernels/control.ts';
import { numberAttr, stringAttr } from '../plan/op-definition.ts';
import { LANES } from '../plan/shape.ts';
import { activate, activationSlope, sigmoid } from './activation.ts';
import { blendValue } from './epilogue.ts';
import { alphaOf, type ReferenceCall, type ReferenceOp } from './reference-call.ts';

/** Writes f(i) to every element of output 0, padding included. */
function map(call: ReferenceCall, f: (i: number) => number): void {
  const y = call.output(0);
  for (let i = 0; i < y.length; i++) y[i] = f(i);
}

/** As {@link map}, and zero where the last axis is padding: for functions with f(0) != 0. */
function mapColumns(call: ReferenceCall, f: (i: number) => number): void {
  const { shape, padded } = call.dispatch.outputs[0]!;
  const [columns, stored] = [shape.at(-1)!, padded.at(-1)!];
  map(call, (i) => (i % stored < columns ? f(i) : 0));
}

/** Elements of one sample: the gate's logit of sample i / size stands at LANES * (i / size). */
function sampleSize(call: ReferenceCall, input: number): number {
  const t = call.dispatch.inputs[input]!;
  return t.elements / t.padded[0]!;
}

/**
 * 1 / (1 - rate) where an element is kept and 0 where it is dropped; the mask is one Philox block
 * per four elements, so it needs no memory.
 */
function dropoutFactors(call: ReferenceCall, control: Float64Array): (i: number) => number {
  const { attrs } = call.dispatch;
  const rate = numberAttr(attrs, 'rate');
  const seed = control[CONTROL.seeds + call.replica]!;
  const key = [seed, numberAttr(attrs, 'stream')] as const;
  const step = control[CONTROL.step]!;
  return (i) => {
    const words = philox([Math.floor(i / LANES), step, 0, 0], key);
    return unitFloat(words[(i % LANES) as 0 | 1 | 2 | 3]) >= rate ? 1 / (1 - rate) : 0;
  };
}

export const elementwiseReference: Record<string, ReferenceOp> = {
  activation(call) {
    const x = call.input(0);
    const kind = stringAttr(call.dispatch.attrs, 'kind');
    mapColumns(call, (i) => activate(kind, x[i]!));
  },
  activation_grad(call) {
    const [dy, saved] = [call.input(0), call.input(1)];
    const kind = stringAttr(call.dispatch.attrs, 'kind');
    map(call, (i) => dy[i]! * activationSlope(kind, saved[i]!));
  },
  add(call) {
    const [a, b] = [call.input(0), call.input(1)];
    map(call, (i) => a[i]! + b[i]!);
  },
  scale(call) {
    const x = call.input(0);
    const factor = numberAttr(call.dispatch.attrs, 'factor');
    map(call, (i) => factor * x[i]!);
  },
  dropout(call) {
    const x = call.input(0);
    const factor = dropoutFactors(call, call.buffer(call.dispatch.inputs[1]!));
    // Dropped, not multiplied by zero: 0 * Inf would be NaN.
    map(call, (i) => {
      const f = factor(i);
      return f === 0 ? 0 : x[i]! * f;
    });
  },
  blend(call) {
    const [z, s] = [call.input(0), call.input(1)];
    const mode = stringAttr(call.dispatch.attrs, 'mode');
    const alpha = alphaOf(call, 2);
    if (mode !== 'gate') return map(call, (i) => blendValue(mode, z[i]!, s[i]!, alpha));
    const gate = call.input(3);
    const size = sampleSize(call, 0);
    map(call, (i) =>
      alpha === 0 ? z[i]! : z[i]! + alpha * sigmoid(gate[LANES * Math.floor(i / size)]!) * s[i]!,
    );
  },
  scale_alpha(call) {
    const x = call.input(0);
    const alpha = alphaOf(call, 1);
    const factor = call.dispatch.attrs['complement'] ? 1 - alpha : alpha;
    map(call, (i) => (factor === 0 ? 0 : factor * x[i]!));
  },
  blend_grad_seed(call) {
    const [dy, z, s] = [call.input(0), call.input(1), call.input(2)];
    const alpha = alphaOf(call, 3);
    if (alpha === 0) return map(call, () => 0);
    if (stringAttr(call.dispatch.attrs, 'mode') === 'multiply') {
      return map(call, (i) => dy[i]! * alpha * z[i]! * (1 - Math.tanh(s[i]!) ** 2));
    }
    const gate = call.input(4);
    const size = sampleSize(call, 2);
    map(call, (i) => dy[i]! * alpha * sigmoid(gate[LANES * Math.floor(i / size)]!));
  },
  blend_grad_host(call) {
    const [dy, s] = [call.input(0), call.input(1)];
    const alpha = alphaOf(call, 2);
    map(call, (i) => (alpha === 0 ? dy[i]! : dy[i]! * (1 + alpha * Math.tanh(s[i]!))));
  },
  blend_grad_gate(call) {
    const [dy, s, gate] = [call.input(0), call.input(1), call.input(3)];
    const alpha = alphaOf(call, 2);
    const dGate = call.output(0);
    const size = sampleSize(call, 0);
    dGate.fill(0);
    if (alpha === 0) return;
    for (let at = 0; at < dGate.length; at += LANES) {
      let sum = 0;
      const start = (at / LANES) * size;
      for (let i = start; i < start + size; i++) sum += dy[i]! * s[i]!;
      const g = sigmoid(gate[at]!);
      dGate[at] = sum * alpha * g * (1 - g);
    }
  },
  guard(call) {
    const x = call.input(0);
    const alpha = alphaOf(call, 1);
    map(call, (i) => (alpha === 0 ? 0 : x[i]!));
  },
};
