/**
 * Residual networks of basic blocks, with torchvision's names: `conv1`, `bn1`,
 * `layer1.0.conv1`, …, `layer2.0.downsample.0`, `fc`.
 *
 *   depth 8, 14, 20, 32   three stages for small images, 16, 32 and 64 channels wide
 *   depth 18              four stages of two blocks, 64 to 512 channels wide
 *
 * Source: He, Zhang, Ren, Sun 2016, arXiv:1512.03385, sections 3.4 and 4.2; where a block changes
 * shape, its shortcut is a convolution of one by one.
 */
import { ImageSize } from './image-size.ts';
import type { HostActivation, ModelLayer } from './layer.ts';

export const RESNET_DEPTHS = [8, 14, 18, 20, 32] as const;

export interface ResnetSpec {
  kind: 'resnet';
  depth: (typeof RESNET_DEPTHS)[number];
  /** Channels of the first stage; each later stage has twice as many. Absent: 16, or 64 at depth 18. */
  width?: number | undefined;
  /** `small`: a convolution of three by three; `large`: seven by seven and a pool, an eighth of the pixels. */
  stem: 'small' | 'large';
  activation: HostActivation;
}

/** @throws {RangeError} If rows are no images, or have too few pixels for the stages. */
export function resnet(spec: ResnetSpec, input: readonly number[], classes: number): ModelLayer[] {
  const image = new ImageSize('resnet', input);
  const activation = { kind: 'activation', activation: spec.activation } as const;
  const stages = spec.depth === 18 ? [2, 2, 2, 2] : new Array(3).fill((spec.depth - 2) / 6);
  const width = spec.width ?? (spec.depth === 18 ? 64 : 16);
  const layers: ModelLayer[] = [];
  const [size, stride] = spec.stem === 'small' ? [3, 1] : [7, 2];
  const padding = (size - 1) / 2;
  if (spec.stem === 'large' && !['relu', 'sigmoid'].includes(spec.activation)) {
    throw new RangeError(
      `Cannot pool a resnet's large stem after ${spec.activation}: its pool has zeros around the image; use "relu"`,
    );
  }
  image.window(size, stride, padding, 'build the stem', 'use larger images or "stem": "small"');
  layers.push(
    conv('conv1', width, size, stride, padding),
    { kind: 'batch-norm', name: 'bn1' },
    activation,
  );
  if (spec.stem === 'large') {
    image.window(3, 2, 1, 'pool the stem', 'use larger images or "stem": "small"');
    layers.push({ kind: 'pool', mode: 'max', size: 3, stride: 2, padding: 1 });
  }
  let channels = width;
  stages.forEach((blocks, stage) => {
    const wide = width * 2 ** stage;
    for (let i = 0; i < blocks; i++) {
      const step = stage > 0 && i === 0 ? 2 : 1;
      const name = `layer${stage + 1}.${i}`;
      image.window(3, step, 1, `build ${name}`, 'use larger images');
      const changes = step !== 1 || channels !== wide;
      layers.push({
        kind: 'residual',
        name,
        body: [
          conv(`${name}.conv1`, wide, 3, step, 1),
          { kind: 'batch-norm', name: `${name}.bn1` },
          activation,
          conv(`${name}.conv2`, wide, 3, 1, 1),
          { kind: 'batch-norm', name: `${name}.bn2` },
        ],
        ...(changes
          ? {
              shortcut: [
                conv(`${name}.downsample.0`, wide, 1, step, 0),
                { kind: 'batch-norm', name: `${name}.downsample.1` } as const,
              ],
            }
          : {}),
      });
      layers.push(activation);
      channels = wide;
    }
  });
  layers.push({ kind: 'global-pool' }, { kind: 'linear', name: 'fc', units: classes });
  return layers;
}

/** Batch norm follows, so a bias would do nothing. */
function conv(name: string, channels: number, kernelSize: number, stride: number, padding: number) {
  return { kind: 'conv2d', name, channels, kernelSize, stride, padding, bias: false } as const;
}
