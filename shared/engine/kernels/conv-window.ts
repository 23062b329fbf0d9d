/** What the lowerings of all convolutions share: sizes, and how many taps are unrolled. */
import { convGeometry } from '../plan/conv-geometry.ts';
import type { Dispatch } from '../plan/plan.ts';
import { LANES } from '../plan/shape.ts';

/** Most taps of a kernel row that one invocation unrolls. */
export const MAX_TAPS = 5;

export type Shape4 = readonly [number, number, number, number];

/** Sizes that the convolution kernels share; channels in vec4s. */
export function windowConstants(
  d: Dispatch,
  image: Shape4,
  result: Shape4,
  kh: number,
  kw: number,
) {
  const { stride, padding, paddingHeight, dilation } = convGeometry(d.attrs);
  return {
    H: image[1],
    W: image[2],
    C4: image[3] / LANES,
    OH: result[1],
    OW: result[2],
    O4: result[3] / LANES,
    KH: kh,
    KW: kw,
    STRIDE: stride,
    PAD: padding,
    PAD_Y: paddingHeight,
    DILATION: dilation,
  };
}

export type Window = ReturnType<typeof windowConstants>;

/**
 * Neighbouring taps unrolled together: the largest divisor of the kernel's width, or one where they
 * are apart.
 */
export function unrolledTaps({ KW, DILATION }: Window): number {
  if (DILATION > 1) return 1;
  let taps = Math.min(KW, MAX_TAPS);
  while (KW % taps !== 0) taps--;
  return taps;
}

/** Channels of x that are not padding, of the last vec4 when it is the only one. */
export function realChannels(channels: number): number {
  return Math.min(channels, LANES);
}
