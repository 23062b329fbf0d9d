/**
 * What follows the sum in a linear or convolution dispatch after fusion: bias, blend of a seed,
 * activation; and in their input gradients the activation's slope. See engine/plan/fusion.ts.
 */
import { activate, activationSlope } from './activation.ts';
import { alphaOf, type ReferenceCall } from './reference-call.ts';

/**
 * z joined by a seed's output s. Exactly z at alpha = 0, whatever s holds: 0 * NaN is NaN, and a
 * seed that diverged on its own must not reach the host.
 */
export function blendValue(mode: string, z: number, s: number, alpha: number): number {
  if (alpha === 0) return z;
  if (mode === 'add') return z + alpha * s;
  if (mode === 'replace') return z + alpha * (s - z);
  if (mode === 'multiply') return z * (1 + alpha * Math.tanh(s));
  throw new RangeError(`Cannot find blend mode "${mode}"`);
}

/**
 * Finishes output 0, which holds the bare sums: rows of `padded` numbers of which the first
 * `columns` are real; the rest becomes zero. Bias, host and control are the inputs from `next` on.
 */
export function finishForward(
  call: ReferenceCall,
  columns: number,
  padded: number,
  next = 2,
): void {
  const { attrs } = call.dispatch;
  const y = call.output(0);
  const bias = attrs['bias'] ? call.input(next) : null;
  const hostAt = next + (bias ? 1 : 0);
  const mode = attrs['blend'] === undefined ? null : String(attrs['blend']);
  const host = mode === null ? null : call.input(hostAt);
  const alpha = mode === null ? 0 : alphaOf(call, hostAt + 1);
  const kind = String(attrs['activation'] ?? 'none');
  for (let row = 0; row < y.length; row += padded) {
    for (let n = 0; n < columns; n++) {
      let v = y[row + n]!;
      if (bias) v += bias[n]!;
      if (mode !== null && host) v = blendValue(mode, host[row + n]!, v, alpha);
      y[row + n] = activate(kind, v);
    }
    // A NaN in x times the padding's zero weights is not zero.
    y.fill(0, row + columns, row + padded);
  }
}

/** Multiplies output 0 by the activation's slope at an input, where the dispatch has one. */
export function finishBackward(call: ReferenceCall, input = 2): void {
  const mask = call.dispatch.attrs['mask'];
  if (mask === undefined) return;
  const dx = call.output(0);
  const saved = call.input(input);
  for (let i = 0; i < dx.length; i++) dx[i] = dx[i]! * activationSlope(String(mask), saved[i]!);
}
