/** Elementwise ops, seed blending, and ops that only rename storage. */
import type { OpDefinition } from './op-definition.ts';
import { mismatch, numberAttr, stringAttr } from './op-definition.ts';
import { numel, roundUp, sameShape } from './shape.ts';

/** Activations whose gradient is computed from their output; the others need their input. */
export const FROM_OUTPUT: readonly string[] = ['relu', 'tanh', 'sigmoid', 'leaky_relu'];
export const ACTIVATIONS: readonly string[] = [...FROM_OUTPUT, 'gelu', 'silu'];
export const BLEND_MODES: readonly string[] = ['add', 'replace', 'multiply', 'gate'];

function likeFirst(op: string): OpDefinition['infer'] {
  return (inputs) => {
    const [a, b] = inputs;
    if (b && b.dtype === 'f32' && b.shape.length > 1 && !sameShape(a!.shape, b.shape)) {
      throw mismatch(op, 'shapes differ', a!, b);
    }
    return [{ shape: a!.shape, padded: a!.padded }];
  };
}

export const elementwiseOps: Record<string, OpDefinition> = {
  // attrs kind
  activation: {
    infer([x], attrs) {
      const kind = stringAttr(attrs, 'kind');
      if (!ACTIVATIONS.includes(kind)) throw new RangeError(`Cannot find activation "${kind}"`);
      return [{ shape: x!.shape, padded: x!.padded }];
    },
    gradient({ graph, attrs, inputs, outputs, gradOutputs }) {
      const saved = FROM_OUTPUT.includes(stringAttr(attrs, 'kind')) ? outputs[0]! : inputs[0]!;
      return [
        graph.one('activation_grad', [gradOutputs[0]!, saved], attrs, `d_${inputs[0]!.name}`),
      ];
    },
  },
  // dx = dy * f'(.), from the saved output or input, see FROM_OUTPUT
  activation_grad: { infer: likeFirst('activation_grad') },
  add: {
    infer: likeFirst('add'),
    gradient: ({ gradOutputs }) => [gradOutputs[0]!, gradOutputs[0]!],
  },
  // y = factor * x
  scale: {
    infer: likeFirst('scale'),
    gradient: ({ graph, attrs, inputs, gradOutputs }) => [
      graph.one('scale', [gradOutputs[0]!], attrs, `d_${inputs[0]!.name}`),
    ],
  },
  // attrs rate, stream; inputs x, control. The mask is a function of (seed, stream, step, index),
  // so the backward pass recomputes it instead of storing it.
  dropout: {
    infer: ([x]) => [{ shape: x!.shape, padded: x!.padded }],
    gradient: ({ graph, attrs, inputs, gradOutputs }) => [
      graph.one('dropout', [gradOutputs[0]!, inputs[1]!], attrs, `d_${inputs[0]!.name}`),
      null,
    ],
  },
  // Seed output s joins host output z. attrs mode, alpha (column of the schedule);
  // inputs z, s, control and, for mode gate, the gate's logit [B, 1].
  blend: {
    infer([z, s, , gate], attrs) {
      const mode = stringAttr(attrs, 'mode');
      if (!BLEND_MODES.includes(mode)) throw new RangeError(`Cannot find blend mode "${mode}"`);
      if (!sameShape(z!.shape, s!.shape)) throw mismatch('blend', 'shapes differ', z!, s!);
      if ((mode === 'gate') !== (gate !== undefined)) {
        throw mismatch('blend', 'mode gate, and only it, takes a gate logit', z!, s!);
      }
      return [{ shape: z!.shape, padded: z!.padded }];
    },
    gradient({ graph, attrs, inputs, gradOutputs }) {
      const [z, s, control, gate] = inputs;
      const dy = gradOutputs[0]!;
      const mode = stringAttr(attrs, 'mode');
      const alpha = { alpha: numberAttr(attrs, 'alpha') };
      const scaled = (complement: boolean, name: string) =>
        graph.one('scale_alpha', [dy, control!], { ...alpha, complement }, name);
      if (mode === 'add') return [dy, scaled(false, `d_${s!.name}`), null];
      if (mode === 'replace') {
        return [scaled(true, `d_${z!.name}`), scaled(false, `d_${s!.name}`), null];
      }
      if (mode === 'multiply') {
        return [
          graph.one('blend_grad_host', [dy, s!, control!], alpha, `d_${z!.name}`),
          graph.one('blend_grad_seed', [dy, z!, s!, control!], { ...alpha, mode }, `d_${s!.name}`),
          null,
        ];
      }
      const ds = graph.one(
        'blend_grad_seed',
        [dy, z!, s!, control!, gate!],
        { ...alpha, mode },
        `d_${s!.name}`,
      );
      const dg = graph.one('blend_grad_gate', [dy, s!, control!, gate!], alpha, `d_${gate!.name}`);
      return [dy, ds, null, dg];
    },
  },
  // y = alpha x, or (1 - alpha) x with attrs complement; exactly 0 or x at the ends
  scale_alpha: { infer: ([x]) => [{ shape: x!.shape, padded: x!.padded }] },
  // multiply: ds = dy alpha z (1 - tanh(s)^2); gate: ds = dy alpha sigmoid(gate)
  blend_grad_seed: { infer: ([, , s]) => [{ shape: s!.shape, padded: s!.padded }] },
  // multiply: dz = dy (1 + alpha tanh(s))
  blend_grad_host: { infer: ([, s]) => [{ shape: s!.shape, padded: s!.padded }] },
  // sum over the features of dy s, times alpha g (1 - g), g = sigmoid(gate): [B, 1]
  blend_grad_gate: { infer: ([, , , gate]) => [{ shape: gate!.shape, padded: gate!.padded }] },
  // The seed's view of its layer's input: forward x itself; the gradient that comes back is cut
  // at alpha = 0, so that a diverged seed (0 * NaN) cannot reach the host through its input.
  seed_input: {
    infer: ([x]) => [{ shape: x!.shape, padded: x!.padded, aliasInput: 0 }],
    gradient: ({ graph, attrs, inputs, gradOutputs }) => [
      graph.one('guard', [gradOutputs[0]!, inputs[1]!], attrs, `d_${inputs[0]!.name}`),
      null,
    ],
  },
  // y = alpha == 0 ? 0 : x
  guard: { infer: ([x]) => [{ shape: x!.shape, padded: x!.padded }] },
  // forward x, no gradient
  detach: {
    infer: ([x]) => [{ shape: x!.shape, padded: x!.padded, aliasInput: 0 }],
  },
  // forward z exactly; the seed output s receives the gradient at z
  straight_through: {
    infer: ([z]) => [{ shape: z!.shape, padded: z!.padded, aliasInput: 0 }],
    gradient: ({ gradOutputs }) => [gradOutputs[0]!, gradOutputs[0]!],
  },
  // [B, H, W, C] -> [B, H*W*C] where C needs no padding; otherwise Linear reads the axes as they are
  flatten: {
    infer([x]) {
      const [b, ...rest] = x!.shape;
      const n = numel(rest);
      if (roundUp(n, 4) !== numel(x!.padded.slice(1))) {
        throw mismatch('flatten', 'channels must be a multiple of four', x!);
      }
      return [{ shape: [b!, n], aliasInput: 0 }];
    },
    gradient({ graph, inputs, gradOutputs }) {
      const x = inputs[0]!;
      return [graph.one('unflatten', [gradOutputs[0]!, x], {}, `d_${x.name}`)];
    },
  },
  unflatten: { infer: ([, x]) => [{ shape: x!.shape, padded: x!.padded, aliasInput: 0 }] },
};
