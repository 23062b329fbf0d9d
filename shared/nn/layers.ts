/**
 * Layers as functions from graph tensors to graph tensors. A layer declares its parameters by name
 * and adds its nodes; nothing runs here.
 */
import type { Graph, ParameterInit, Tensor } from '../engine/plan/graph.ts';
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

/**
 * Convolution over [B, H, W, C] with square kernels. weight [k, k, C, channels], bias [channels],
 * y [B, H', W', channels] with H' = floor((H + 2 padding - k) / stride) + 1.
 */
export function conv2d(
  graph: Graph,
  x: Tensor,
  name: string,
  channels: number,
  kernelSize: number,
  geometry: { stride: number; padding: number },
  { group = 0, init = 'kaiming', bias = true }: LayerOptions = {},
): Tensor {
  const inChannels = x.shape[3]!;
  const taps = kernelSize * kernelSize;
  const fan = { fanIn: taps * inChannels, fanOut: taps * channels };
  const weight = graph.parameter(
    `${name}.weight`,
    [kernelSize, kernelSize, inChannels, channels],
    2,
    { kind: init, ...fan },
    group,
  );
  const inputs = [x, weight];
  if (bias) {
    inputs.push(graph.parameter(`${name}.bias`, [channels], 1, { kind: 'zeros', ...fan }, group));
  }
  return graph.one('conv2d', inputs, { ...geometry }, name);
}

export function activation(graph: Graph, x: Tensor, kind: string): Tensor {
  return graph.one('activation', [x], { kind }, `${kind}_${x.name}`);
}
