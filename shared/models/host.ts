/**
 * The built-in hosts, as data: a list of layers from input to logits. Linear and Conv2d layers
 * have names and can carry seed slots; the rest only computes.
 */
import { windowCount } from '../engine/plan/ops-conv.ts';

/** Activations a host may use: those of engine/plan that contracts/experiment.ts offers. */
export type HostActivation = 'relu' | 'tanh' | 'sigmoid' | 'gelu' | 'leaky_relu' | 'silu';

export type HostLayer =
  | { kind: 'linear'; name: string; units: number }
  | {
      kind: 'conv2d';
      name: string;
      channels: number;
      kernelSize: number;
      stride: number;
      padding: number;
    }
  | { kind: 'activation'; activation: HostActivation }
  | { kind: 'pool'; mode: 'max' | 'avg'; size: number; stride: number }
  | { kind: 'global-pool' }
  | { kind: 'dropout'; name: string; rate: number };

export interface MlpSpec {
  kind: 'mlp';
  hidden: readonly number[];
  activation: HostActivation;
  dropout: number;
}

export interface CnnSpec {
  kind: 'cnn';
  channels: readonly number[];
  kernelSize: number;
  pool: 'max' | 'avg' | 'global';
  hidden: readonly number[];
  activation: HostActivation;
  dropout: number;
}

/**
 * Layers of a host.
 *
 * @param input Feature axes of one row: [features] or [height, width, channels].
 * @throws {RangeError} If a CNN gets rows that are no images, or its pools eat the image up:
 *   `Cannot build a cnn for rows of 64 features: give "imageShape" in "data", or use an mlp`
 */
export function hostLayers(
  spec: MlpSpec | CnnSpec,
  input: readonly number[],
  classes: number,
): HostLayer[] {
  const layers: HostLayer[] = [];
  const dense = (widths: readonly number[]) => {
    widths.forEach((units, i) => {
      layers.push({ kind: 'linear', name: `fc${i + 1}`, units });
      layers.push({ kind: 'activation', activation: spec.activation });
      if (spec.dropout > 0) {
        layers.push({ kind: 'dropout', name: `drop${i + 1}`, rate: spec.dropout });
      }
    });
    layers.push({ kind: 'linear', name: `fc${widths.length + 1}`, units: classes });
  };
  if (spec.kind === 'mlp') {
    dense(spec.hidden);
    return layers;
  }
  let [height, width] = input as [number, number, number];
  if (input.length !== 3) {
    throw new RangeError(
      `Cannot build a cnn for rows of ${input.join(' x ')} features: give "imageShape" in "data", or use an mlp`,
    );
  }
  const padding = Math.floor(spec.kernelSize / 2);
  spec.channels.forEach((channels, i) => {
    const { kernelSize } = spec;
    layers.push({ kind: 'conv2d', name: `conv${i + 1}`, channels, kernelSize, stride: 1, padding });
    layers.push({ kind: 'activation', activation: spec.activation });
    height = windowCount(height, kernelSize, 1, padding);
    width = windowCount(width, kernelSize, 1, padding);
    if (spec.pool === 'global') return;
    if (Math.min(height, width) < 2) {
      throw new RangeError(
        `Cannot pool block ${i + 1} of the cnn: its image is ${height} x ${width}; use fewer "channels" or "pool": "global"`,
      );
    }
    layers.push({ kind: 'pool', mode: spec.pool, size: 2, stride: 2 });
    height = windowCount(height, 2, 2, 0);
    width = windowCount(width, 2, 2, 0);
  });
  if (spec.pool === 'global') layers.push({ kind: 'global-pool' });
  dense(spec.hidden);
  return layers;
}
