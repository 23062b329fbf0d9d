/** Convolutions in float64: images [B, H, W, C], weights [KH, KW, C / groups, O], as stored. */
import { convGeometry } from '../plan/conv-geometry.ts';
import { numberAttr } from '../plan/op-definition.ts';
import type { PlannedTensor } from '../plan/plan.ts';
import { finishBackward, finishForward } from './epilogue.ts';
import type { ReferenceCall, ReferenceOp } from './reference-call.ts';

interface Window {
  /** Batch, input height, width and channels. */
  b: number;
  h: number;
  w: number;
  c: number;
  /** Output height, width and channels. */
  oh: number;
  ow: number;
  o: number;
  kh: number;
  kw: number;
  stride: number;
  padding: number;
  /** @default {padding} */
  paddingHeight?: number;
  /** @default {1} */
  dilation?: number;
  /** @default {1} */
  groups?: number;
  /** Channels without padding, which groups divide. @default {c} */
  channels?: number;
  /** Outputs without padding. @default {o} */
  outputs?: number;
}

/** Which weights join a channel to which outputs: those of its group. */
interface Channels {
  /** Channels that count: with groups the real ones, else the stored ones. */
  inputs: number;
  /** Outputs of a group. */
  run: number;
  /** First output of a channel's group, and its row within a tap of the weight. */
  first: number[];
  row: number[];
  /** Rows of a tap. */
  rows: number;
}

function channelsOf(s: Window): Channels {
  const { groups = 1 } = s;
  const [inputs, outputs] = groups === 1 ? [s.c, s.o] : [s.channels ?? s.c, s.outputs ?? s.o];
  const [rows, run] = [inputs / groups, outputs / groups];
  const all = Array.from({ length: inputs }, (_, c) => c);
  const first = all.map((c) => Math.floor(c / rows) * run);
  return { inputs, run, first, row: all.map((c) => c % rows), rows };
}

type Visit = (x: number, tap: number, y: number, image: number) => void;

/**
 * Visits every pair of an input pixel and an output pixel that a tap joins: offsets of the pixels'
 * first channels, and the tap's number. Taps outside the image are left out: they add zero.
 */
function forEachTap(s: Window, visit: Visit): void {
  const { paddingHeight = s.padding, dilation = 1 } = s;
  for (let b = 0; b < s.b; b++) {
    for (let oy = 0; oy < s.oh; oy++) {
      for (let ox = 0; ox < s.ow; ox++) {
        const y = ((b * s.oh + oy) * s.ow + ox) * s.o;
        for (let ky = 0; ky < s.kh; ky++) {
          const iy = oy * s.stride + ky * dilation - paddingHeight;
          if (iy < 0 || iy >= s.h) continue;
          for (let kx = 0; kx < s.kw; kx++) {
            const ix = ox * s.stride + kx * dilation - s.padding;
            if (ix < 0 || ix >= s.w) continue;
            visit(((b * s.h + iy) * s.w + ix) * s.c, ky * s.kw + kx, y, b);
          }
        }
      }
    }
  }
}

/** y[pixel,o] = sum over taps and c of x[tapped pixel,c] weight[tap,c,o]. */
export function conv2d(x: Float64Array, weight: Float64Array, y: Float64Array, s: Window): void {
  y.fill(0);
  const k = channelsOf(s);
  forEachTap(s, (xAt, tap, yAt) => {
    for (let c = 0; c < k.inputs; c++) {
      const a = x[xAt + c]!;
      const row = (tap * k.rows + k.row[c]!) * s.o;
      const end = k.first[c]! + k.run;
      for (let o = k.first[c]!; o < end; o++) y[yAt + o]! += a * weight[row + o]!;
    }
  });
}

/** dx[pixel,c] = sum over the outputs that used the pixel, and o, of dy weight. */
export function conv2dGradInput(
  dy: Float64Array,
  weight: Float64Array,
  dx: Float64Array,
  s: Window,
): void {
  dx.fill(0);
  const k = channelsOf(s);
  forEachTap(s, (xAt, tap, yAt) => {
    for (let c = 0; c < k.inputs; c++) {
      const row = (tap * k.rows + k.row[c]!) * s.o;
      const end = k.first[c]! + k.run;
      let sum = 0;
      for (let o = k.first[c]!; o < end; o++) sum += dy[yAt + o]! * weight[row + o]!;
      dx[xAt + c]! += sum;
    }
  });
}

