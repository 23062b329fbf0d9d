/** How a convolution's kernel moves over the image: the attributes of conv2d and its gradients. */
import type { Attributes } from './graph.ts';
import { numberAttr } from './op-definition.ts';

export interface ConvGeometry {
  /** Pixels between two places of the kernel. */
  stride: number;
  /** Zeros left and right of the image. */
  padding: number;
  /** Zeros above and below it. @default {padding} */
  paddingHeight: number;
  /** Pixels between two neighbouring taps. @default {1} */
  dilation: number;
  /**
   * Input and output channels are cut into this many runs, each joined to its own alone; as many as
   * channels: depthwise. @default {1}
   */
  groups: number;
}

/** @throws {RangeError} If a number is not whole or too small. */
export function convGeometry(attrs: Attributes): ConvGeometry {
  const optional = (key: string, otherwise: number) =>
    attrs[key] === undefined ? otherwise : numberAttr(attrs, key);
  const padding = numberAttr(attrs, 'padding');
  const geometry = {
    stride: numberAttr(attrs, 'stride'),
    padding,
    paddingHeight: optional('paddingHeight', padding),
    dilation: optional('dilation', 1),
    groups: optional('groups', 1),
  };
  for (const [key, value] of Object.entries(geometry)) {
    const least = key.startsWith('padding') ? 0 : 1;
    if (!Number.isInteger(value) || value < least) {
      throw new RangeError(
        `Cannot apply conv2d: ${key} is ${value}, must be a whole number of at least ${least}`,
      );
    }
  }
  return geometry;
}
