/** Lowering of convolutions with groups, depthwise ones among them. */
import { convGeometry } from '../plan/conv-geometry.ts';
import { numberAttr } from '../plan/op-definition.ts';
import type { Dispatch, PlannedTensor } from '../plan/plan.ts';
import { LANES } from '../plan/shape.ts';
import { type Shape4, unrolledTaps, type Window, windowConstants } from './conv-window.ts';
import { forwardInputs } from './dense.ts';
import type { Lowering, LoweringContext } from './kernel-call.ts';
import {
  ACTIVATION_CODE,
  BLEND_CODE,
  controlConstants,
  lineGrid,
  read,
  write,
} from './kernel-call.ts';
import { checkLoop } from './limits.ts';
import { chooseTile } from './tiles.ts';

/** Codes of MODE in shaders/lib/grouped_window.wgsl. */
const MODE = { apart: 0, vectors: 1, depthwise: 2 } as const;

/** How the channels of a vec4 fall into groups, and the sizes that say so. */
function groupsOf(d: Dispatch, inputs: number, outputs: number) {
  const { groups } = convGeometry(d.attrs);
  const [cg, og] = [inputs / groups, outputs / groups];
  const mode =
    cg === 1 && og === 1
      ? MODE.depthwise
      : cg % LANES === 0 && og % LANES === 0
        ? MODE.vectors
        : MODE.apart;
  /** Steps of a loop over the `channels` of a group. */
  const depth = (channels: number) => (mode === MODE.vectors ? channels / LANES : channels);
  return { mode, depth, constants: { CG: cg, OG: og } };
}

/** Pieces of the rows of an image, one invocation for each and every vec4 of channels. */
function strips(
  op: 'conv2d_grouped' | 'conv2d_grouped_grad_input',
  size: { width: number; lines: number; columns4: number; depth: number; taps: number },
  c: LoweringContext,
) {
  const { width, lines, columns4, depth, taps } = size;
  const choice = chooseTile({ op, rows: width, columns4, depth, repeats: lines, taps }, c);
  const { rows: length, wx } = choice.tile;
  const perRow = Math.ceil(width / length);
  const total = lines * perRow;
  return {
    length,
    constants: { WX: wx, STRIPS: total, PER_ROW: perRow },
    grid: [...lineGrid(total * columns4, wx), c.replicas] as [number, number, number],
    choice,
  };
}

function checkTaps(op: string, w: Window, depth: number): void {
  checkLoop(op, w.KH * (1 + depth * (1 + w.KW)), 'use a smaller kernel or more groups');
}

export const groupedConv2d: Lowering = (d, c) => {
  const [x, weight] = d.inputs as [PlannedTensor, PlannedTensor];
  const y = d.outputs[0]!;
  const { bias, host, control } = forwardInputs(d);
  const [kh, kw] = weight.padded as Shape4;
  const w = windowConstants(d, x.padded as Shape4, y.padded as Shape4, kh, kw);
  const g = groupsOf(d, x.shape[3]!, weight.shape[3]!);
  const depth = g.depth(g.constants.CG);
  checkTaps('conv2d', w, depth);
  const size = { width: w.OW, lines: x.padded[0]! * w.OH, columns4: w.O4 };
  const s = strips('conv2d_grouped', { ...size, depth: kh * depth, taps: kw }, c);
  const taps = unrolledTaps(w);
  const blend = BLEND_CODE[String(d.attrs['blend'] ?? 'none')]!;
  return {
    shader: 'conv2d_grouped',
    defines: {
      ...{ MODE: g.mode, TX: s.length, TAPS: taps, CHUNKED: taps === kw ? 0 : 1 },
      ...{ STRIDE: w.STRIDE, BIAS: bias ? 1 : 0, BLEND: blend, SLOPE: 0 },
      ACT: ACTIVATION_CODE[String(d.attrs['activation'] ?? 'none')]!,
    },
    constants: {
      ...w,
      ...g.constants,
      ...s.constants,
      DEPTH: depth,
      O: weight.shape[3]!,
      X_STRIDE: x.replicaStride / LANES,
      Y_STRIDE: y.replicaStride / LANES,
      W_STRIDE: c.parameterElements / LANES,
      ...(blend ? { ...controlConstants(c), ALPHA: numberAttr(d.attrs, 'alpha') } : {}),
    },
    bindings: [
      ...[read(x, c), read(weight, c), write(y, c)],
      ...(bias ? [read(bias, c)] : []),
      ...(blend ? [read(host!, c), read(control!, c)] : []),
    ],
    ...{ grid: s.grid, choice: s.choice },
  };
};

