/**
 * Layers as functions from graph tensors to graph tensors. A layer declares its parameters by name
 * and adds its nodes; nothing runs here.
 */
import type { Graph, ParameterInit, Tensor } from '../engine/plan/graph.ts';
import { sampleShape } from '../engine/plan/ops-shape.ts';
import { numel } from '../engine/plan/shape.ts';

export interface LayerOptions {
  /** Parameter group: parameters born together share step counters and learning rate. */
  group?: number;
  init?: ParameterInit['kind'];
  bias?: boolean;
}

/**
 * y = x @ weight + bias. x [B, ...f], weight [...f, units], bias [units], y [B, units].
 * Parameters `<name>.weight` and, unless `bias` is false, `<name>.bias` (starts at zero).
 */
export function linear(
  graph: Graph,
  x: Tensor,
  name: string,
  units: number,
  { group = 0, init = 'kaiming', bias = true }: LayerOptions = {},
): Tensor {
  const features = x.shape.slice(1);
  const fan = { fanIn: numel(features), fanOut: units };
  const weight = graph.parameter(
    `${name}.weight`,
    [...features, units],
    2,
    { kind: init, ...fan },
    group,
  );
  const inputs = [x, weight];
  if (bias) {
    inputs.push(graph.parameter(`${name}.bias`, [units], 1, { kind: 'zeros', ...fan }, group));
  }
  return graph.one('linear', inputs, {}, name);
}

/** How a convolution's kernel moves, see engine/plan/conv-geometry.ts. */
export interface ConvWindow {
  /** Pixels between two places of the kernel. */
  stride: number;
  /** Zeros on each side. */
  padding: number;
  /** Pixels between two neighbouring taps. @default {1} */
  dilation?: number;
  /**
   * Input and output channels are cut into this many runs, each joined to its own alone. As many as
   * input channels: depthwise. @default {1}
   */
  groups?: number;
}

function convolution(
  graph: Graph,
  x: Tensor,
  name: string,
  channels: number,
  kernel: readonly [number, number],
  attrs: { groups?: number } & Readonly<Record<string, number>>,
  { group = 0, init = 'kaiming', bias = true }: LayerOptions,
): Tensor {
  const { groups = 1 } = attrs;
  const inChannels = x.shape[3]! / groups;
  if (!Number.isInteger(inChannels)) {
    throw new RangeError(
      `Cannot make layer "${name}": ${x.shape[3]} channels cannot be cut into ${groups} groups`,
    );
  }
  const taps = kernel[0] * kernel[1];
  const fan = { fanIn: taps * inChannels, fanOut: (taps * channels) / groups };
  const weight = graph.parameter(
    `${name}.weight`,
    [...kernel, inChannels, channels],
    groups > 1 ? 1 : 2,
    { kind: init, ...fan },
    group,
  );
  const inputs = [x, weight];
  if (bias) {
    inputs.push(graph.parameter(`${name}.bias`, [channels], 1, { kind: 'zeros', ...fan }, group));
  }
  return graph.one('conv2d', inputs, attrs, name);
}

/** Attributes of conv2d; what is not named has its default. */
function windowAttributes({ stride, padding, dilation = 1, groups = 1 }: ConvWindow) {
  return {
    ...{ stride, padding },
    ...(dilation === 1 ? {} : { dilation }),
    ...(groups === 1 ? {} : { groups }),
  };
}

/**
 * Convolution over [B, H, W, C] with square kernels. weight [k, k, C / groups, channels], bias
 * [channels], y [B, H', W', channels] with H' = floor((H + 2 padding - dilation (k - 1) - 1) / stride) + 1.
 *
 * @throws {RangeError} If the kernel does not fit the image, or the groups the channels.
 */
export function conv2d(
  graph: Graph,
  x: Tensor,
  name: string,
  channels: number,
  kernelSize: number,
  window: ConvWindow,
  options: LayerOptions = {},
): Tensor {
  const kernel = [kernelSize, kernelSize] as const;
  return convolution(graph, x, name, channels, kernel, windowAttributes(window), options);
}

/**
 * Convolution over [B, L, C]: conv2d over images of height one. weight [1, k, C / groups, channels],
 * bias [channels], y [B, L', channels] with L' as the H' of {@link conv2d}.
 *
 * @throws {RangeError} If the kernel does not fit the sequence, or the groups the channels.
 */
export function conv1d(
  graph: Graph,
  x: Tensor,
  name: string,
  channels: number,
  kernelSize: number,
  window: ConvWindow,
  options: LayerOptions = {},
): Tensor {
  if (x.shape.length !== 3) {
    throw new RangeError(`Cannot make layer "${name}": "${x.name}" must be [B, L, C]`);
  }
  const attrs = { ...windowAttributes(window), paddingHeight: 0 };
  const row = reshape(graph, x, [1, ...x.shape.slice(1)]);
  const y = convolution(graph, row, name, channels, [1, kernelSize], attrs, options);
  return reshape(graph, y, y.shape.slice(2));
}

/**
 * The same numbers in another shape. No work where the channels (last axis) stay, or are stored
 * without padding on both sides.
 *
 * @param shape Without the batch, which stays.
 * @throws {RangeError} If the numbers of elements differ.
 */
export function reshape(graph: Graph, x: Tensor, shape: readonly number[]): Tensor {
  return graph.one(
    'reshape',
    [x],
    { shape: sampleShape(shape) },
    `${x.name}.${sampleShape(shape)}`,
  );
}

export function activation(graph: Graph, x: Tensor, kind: string): Tensor {
  return graph.one('activation', [x], { kind }, `${kind}_${x.name}`);
}
