/**
 * Convolutions and pools. Activations are [B, H, W, C] (channels last), convolution weights
 * [KH, KW, C / groups, O], so that channels are contiguous in forward, input and weight gradients.
 */
import { type ConvGeometry, convGeometry } from './conv-geometry.ts';
import type { Attributes, Tensor } from './graph.ts';
import type { OpDefinition } from './op-definition.ts';
import { mismatch, numberAttr } from './op-definition.ts';

/**
 * Output length of a window of `size` cells, `dilation` apart, moved by `stride` over `length` cells
 * with `padding`.
 */
export function windowCount(
  length: number,
  size: number,
  stride: number,
  padding: number,
  dilation = 1,
): number {
  return Math.floor((length + 2 * padding - dilation * (size - 1) - 1) / stride) + 1;
}

/** Images are split into this many partial sums in conv2d_grad_weight, at most. */
const MAX_PARTIALS = 8;
/** The same with groups, whose few weights leave the images as the only work to share out. */
const MAX_GROUPED_PARTIALS = 32;
/** Loop iterations one invocation may run; one software driver stops silently at 65,535. */
export const MAX_LOOP_ITERATIONS = 60_000;

/**
 * How many partial sums the weight gradient of a convolution uses: part of the plan, since it
 * fixes the order of summation and with it the bits.
 */
export function weightGradientPartials(
  batch: number,
  height: number,
  width: number,
  groups = 1,
): number {
  let partials = Math.min(groups > 1 ? MAX_GROUPED_PARTIALS : MAX_PARTIALS, batch);
  // Loops over images, their rows and the pixels of a row.
  const iterations = 1 + height * (1 + width);
  while (partials < batch && Math.ceil(batch / partials) * iterations > MAX_LOOP_ITERATIONS) {
    partials++;
  }
  return partials;
}

function image(op: string, x: Tensor): [number, number, number, number] {
  if (x.shape.length !== 4) throw mismatch(op, 'needs [B, H, W, C]', x);
  return x.shape as unknown as [number, number, number, number];
}

function pooled(op: string, x: Tensor, attrs: Attributes) {
  const [b, h, w, c] = image(op, x);
  const size = numberAttr(attrs, 'size');
  const oh = windowCount(h, size, numberAttr(attrs, 'stride'), 0);
  const ow = windowCount(w, size, numberAttr(attrs, 'stride'), 0);
  if (oh < 1 || ow < 1) throw mismatch(op, `window of ${size} is larger than the image`, x);
  return { shape: [b, oh, ow, c] };
}

/** @throws {RangeError} If the weight does not fit the image's channels and the groups. */
function checkWeight(x: Tensor, weight: Tensor, g: ConvGeometry): void {
  const [, , channels, outputs] = weight.shape as [number, number, number, number];
  if (channels * g.groups !== x.shape[3]) {
    throw mismatch(
      'conv2d',
      g.groups === 1 ? 'input channels differ' : `input channels differ in ${g.groups} groups`,
      x,
      weight,
    );
  }
  if (outputs % g.groups !== 0) {
    throw mismatch('conv2d', `${outputs} outputs cannot be cut into ${g.groups} groups`, weight);
  }
  // Kernels find the channels of a group by their number, so only whole ones may be padded.
  if (g.groups > 1 && weight.padded[2] !== channels) {
    throw mismatch('conv2d', 'a weight with groups is padded in its outputs alone', weight);
  }
}