/**
 * partial[p] = [KH*KW*C/groups + 1, O]: weight gradient, and in the last row the bias gradient, of the
 * images with floor(image / ceil(B / partials)) = p.
 */
export function conv2dGradWeight(
  x: Float64Array,
  dy: Float64Array,
  partial: Float64Array,
  partials: number,
  s: Window,
): void {
  partial.fill(0);
  const k = channelsOf(s);
  const rows = s.kh * s.kw * k.rows + 1;
  const chunk = Math.ceil(s.b / partials);
  const baseOf = (image: number) => Math.floor(image / chunk) * rows * s.o;
  forEachTap(s, (xAt, tap, yAt, image) => {
    const base = baseOf(image);
    for (let c = 0; c < k.inputs; c++) {
      const a = x[xAt + c]!;
      const row = base + (tap * k.rows + k.row[c]!) * s.o;
      const end = k.first[c]! + k.run;
      for (let o = k.first[c]!; o < end; o++) partial[row + o]! += a * dy[yAt + o]!;
    }
  });
  const pixels = s.oh * s.ow;
  for (let i = 0; i < s.b * pixels; i++) {
    const last = baseOf(Math.floor(i / pixels)) + (rows - 1) * s.o;
    for (let o = 0; o < s.o; o++) partial[last + o]! += dy[i * s.o + o]!;
  }
}

function windowOf(
  call: ReferenceCall,
  image: PlannedTensor,
  result: PlannedTensor,
  kernel: readonly [number, number],
): Window {
  const [b, h, w, c] = image.padded as [number, number, number, number];
  const [, oh, ow, o] = result.padded as [number, number, number, number];
  const { attrs } = call.dispatch;
  return {
    ...{ b, h, w, c, oh, ow, o },
    ...{ channels: image.shape[3]!, outputs: result.shape[3]! },
    ...{ kh: kernel[0], kw: kernel[1] },
    ...convGeometry(attrs),
  };
}

const kernelOf = (weight: PlannedTensor) => [weight.shape[0]!, weight.shape[1]!] as const;

export const convReference: Record<string, ReferenceOp> = {
  conv2d(call) {
    const [x, weight] = call.dispatch.inputs;
    const s = windowOf(call, x!, call.dispatch.outputs[0]!, kernelOf(weight!));
    conv2d(call.input(0), call.input(1), call.output(0), s);
    finishForward(call, weight!.shape[3]!, s.o);
  },
  conv2d_grad_input(call) {
    const [dy, weight] = call.dispatch.inputs;
    const s = windowOf(call, call.dispatch.outputs[0]!, dy!, kernelOf(weight!));
    conv2dGradInput(call.input(0), call.input(1), call.output(0), s);
    finishBackward(call);
  },
  conv2d_grad_weight(call) {
    const { attrs, inputs } = call.dispatch;
    const kernel = [numberAttr(attrs, 'kernelHeight'), numberAttr(attrs, 'kernelWidth')] as const;
    const s = windowOf(call, inputs[0]!, inputs[1]!, kernel);
    const partials = numberAttr(attrs, 'partials');
    conv2dGradWeight(call.input(0), call.input(1), call.output(0), partials, s);
  },
  reduce_partials(call) {
    const partial = call.input(0);
    const size = partial.length / numberAttr(call.dispatch.attrs, 'partials');
    const dw = call.output(0);
    const db = call.dispatch.outputs.length > 1 ? call.output(1) : null;
    dw.fill(0);
    db?.fill(0);
    for (let base = 0; base < partial.length; base += size) {
      for (let i = 0; i < dw.length; i++) dw[i]! += partial[base + i]!;
      if (db) for (let i = 0; i < db.length; i++) db[i]! += partial[base + dw.length + i]!;
    }
  },
};
