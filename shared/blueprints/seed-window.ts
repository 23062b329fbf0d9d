/**
 * Windows of a blueprint's convolutions: how they move over their input, and how those that follow
 * the host take its stride, padding, dilation and groups.
 */
import type { BlueprintNode, HostShape } from '../contracts/blueprint.ts';

/** Logical feature axes without the batch, channels last. */
export type Shape = readonly number[];

/** How one convolution of a seed walks over its input; zero padding, the same on all sides. */
export interface ConvGeometry {
  stride: number;
  padding: number;
  /** @default {1} */
  dilation?: number;
  /** Runs of channels that are each joined to their own alone. @default {1} */
  groups?: number;
}

export function show(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Places of a window along an axis of `size` cells. */
export function extent(
  size: number,
  kernelSize: number,
  window: { stride: number; padding: number; dilation?: number | undefined },
): number {
  const { dilation = 1, padding, stride } = window;
  return Math.floor((size + 2 * padding - dilation * (kernelSize - 1) - 1) / stride) + 1;
}

/** Groups of a convolution that is not depthwise. */
export function groupsOf(
  { groups }: Extract<BlueprintNode, { op: 'conv2d' }>,
  host: HostShape,
): number {
  return groups === 'host' && host.kind === 'conv2d' ? (host.groups ?? 1) : 1;
}

/** Stride, padding and dilation of a convolution, or why there is none that fits. */
export function convGeometry(
  node: Extract<BlueprintNode, { op: 'conv2d' }>,
  input: Shape,
  host: HostShape,
): ConvGeometry | string {
  const { id, kernelSize, stride } = node;
  if (stride === 1) {
    if (kernelSize % 2 === 1) return { stride: 1, padding: (kernelSize - 1) / 2 };
    return `conv2d node "${id}" has kernel ${kernelSize}, must be odd to keep its input's shape`;
  }
  if (host.kind !== 'conv2d') return `conv2d node "${id}" has stride "host", but no host to follow`;
  if (input[0] !== host.input[0] || input[1] !== host.input[1]) {
    return (
      `conv2d node "${id}" has stride "host" but reads ${show(input)}, ` +
      `must read the host's ${host.input[0]} by ${host.input[1]}`
    );
  }
  // Taps centred on the host's taps; a smaller kernel needs less padding to see the same place.
  const { dilation = 1 } = host;
  const padding = host.padding - (dilation * (host.kernelSize - kernelSize)) / 2;
  if (!Number.isInteger(padding)) {
    return (
      `conv2d node "${id}" has kernel ${kernelSize} and the host ${host.kernelSize}; ` +
      'both must be odd or both even to be centred on each other'
    );
  }
  if (padding < 0) {
    return (
      `conv2d node "${id}" has kernel ${kernelSize} and would need padding ${padding}; ` +
      `the host's padding is ${host.padding}, must be at least ${host.padding - padding}`
    );
  }
  return { stride: host.stride, padding, ...(dilation === 1 ? {} : { dilation }) };
}