export const groupedGradInput: Lowering = (d, c) => {
  const [dy, weight, saved] = d.inputs as [PlannedTensor, PlannedTensor, PlannedTensor?];
  const dx = d.outputs[0]!;
  const [kh, kw] = weight.padded as Shape4;
  const w = windowConstants(d, dx.padded as Shape4, dy.padded as Shape4, kh, kw);
  const g = groupsOf(d, dx.shape[3]!, weight.shape[3]!);
  const depth = g.depth(g.constants.OG);
  checkTaps('conv2d_grad_input', w, depth);
  const size = { width: w.W, lines: dx.padded[0]! * w.H, columns4: w.C4 };
  const s = strips('conv2d_grouped_grad_input', { ...size, depth: kh * depth, taps: kw }, c);
  return {
    shader: 'conv2d_grouped_grad_input',
    defines: {
      ...{ MODE: g.mode, TX: s.length, ACT: 0 },
      SLOPE: ACTIVATION_CODE[String(d.attrs['mask'] ?? 'none')]!,
    },
    constants: {
      ...w,
      ...g.constants,
      ...s.constants,
      DEPTH: depth,
      C: dx.shape[3]!,
      DY_STRIDE: dy.replicaStride / LANES,
      DX_STRIDE: dx.replicaStride / LANES,
      W_STRIDE: c.parameterElements / LANES,
    },
    bindings: [read(dy, c), read(weight, c), write(dx, c), ...(saved ? [read(saved, c)] : [])],
    ...{ grid: s.grid, choice: s.choice },
  };
};

export const groupedGradWeight: Lowering = (d, c) => {
  const [x, dy] = d.inputs as [PlannedTensor, PlannedTensor];
  const kh = numberAttr(d.attrs, 'kernelHeight');
  const kw = numberAttr(d.attrs, 'kernelWidth');
  const w = windowConstants(d, x.padded as Shape4, dy.padded as Shape4, kh, kw);
  const g = groupsOf(d, x.shape[3]!, dy.shape[3]!);
  const depth = g.depth(g.constants.CG);
  const batch = x.padded[0]!;
  const parts = numberAttr(d.attrs, 'partials');
  const chunk = Math.ceil(batch / parts);
  checkLoop('conv2d_grad_weight', chunk * (1 + w.OH * (1 + w.OW)), 'use smaller images');
  const choice = chooseTile(
    {
      ...{ op: 'conv2d_grouped_grad_weight', rows: depth, columns4: w.O4 },
      ...{ depth: chunk * w.OH * w.OW, repeats: kh * parts, taps: kw },
    },
    c,
  );
  const { rows: taps, wx } = choice.tile;
  const rows = kh * Math.ceil(kw / taps) * depth;
  return {
    shader: 'conv2d_grouped_grad_weight',
    defines: {
      ...{ MODE: g.mode, TAPS: taps },
      SLIDE: w.STRIDE === 1 && w.DILATION === 1 && taps > 1 ? 1 : 0,
    },
    constants: {
      ...w,
      ...g.constants,
      WX: wx,
      DEPTH: depth,
      O: dy.shape[3]!,
      B: batch,
      PARTS: parts,
      CHUNK: chunk,
      X_STRIDE: x.replicaStride / LANES,
      DY_STRIDE: dy.replicaStride / LANES,
    },
    bindings: [read(x, c), read(dy, c), write(d.outputs[0]!, c)],
    grid: [...lineGrid(rows * w.O4, wx), c.replicas * parts],
    choice,
  };
};
