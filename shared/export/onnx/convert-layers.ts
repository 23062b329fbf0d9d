/** Linear layers, convolutions, pools, activations, norms and what joins them, as ONNX operators. */
import { convGeometry } from '../../engine/plan/conv-geometry.ts';
import { numberAttr, stringAttr } from '../../engine/plan/op-definition.ts';
import { rowsOf } from '../../engine/plan/ops-norm.ts';
import type { Converter } from './converter.ts';
import type { OnnxGraph } from './onnx-graph.ts';

/** gelu in its tanh form: sqrt(2 / pi) and the cubic term. */
const GELU_SCALE = 0.7978845608;
const GELU_CUBIC = 0.044715;
const LEAK = 0.01;

function activate(g: OnnxGraph, kind: string, x: string): string {
  switch (kind) {
    case 'relu':
      return g.add('Relu', [x]);
    case 'tanh':
      return g.add('Tanh', [x]);
    case 'sigmoid':
      return g.add('Sigmoid', [x]);
    case 'leaky_relu':
      return g.add('LeakyRelu', [x], { alpha: { float: LEAK } });
    case 'silu':
      return g.add('Mul', [x, g.add('Sigmoid', [x])]);
    case 'gelu': {
      const cube = g.add('Mul', [g.add('Mul', [x, x]), x]);
      const inner = g.add('Add', [x, g.add('Mul', [cube, g.floats([GELU_CUBIC])])]);
      const bent = g.add('Tanh', [g.add('Mul', [inner, g.floats([GELU_SCALE])])]);
      const half = g.add('Mul', [x, g.floats([0.5])]);
      return g.add('Mul', [half, g.add('Add', [bent, g.floats([1])])]);
    }
    default:
      throw new TypeError(`Cannot export activation "${kind}" to ONNX`);
  }
}

const pool =
  (op: string): Converter =>
  (g, [x], attrs) => {
    const [size, stride] = [numberAttr(attrs, 'size'), numberAttr(attrs, 'stride')];
    return g.add(op, [g.name(x!)], { kernel_shape: [size, size], strides: [stride, stride] });
  };

/** The statistics come from the node that made them: ONNX's operators take theirs along. */
const normalize: Converter = (g, [x, stats, gamma, beta], attrs) => {
  const maker = g.makerOf(stats!)!;
  const epsilon = { float: numberAttr(maker.attrs, 'epsilon') };
  const affine = [g.name(gamma!), g.name(beta!)];
  const rank = x!.shape.length;
  if (attrs['statistics'] === 'fixed') {
    const running = maker.inputs.map((id) => g.name(g.graph.tensor(id)));
    const swap = { perm: [0, 2, 1] };
    const input = rank === 3 ? g.add('Transpose', [g.name(x!)], swap) : g.name(x!);
    const y = g.add('BatchNormalization', [input, ...affine, ...running], { epsilon });
    return rank === 3 ? g.add('Transpose', [y], swap) : y;
  }
  const groups = numberAttr(attrs, 'groups');
  if (groups === 1 && numberAttr(attrs, 'segments') === rowsOf(x!)) {
    const inputs = [g.ours(x!), ...affine];
    return g.theirs(g.add('LayerNormalization', inputs, { axis: -1, epsilon }), rank);
  }
  const channels = x!.shape.at(-1)!;
  // Channels first, then every group as a channel of its own for the statistics.
  const first = rank === 3 ? g.add('Transpose', [g.name(x!)], { perm: [0, 2, 1] }) : g.name(x!);
  const one = g.floats(new Array(groups).fill(1), [groups]);
  const zero = g.floats(new Array(groups).fill(0), [groups]);
  const apart = g.reshape(first, [0, groups, -1]);
  const even = g.add('InstanceNormalization', [apart, one, zero], { epsilon });
  const back = g.reshape(even, [-1, channels, ...x!.shape.slice(1, -1)]);
  const places = new Array(rank - 2).fill(1);
  const [scale, shift] = affine.map((name) => g.reshape(name, [channels, ...places]));
  const y = g.add('Add', [g.add('Mul', [back, scale!]), shift!]);
  return rank === 3 ? g.add('Transpose', [y], { perm: [0, 2, 1] }) : y;
};

