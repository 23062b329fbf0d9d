/**
 * The numeric class of a plan: in which format the operands of its products are multiplied. A class
 * is part of a run's definition and decides its bits, so it is asked for in the experiment and no
 * tuner changes it. Whatever the class, sums, activations, parameters, gradients and moments are
 * float32.
 */
import { type Backend, preparedBy } from './backend.ts';
import type { Plan } from './plan.ts';

/**
 * `f32`: operands as they are stored. `f16-multiply`: both operands of every product of a Linear layer
 * or a convolution, forward and backward, are rounded to the nearest float16 first. A product of two
 * such numbers is exact in float32.
 */
export type Numerics = 'f32' | 'f16-multiply';

/** The device feature that `f16-multiply` needs. */
export const F16_FEATURE = 'shader-f16';

/**
 * Gradients with respect to outputs are multiplied by this before they are rounded to float16 and
 * divided by it after: means over a batch are so small that float16 would round them to zero. A power
 * of two, so that nothing else is rounded. What is rounded this way is at most 65504 / 1024, about 64,
 * and loses precision below 2^-24, about 6e-8.
 */
export const GRADIENT_SCALE = 1024;

/** What an operand is: a value (activation, weight), or a gradient, which is rounded at a scale. */
export type OperandKind = 'value' | 'gradient';

/** Ops with products, and what their first two inputs are. */
const PRODUCTS: Readonly<Record<string, readonly [OperandKind, OperandKind]>> = {
  linear: ['value', 'value'],
  linear_cross_entropy: ['value', 'value'],
  linear_grad_input: ['gradient', 'value'],
  linear_grad_weight: ['value', 'gradient'],
  conv2d: ['value', 'value'],
  conv2d_grad_input: ['gradient', 'value'],
  conv2d_grad_weight: ['value', 'gradient'],
};

/** Operands of an op that the numeric class is about; null: it has none. */
export function operandsOf(op: string): readonly [OperandKind, OperandKind] | null {
  return PRODUCTS[op] ?? null;
}

/** Whether a dispatch rounds its operands to float16. */
export function isHalf(dispatch: Plan['dispatches'][number]): boolean {
  return dispatch.attrs['numerics'] === 'f16-multiply';
}

/** The plan in a numeric class: its products are marked, everything else is the same. */
export function planIn(plan: Plan, numerics: Numerics): Plan {
  if (numerics === 'f32') return plan;
  const dispatches = plan.dispatches.map((d) =>
    operandsOf(d.op) ? { ...d, attrs: { ...d.attrs, numerics } } : d,
  );
  return { ...plan, dispatches };
}

/** The backend, with every plan prepared in a numeric class; for `f32` the backend itself. */
export function backendIn(backend: Backend, numerics: Numerics): Backend {
  if (numerics === 'f32') return backend;
  return preparedBy(backend, (plan, bindings) => backend.prepare(planIn(plan, numerics), bindings));
}
