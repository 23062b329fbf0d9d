/**
 * What can grow on the linear host of P3: the convolution network and the dense network of the
 * source without their linear path, which is the host's, and two of the library.
 *
 * Units are GELU where the source has ReLU: a ReLU unit may be dead at birth, and the forge refuses a
 * blueprint whose parameters do not all learn.
 *
 * Source: Greydanus & Kobak 2024, "Scaling down deep learning with MNIST-1D".
 */
import { Blueprint } from '../../contracts/blueprint.ts';

const gelu = (id: string, input: string) =>
  ({ id, op: 'activation', inputs: [input], activation: 'gelu' }) as const;
const window = (id: string, input: string, kernelSize: number) =>
  ({
    ...{ id, op: 'conv1d', inputs: [input], channels: 25 },
    ...{ kernelSize, stride: 2, padding: 1 },
  }) as const;
const out = (input: string) =>
  ({ id: 'out', op: 'linear', inputs: [input], units: 'out', init: 'zeros' }) as const;

/** Three windows of 5, 3 and 3 taps with stride 2, 25 channels each, then a map to the classes. */
export const SIGNAL_CONV = Blueprint.parse({
  name: 'signal-conv-25',
  description: 'Three one-dimensional convolutions of 25 channels that halve the signal.',
  host: 'linear',
  nodes: [
    ...[window('conv1', 'x', 5), gelu('act1', 'conv1')],
    ...[window('conv2', 'act1', 3), gelu('act2', 'conv2')],
    ...[window('conv3', 'act2', 3), gelu('act3', 'conv3')],
    out('act3'),
  ],
  output: 'out',
});

/** Two hidden layers of 100 units. */
export const SIGNAL_DENSE = Blueprint.parse({
  name: 'signal-dense-100',
  description: 'Two hidden layers of 100 units over all positions.',
  host: 'linear',
  nodes: [
    { id: 'hidden1', op: 'linear', inputs: ['x'], units: 100 },
    gelu('act1', 'hidden1'),
    { id: 'hidden2', op: 'linear', inputs: ['act1'], units: 100 },
    gelu('act2', 'hidden2'),
    out('act2'),
  ],
  output: 'out',
});

/** Names in the tables of P3, and the blueprints they stand for. */
export const SIGNAL_BLUEPRINTS = {
  conv: SIGNAL_CONV.name,
  dense: SIGNAL_DENSE.name,
  norm: 'norm',
  bottleneck: 'widen-8-gelu',
} as const;
export type SignalBlueprint = keyof typeof SIGNAL_BLUEPRINTS;
