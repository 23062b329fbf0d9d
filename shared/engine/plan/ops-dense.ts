/**
 * Linear layers. x [B, ...f], weight [...f, N], bias [N] -> [B, N]; the feature axes are read as
 * one axis in storage order, so a convolution's output feeds a Linear layer without a copy.
 */
import type { OpDefinition } from './op-definition.ts';
import { mismatch } from './op-definition.ts';
import { numel, sameShape } from './shape.ts';

export const denseOps: Record<string, OpDefinition> = {
  // y = x @ weight + bias
  linear: {
    infer([x, weight, bias]) {
      const n = weight!.shape.at(-1)!;
      if (!sameShape(x!.shape.slice(1), weight!.shape.slice(0, -1))) {
        throw mismatch('linear', 'feature axes differ', x!, weight!);
      }
      if (bias && bias.shape[0] !== n)
        throw mismatch('linear', 'bias length differs', weight!, bias);
      return [{ shape: [x!.shape[0]!, n] }];
    },
    gradient({ graph, inputs, gradOutputs, needs }) {
      const [x, weight, bias] = inputs;
      const dy = gradOutputs[0]!;
      const dx = needs[0]
        ? graph.one('linear_grad_input', [dy, weight!], {}, `d_${x!.name}`)
        : null;
      if (!needs[1] && !needs[2]) return [dx, null, null];
      const [dw, db] = graph.apply(
        'linear_grad_weight',
        [x!, dy],
        { bias: bias !== undefined },
        `d_${weight!.name}`,
      );
      return [dx, dw!, db ?? null];
    },
  },
  // dx = dy @ weight^T
  linear_grad_input: {
    infer([dy, weight]) {
      if (dy!.shape[1] !== weight!.shape.at(-1)) {
        throw mismatch('linear_grad_input', 'output features differ', dy!, weight!);
      }
      const features = weight!.shape.slice(0, -1);
      const stored = weight!.padded.slice(0, -1);
      return [{ shape: [dy!.shape[0]!, ...features], padded: [dy!.padded[0]!, ...stored] }];
    },
  },
  // dw = x^T @ dy, db = column sums of dy
  linear_grad_weight: {
    infer([x, dy], attrs) {
      if (x!.shape[0] !== dy!.shape[0]) {
        throw mismatch('linear_grad_weight', 'batch differs', x!, dy!);
      }
      const n = dy!.shape[1]!;
      const stored = dy!.padded[1]!;
      const dw = {
        shape: [...x!.shape.slice(1), n],
        padded: [...x!.padded.slice(1), stored],
      };
      return attrs['bias'] ? [dw, { shape: [n], padded: [stored] }] : [dw];
    },
  },
  // The parts of the sums of a linear or linear_grad_input node, added up in order, with what was fused
  // into it: only split-sums.ts makes it. inputs partial [parts, M, N][, bias][, z, control][, saved]
  sum_parts: {
    infer: ([partial]) => [{ shape: partial!.shape.slice(1), padded: partial!.padded.slice(1) }],
  },
};

/** Rows, inner and outer sizes of a linear op in storage: M = B, K = features, N = outputs. */
export function linearSizes(
  x: { padded: readonly number[] },
  weight: { padded: readonly number[] },
): { m: number; k: number; n: number } {
  return {
    m: x.padded[0]!,
    k: numel(weight.padded.slice(0, -1)),
    n: weight.padded.at(-1)!,
  };
}