export const convOps: Record<string, OpDefinition> = {
  // attrs stride, padding; optional paddingHeight, dilation, groups (conv-geometry.ts);
  // y[b,oy,ox,o] = bias[o] + sum w[ky,kx,c,o] x[b, oy*s+ky*d-p, ox*s+kx*d-p, c of o's group]
  conv2d: {
    infer([x, weight, bias], attrs) {
      const [b, h, w] = image('conv2d', x!);
      const [kh, kw, , o] = weight!.shape as [number, number, number, number];
      const g = convGeometry(attrs);
      checkWeight(x!, weight!, g);
      if (bias && bias.shape[0] !== o)
        throw mismatch('conv2d', 'bias length differs', weight!, bias);
      const oh = windowCount(h, kh, g.stride, g.paddingHeight, g.dilation);
      const ow = windowCount(w, kw, g.stride, g.padding, g.dilation);
      if (oh < 1 || ow < 1)
        throw mismatch('conv2d', 'kernel is larger than the image', x!, weight!);
      return [{ shape: [b, oh, ow, o] }];
    },
    gradient({ graph, attrs, inputs, gradOutputs, needs }) {
      const [x, weight, bias] = inputs;
      const dy = gradOutputs[0]!;
      const dx = needs[0]
        ? graph.one(
            'conv2d_grad_input',
            [dy, weight!],
            { ...attrs, height: x!.shape[1]!, width: x!.shape[2]! },
            `d_${x!.name}`,
          )
        : null;
      if (!needs[1] && !needs[2]) return [dx, null, null];
      const [kh, kw] = weight!.shape as [number, number, number, number];
      const { groups } = convGeometry(attrs);
      const [b, oh, ow] = dy.shape as [number, number, number];
      const partials = weightGradientPartials(b, oh, ow, groups);
      const partial = graph.one(
        'conv2d_grad_weight',
        [x!, dy],
        { ...attrs, kernelHeight: kh, kernelWidth: kw, partials },
        `partial_${weight!.name}`,
      );
      const [dw, db] = graph.apply(
        'reduce_partials',
        [partial],
        { partials, kernelHeight: kh, kernelWidth: kw, bias: bias !== undefined },
        `d_${weight!.name}`,
      );
      return [dx, dw!, db ?? null];
    },
  },
  conv2d_grad_input: {
    infer([dy, weight], attrs) {
      const c = weight!.shape[2]! * convGeometry(attrs).groups;
      return [
        {
          shape: [dy!.shape[0]!, numberAttr(attrs, 'height'), numberAttr(attrs, 'width'), c],
        },
      ];
    },
  },
  // [partials, KH*KW*C/groups + 1, O]: the last row of each partial is the bias gradient
  conv2d_grad_weight: {
    infer([x, dy], attrs) {
      const { groups } = convGeometry(attrs);
      const c = groups > 1 ? x!.shape[3]! / groups : x!.padded[3]!;
      const o = dy!.padded[3]!;
      const rows = numberAttr(attrs, 'kernelHeight') * numberAttr(attrs, 'kernelWidth') * c + 1;
      const shape = [numberAttr(attrs, 'partials'), rows, o];
      return [{ shape, padded: shape }];
    },
  },
  // sums the partials in order; attrs say how the rows fall into weight and bias
  reduce_partials: {
    infer([partial], attrs) {
      const kh = numberAttr(attrs, 'kernelHeight');
      const kw = numberAttr(attrs, 'kernelWidth');
      const [, rows, o] = partial!.shape as [number, number, number];
      const shape = [kh, kw, (rows - 1) / (kh * kw), o];
      const dw = { shape, padded: shape };
      return attrs['bias'] ? [dw, { shape: [o], padded: [o] }] : [dw];
    },
  },
  max_pool: {
    infer: ([x], attrs) => [pooled('max_pool', x!, attrs)],
    gradient: ({ graph, attrs, inputs, outputs, gradOutputs }) => [
      graph.one(
        'max_pool_grad',
        [gradOutputs[0]!, inputs[0]!, outputs[0]!],
        attrs,
        `d_${inputs[0]!.name}`,
      ),
    ],
  },
  // inputs dy, x, y; the gradient goes to the first largest element of each window
  max_pool_grad: { infer: ([, x]) => [{ shape: x!.shape, padded: x!.padded }] },
  avg_pool: {
    infer: ([x], attrs) => [pooled('avg_pool', x!, attrs)],
    gradient: ({ graph, attrs, inputs, gradOutputs }) => [
      graph.one(
        'avg_pool_grad',
        [gradOutputs[0]!],
        { ...attrs, height: inputs[0]!.shape[1]!, width: inputs[0]!.shape[2]! },
        `d_${inputs[0]!.name}`,
      ),
    ],
  },
  avg_pool_grad: {
    infer: ([dy], attrs) => [
      {
        shape: [
          dy!.shape[0]!,
          numberAttr(attrs, 'height'),
          numberAttr(attrs, 'width'),
          dy!.shape[3]!,
        ],
      },
    ],
  },
  // [B, H, W, C] -> [B, C], mean over pixels
  global_avg_pool: {
    infer: ([x]) => {
      const [b, , , c] = image('global_avg_pool', x!);
      return [{ shape: [b, c] }];
    },
    gradient: ({ graph, inputs, gradOutputs }) => [
      graph.one(
        'global_avg_pool_grad',
        [gradOutputs[0]!],
        { height: inputs[0]!.shape[1]!, width: inputs[0]!.shape[2]! },
        `d_${inputs[0]!.name}`,
      ),
    ],
  },
  global_avg_pool_grad: {
    infer: ([dy], attrs) => [
      {
        shape: [
          dy!.shape[0]!,
          numberAttr(attrs, 'height'),
          numberAttr(attrs, 'width'),
          dy!.shape[1]!,
        ],
      },
    ],
  },
};
