/**
 * The built-in hosts: from what an experiment says to a list of layers. Linear and Conv2d layers can
 * carry seed slots, and others that are asked to; see kasmina/wrap.ts.
 */
import { type CustomSpec, customLayers } from './custom.ts';
import { denseLayers } from './dense.ts';
import { type GptSpec, gpt } from './gpt.ts';
import { ImageSize } from './image-size.ts';
import { flatten, type HostActivation, type HostLayer, type ModelLayer } from './layer.ts';
import { type LenetSpec, lenet } from './lenet.ts';
import { type ResnetSpec, resnet } from './resnet.ts';
import { type VggSpec, vgg } from './vgg.ts';

export type { HostActivation, HostLayer };

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

export type ModelSpec = MlpSpec | CnnSpec | LenetSpec | VggSpec | ResnetSpec | GptSpec | CustomSpec;

/**
 * A host as data, residual blocks and all.
 *
 * @param input Feature axes of one row: [features] or [height, width, channels].
 * @throws {RangeError} If the host does not fit the rows:
 *   `Cannot build a cnn for rows of 64 features: give "imageShape" in "data", or use an mlp`
 */
export function describeHost(
  spec: ModelSpec,
  input: readonly number[],
  classes: number,
): ModelLayer[] {
  switch (spec.kind) {
    case 'mlp':
      return denseLayers(spec.hidden, classes, spec);
    case 'cnn':
      return cnn(spec, input, classes);
    case 'lenet':
      return lenet(spec, input, classes);
    case 'vgg':
      return vgg(spec, input, classes);
    case 'resnet':
      return resnet(spec, input, classes);
    case 'gpt':
      return gpt(spec, input, classes);
    case 'layers':
      return customLayers(spec, input, classes);
  }
}

/** Layers of a host, one after the other. @throws {RangeError} As {@link describeHost}. */
export function hostLayers(
  spec: ModelSpec,
  input: readonly number[],
  classes: number,
): HostLayer[] {
  return flatten(describeHost(spec, input, classes));
}

function cnn(spec: CnnSpec, input: readonly number[], classes: number): HostLayer[] {
  const image = new ImageSize('cnn', input);
  const padding = Math.floor(spec.kernelSize / 2);
  const layers: HostLayer[] = [];
  spec.channels.forEach((channels, i) => {
    const { kernelSize } = spec;
    layers.push({ kind: 'conv2d', name: `conv${i + 1}`, channels, kernelSize, stride: 1, padding });
    layers.push({ kind: 'activation', activation: spec.activation });
    image.window(kernelSize, 1, padding, `build block ${i + 1}`, 'use fewer "channels"');
    if (spec.pool === 'global') return;
    const fix = 'use fewer "channels" or "pool": "global"';
    image.window(2, 2, 0, `pool block ${i + 1}`, fix);
    layers.push({ kind: 'pool', mode: spec.pool, size: 2, stride: 2 });
  });
  if (spec.pool === 'global') layers.push({ kind: 'global-pool' });
  return [...layers, ...denseLayers(spec.hidden, classes, spec)];
}
