/**
 * Blueprints that are a layer of units beside their host: a map into the units, an activation, and
 * a map out of them. Only these can be given units whose fan-in and fan-out were computed.
 */
import type { Blueprint } from '../contracts/blueprint.ts';

export interface TwoLayerForm {
  /** Ids of the nodes that map in and out. */
  into: string;
  out: string;
  /** New units: hidden units, or channels of a convolution. */
  units: number;
  activation: 'relu' | 'tanh' | 'sigmoid' | 'gelu';
  /** Side of the convolution that maps in; null: both maps are linear. */
  kernelSize: number | null;
}

/** Value and slope of each activation at 0; ReLU's slope counts as 1 there, as in its backward. */
export const AT_ZERO = {
  relu: { value: 0, slope: 1 },
  tanh: { value: 0, slope: 1 },
  gelu: { value: 0, slope: 0.5 },
  sigmoid: { value: 0.5, slope: 0.25 },
} as const;

/** Null where the blueprint has another form, or sizes that depend on its host between its maps. */
export function twoLayerForm(blueprint: Blueprint): TwoLayerForm | null {
  const [into, activation, out] = blueprint.nodes;
  if (blueprint.nodes.length !== 3 || !into || !activation || !out) return null;
  if (activation.op !== 'activation' || activation.inputs[0] !== into.id) return null;
  if (into.inputs[0] !== 'x' || out.inputs[0] !== activation.id) return null;
  if (blueprint.output !== out.id || !('bias' in into && into.bias) || !('bias' in out && out.bias))
    return null;
  const form = { into: into.id, out: out.id, activation: activation.activation };
  if (into.op === 'linear' && out.op === 'linear') {
    if (typeof into.units !== 'number' || out.units !== 'out') return null;
    return { ...form, units: into.units, kernelSize: null };
  }
  if (into.op === 'conv2d' && out.op === 'conv2d') {
    const isPointwise = out.kernelSize === 1 && out.stride === 1 && out.channels === 'out';
    if (typeof into.channels !== 'number' || into.stride !== 'host' || !isPointwise) return null;
    // Every unit must read all channels, and every channel of the host all units.
    if (into.depthwise || into.groups || out.depthwise || out.groups) return null;
    return { ...form, units: into.channels, kernelSize: into.kernelSize };
  }
  return null;
}
