/**
 * VGG-style networks: blocks of three by three convolutions, each followed by batch norm and
 * activation, and a max-pool of two by two behind each block. Names are torchvision's,
 * `features.<index>` and `classifier.<index>`, with every layer of the sequence counted.
 *
 * Source: Simonyan & Zisserman 2015, arXiv:1409.1556; batch norm as in torchvision's `vgg11_bn`.
 */
import { ImageSize } from './image-size.ts';
import type { HostActivation, ModelLayer } from './layer.ts';

export interface VggSpec {
  kind: 'vgg';
  /** Channels of the convolutions of each block. */
  blocks: readonly (readonly number[])[];
  /** Widths of the classifier's hidden layers. */
  hidden: readonly number[];
  batchNorm: boolean;
  activation: HostActivation;
  dropout: number;
}

/** @throws {RangeError} If rows are no images, or have too few pixels for so many pools. */
export function vgg(spec: VggSpec, input: readonly number[], classes: number): ModelLayer[] {
  const image = new ImageSize('vgg', input);
  const layers: ModelLayer[] = [];
  const activation = { kind: 'activation', activation: spec.activation } as const;
  const place = () => `features.${layers.length}`;
  spec.blocks.forEach((block, i) => {
    for (const channels of block) {
      layers.push({
        kind: 'conv2d',
        name: place(),
        channels,
        kernelSize: 3,
        stride: 1,
        padding: 1,
      });
      if (spec.batchNorm) layers.push({ kind: 'batch-norm', name: place() });
      layers.push(activation);
    }
    image.window(2, 2, 0, `pool block ${i + 1}`, 'use fewer "blocks"');
    layers.push({ kind: 'pool', mode: 'max', size: 2, stride: 2 });
  });
  const head: ModelLayer[] = [];
  const next = () => `classifier.${head.length}`;
  for (const units of spec.hidden) {
    head.push({ kind: 'linear', name: next(), units }, activation);
    // Counted even where nothing is dropped, so that names do not depend on the rate.
    head.push({ kind: 'dropout', name: next(), rate: spec.dropout });
  }
  head.push({ kind: 'linear', name: next(), units: classes });
  return [...layers, ...head.filter((l) => l.kind !== 'dropout' || l.rate > 0)];
}
