/**
 * Floating-point operations of a plan, from the logical shapes of its dispatches: a multiply-add is
 * two, every other op counts the elements it writes. What padding, tiles and caches add is the
 * adapter's business and is not counted, so that the figure is the same everywhere.
 */
import type { Dispatch, Plan } from '../engine/plan/plan.ts';
import { numel } from '../engine/plan/shape.ts';

/** Of one parameter in one optimizer step, roughly: moments, bias correction, decay, update. */
const OPTIMIZER_FLOPS: Readonly<Record<string, number>> = { sgd_update: 6, adam_update: 14 };
const OPTIMIZERS = Object.keys(OPTIMIZER_FLOPS);

/** Of one replica, one run of the plan. */
export function planFlops(plan: Plan): number {
  const parameters = plan.parameters.reduce((n, p) => n + numel(p.shape), 0);
  return plan.dispatches.reduce((n, d) => n + dispatchFlops(d, parameters), 0);
}

function dispatchFlops({ attrs, inputs, op, outputs }: Dispatch, parameters: number): number {
  const written = outputs.reduce((n, t) => n + numel(t.shape), 0);
  const shape = (i: number) => inputs[i]?.shape ?? [];
  switch (op) {
    case 'linear':
    case 'linear_cross_entropy':
      return 2 * rows(shape(0)) * numel(shape(1)) + extras(attrs, written);
    case 'linear_grad_input':
      return 2 * rows(shape(0)) * numel(shape(1)) + extras(attrs, written);
    case 'linear_grad_weight':
      return 2 * rows(shape(0)) * (numel(shape(0)) / rows(shape(0))) * shape(1).at(-1)!;
    case 'conv2d':
      // Weight [KH, KW, C, O]: every output value sums KH KW C products.
      return 2 * written * numel(shape(1).slice(0, -1)) + extras(attrs, written);
    case 'conv2d_grad_input':
      return 2 * (numel(shape(0)) / shape(0).at(-1)!) * numel(shape(1)) + extras(attrs, written);
    case 'conv2d_grad_weight': {
      const window = Number(attrs['kernelHeight'] ?? 1) * Number(attrs['kernelWidth'] ?? 1);
      const channels = shape(0).at(-1)! / Number(attrs['groups'] ?? 1);
      return 2 * numel(shape(1)) * window * channels;
    }
    case 'attention_scores':
      return 2 * written * (shape(0).at(-1)! / Number(attrs['heads'] ?? 1));
    case 'attention_mix':
      // Weights [B * heads * T, S] times values: every weight meets the channels of its head.
      return 2 * numel(shape(0)) * (shape(1).at(-1)! / Number(attrs['heads'] ?? 1));
    default:
      return OPTIMIZERS.includes(op) ? OPTIMIZER_FLOPS[op]! * parameters : written;
  }
}

function rows(shape: readonly number[]): number {
  return shape[0] ?? 0;
}

/** What was fused into a product: bias, activation, mask and blend, an operation an element each. */
function extras(attrs: Dispatch['attrs'], written: number): number {
  const present = ['bias', 'activation', 'mask', 'blend'].filter((key) => attrs[key]);
  return present.length * written;
}
