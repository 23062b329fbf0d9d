/**
 * LeNet-5: two convolutions of five by five, each pooled, and three fully connected layers.
 *
 * Source: LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document
 * recognition". Subsampling is a plain pool and the output plain logits, as is usual today; the
 * first convolution pads by two, which makes 28 x 28 images what 32 x 32 ones are without.
 */
import { denseLayers } from './dense.ts';
import { ImageSize } from './image-size.ts';
import type { HostActivation, ModelLayer } from './layer.ts';

export interface LenetSpec {
  kind: 'lenet';
  /** Of the two convolutions; LeNet-5 has 6 and 16. */
  channels: readonly [number, number];
  /** Of the layers before the last; LeNet-5 has 120 and 84. */
  hidden: readonly number[];
  pool: 'max' | 'avg';
  activation: HostActivation;
  dropout: number;
}

/** @throws {RangeError} If rows are no images of at least 12 x 12. */
export function lenet(spec: LenetSpec, input: readonly number[], classes: number): ModelLayer[] {
  const image = new ImageSize('lenet', input);
  const layers: ModelLayer[] = [];
  spec.channels.forEach((channels, i) => {
    const padding = i === 0 ? 2 : 0;
    const place = `build block ${i + 1}`;
    const fix = 'it needs images of at least 12 x 12';
    image.window(5, 1, padding, place, fix);
    image.window(2, 2, 0, place, fix);
    layers.push(
      { kind: 'conv2d', name: `conv${i + 1}`, channels, kernelSize: 5, stride: 1, padding },
      { kind: 'activation', activation: spec.activation },
      { kind: 'pool', mode: spec.pool, size: 2, stride: 2 },
    );
  });
  return [...layers, ...denseLayers(spec.hidden, classes, spec)];
}