/** One number a channel and sample, [B, C], against [B, ..., C]. */
function perChannel(g: OnnxGraph, name: string, rank: number): string {
  if (rank === 4) return g.add('Unsqueeze', [name, g.whole([2, 3])]);
  return g.add('Unsqueeze', [name, g.whole([1])]);
}

/** How a seed's output joins the host's; exact at alpha 0, where the seed is left out. */
const blend: Converter = (g, [z, s, , gate], attrs) => {
  const [host, seed] = [g.name(z!), g.name(s!)];
  const column = numberAttr(attrs, 'alpha');
  const alpha = g.alphas[column] ?? 0;
  if (alpha === 0) return host;
  const weight = g.floats([alpha]);
  switch (stringAttr(attrs, 'mode')) {
    case 'add':
      return g.add('Add', [host, g.add('Mul', [weight, seed])]);
    case 'replace':
      return g.add('Add', [host, g.add('Mul', [weight, g.add('Sub', [seed, host])])]);
    case 'multiply': {
      const factor = g.add('Mul', [weight, g.add('Tanh', [seed])]);
      return g.add('Mul', [host, g.add('Add', [factor, g.floats([1])])]);
    }
    default: {
      const rank = z!.shape.length;
      const open = g.add('Mul', [weight, g.add('Sigmoid', [g.name(gate!)])]);
      const wide = rank === 2 ? open : perChannel(g, open, rank);
      return g.add('Add', [host, g.add('Mul', [wide, seed])]);
    }
  }
};

const same: Converter = (g, [x]) => g.name(x!);

export const layerConverters: Readonly<Record<string, Converter>> = {
  linear(g, [x, weight, bias]) {
    const rest = bias ? [g.name(bias)] : [];
    if (weight!.role !== 'parameter') {
      const product = g.add('MatMul', [g.name(x!), g.name(weight!)]);
      return bias ? g.add('Add', [product, ...rest]) : product;
    }
    const rank = x!.shape.length;
    // PyTorch's order of a sample's features: channels first.
    const first = rank === 3 ? g.add('Transpose', [g.name(x!)], { perm: [0, 2, 1] }) : g.name(x!);
    const rows = rank > 2 ? g.add('Flatten', [first], { axis: 1 }) : first;
    return g.add('Gemm', [rows, g.name(weight!), ...rest], { transB: 1 });
  },
  conv2d(g, [x, weight, bias], attrs) {
    const { dilation, groups, padding, paddingHeight, stride } = convGeometry(attrs);
    const inputs = [g.name(x!), g.name(weight!), ...(bias ? [g.name(bias)] : [])];
    return g.add('Conv', inputs, {
      kernel_shape: weight!.shape.slice(0, 2),
      strides: [stride, stride],
      pads: [paddingHeight, padding, paddingHeight, padding],
      dilations: [dilation, dilation],
      group: groups,
    });
  },
  activation: (g, [x], attrs) => activate(g, stringAttr(attrs, 'kind'), g.name(x!)),
  max_pool: pool('MaxPool'),
  avg_pool: pool('AveragePool'),
  global_avg_pool: (g, [x]) =>
    g.add('Flatten', [g.add('GlobalAveragePool', [g.name(x!)])], { axis: 1 }),
  normalize,
  blend,
  add: (g, [a, b]) => g.add('Add', [g.name(a!), g.name(b!)]),
  mul(g, [x, b]) {
    const isFlat = b!.shape.length === 2 && x!.shape.length > 2;
    const factor = isFlat ? perChannel(g, g.name(b!), x!.shape.length) : g.name(b!);
    return g.add('Mul', [g.name(x!), factor]);
  },
  scale: (g, [x], attrs) => g.add('Mul', [g.name(x!), g.floats([numberAttr(attrs, 'factor')])]),
  seed_input: same,
  detach: same,
  straight_through: same,
};
