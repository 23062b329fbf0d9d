/** What the op table says of an op: the shapes it makes and the gradient nodes it needs. */
import type { Attributes, DType, Graph, Tensor, TensorRole } from './graph.ts';
import { formatShape } from './shape.ts';

export interface OutputSpec {
  shape: readonly number[];
  padded?: readonly number[];
  dtype?: DType;
  role?: TensorRole;
  /** The output shares the storage of this input; no dispatch is made. */
  aliasInput?: number;
}

export interface GradientContext {
  graph: Graph;
  attrs: Attributes;
  inputs: readonly Tensor[];
  outputs: readonly Tensor[];
  /** Gradients that reached the outputs; null where none did. */
  gradOutputs: readonly (Tensor | null)[];
  /** Which inputs lead to a parameter whose gradient is wanted. */
  needs: readonly boolean[];
}

export interface OpDefinition {
  /** @throws {RangeError} If the inputs do not fit. */
  infer(inputs: readonly Tensor[], attrs: Attributes): OutputSpec[];
  /** Gradient for each input, null where there is none. Absent: the op is not differentiable. */
  gradient?(context: GradientContext): (Tensor | null)[];
}

export function numberAttr(attrs: Attributes, key: string): number {
  const v = attrs[key];
  if (typeof v !== 'number') throw new TypeError(`Cannot read attribute "${key}": not a number`);
  return v;
}

export function stringAttr(attrs: Attributes, key: string): string {
  const v = attrs[key];
  if (typeof v !== 'string') throw new TypeError(`Cannot read attribute "${key}": not a string`);
  return v;
}

export function mismatch(op: string, reason: string, ...tensors: Tensor[]): RangeError {
  const list = tensors.map((t) => `"${t.name}" ${formatShape(t.shape)}`).join(' and ');
  return new RangeError(`Cannot apply ${op} to ${list}: ${reason}`);
}
