/** Lowering of convolutions: implicit matrix products over pixels, taps and channels. */
import { convGeometry } from '../plan/conv-geometry.ts';
import { numberAttr } from '../plan/op-definition.ts';
import type { PlannedTensor } from '../plan/plan.ts';
import { LANES } from '../plan/shape.ts';
import { groupedConv2d, groupedGradInput, groupedGradWeight } from './conv-grouped.ts';
import { isSliced, slicedForward, slicedGradInput, slicedGradWeight } from './conv-shared.ts';
import {
  MAX_TAPS,
  type Shape4,
  unrolledTaps,
  type Window,
  windowConstants,
} from './conv-window.ts';
import { forwardInputs } from './dense.ts';
import { gradientTarget } from './gradient-target.ts';
import type { KernelCall, Lowering, LoweringContext } from './kernel-call.ts';
import {
  ACTIVATION_CODE,
  BLEND_CODE,
  controlConstants,
  lineGrid,
  looped,
  MAX_GROUPS,
  read,
  write,
} from './kernel-call.ts';
import { checkLoop, LINE_SIZE } from './limits.ts';
import { chooseTile, type Tile } from './tiles.ts';

/** A 1 x 1 kernel sees no neighbours: all pixels of the batch are one long row. */
function flattened(w: Window, images: number): { window: Window; images: number } {
  const alone = w.KH === 1 && w.KW === 1 && w.STRIDE === 1 && w.PAD === 0 && w.PAD_Y === 0;
  if (!alone) return { window: w, images };
  const pixels = images * w.OH * w.OW;
  return { window: { ...w, H: 1, OH: 1, W: pixels, OW: pixels }, images: 1 };
}

/** Strips of an image row by channels: what conv2d and conv2d_grad_input have in common. */
function strips(
  tile: Tile,
  { width, lines, columns4 }: { width: number; lines: number; columns4: number },
  c: LoweringContext,
) {
  const perRow = Math.ceil(width / tile.rows);
  const total = lines * perRow;
  const size1 = tile.across ? tile.wx : tile.wy;
  // More strips than a dimension has workgroups lie in several layers of the third.
  const folds = Math.ceil(total / (size1 * MAX_GROUPS));
  const groups = Math.ceil(total / (size1 * folds));
  const columnGroups = Math.ceil(
    Math.ceil(columns4 / tile.columns4) / (tile.across ? tile.wy : tile.wx),
  );
  const columnsAtOnce = tile.columns4 * (tile.across ? tile.wy : tile.wx);
  const grid: KernelCall['grid'] = [
    ...(tile.across ? ([groups, columnGroups] as const) : ([columnGroups, groups] as const)),
    c.replicas * folds,
  ];
  return {
    defines: {
      TX: tile.rows,
      TN4: tile.columns4,
      QUAD: tile.quad ? 1 : 0,
      LOOPED: looped(c),
      ACROSS: tile.across ? 1 : 0,
      PIXEL_EDGE: width % tile.rows === 0 ? 0 : 1,
      STRIP_EDGE: total === groups * size1 * folds ? 0 : 1,
      FOLDS: folds,
      COLUMN_EDGE: columns4 % columnsAtOnce === 0 ? 0 : 1,
    },
    constants: {
      WX: tile.wx,
      WY: tile.wy,
      STRIPS: total,
      PER_ROW: perRow,
      ...(folds > 1 ? { GROUPS: groups } : {}),
    },
    grid,
  };
}

/** Channels of x that are not padding, of the last vec4 when it is the only one. */
function realChannels(channels: number): number {
  return Math.min(channels, LANES);
}

const conv2d: Lowering = (d, c) => {
  const [x, weight] = d.inputs as [PlannedTensor, PlannedTensor];
  const y = d.outputs[0]!;
  const { bias, host, control } = forwardInputs(d);
  const [kh, kw] = weight.padded as Shape4;
  const whole = windowConstants(d, x.padded as Shape4, y.padded as Shape4, kh, kw);
  const { window: w, images } = flattened(whole, x.padded[0]!);
  const taps = unrolledTaps(w);
  checkLoop('conv2d', kh * (1 + w.C4 * (1 + kw / taps)), 'use a smaller kernel or fewer channels');
  const size = { width: w.OW, lines: images * w.OH, columns4: w.O4 };
  const choice = chooseTile(
    {
      ...{ op: 'conv2d', rows: size.width, columns4: w.O4, repeats: size.lines },
      ...{ depth: kh * kw * w.C4, taps: kw },
    },
    c,
  );
  const { tile } = choice;
  const blend = BLEND_CODE[String(d.attrs['blend'] ?? 'none')]!;
  const common = {
    defines: {
      CHANNELS: realChannels(x.shape[3]!),
      BIAS: bias ? 1 : 0,
      BLEND: blend,
      ACT: ACTIVATION_CODE[String(d.attrs['activation'] ?? 'none')]!,
      SLOPE: 0,
    },
    constants: {
      X_STRIDE: x.replicaStride / LANES,
      W_STRIDE: c.parameterElements / LANES,
      ...(blend ? { ...controlConstants(c), ALPHA: numberAttr(d.attrs, 'alpha') } : {}),
    },
    bindings: [
      read(x, c),
      read(weight, c),
      write(y, c),
      ...(bias ? [read(bias, c)] : []),
      ...(blend ? [read(host!, c), read(control!, c)] : []),
    ],
  };
  if (isSliced(tile)) {
    const s = slicedForward(tile, w, images, c);
    return {
      shader: 'conv2d_shared',
      defines: { ...s.defines, ...common.defines },
      constants: { ...s.constants, ...common.constants, N: weight.shape.at(-1)! },
      ...{ bindings: common.bindings, grid: s.grid, choice },
    };
  }
  const s = strips(tile, size, c);
  return {
    shader: 'conv2d',
    defines: {
      ...s.defines,
      ...common.defines,
      TAPS: taps,
      CHUNKED: taps === kw ? 0 : 1,
      STRIDE: w.STRIDE,
      EDGES: w.PAD + w.PAD_Y > 0 ? 1 : 0,
    },
    constants: {
      ...w,
      ...s.constants,
      ...common.constants,
      O: weight.shape.at(-1)!,
      Y_STRIDE: y.replicaStride / LANES,
    },
    ...{ bindings: common.bindings, grid: s.grid, choice },
  };
};

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

const conv2dGradInput: Lowering = (d, c) => {
  const [dy, weight, saved] = d.inputs as [PlannedTensor, PlannedTensor, PlannedTensor?];
  const dx = d.outputs[0]!;
  const [kh, kw] = weight.padded as Shape4;
  const whole = windowConstants(d, dx.padded as Shape4, dy.padded as Shape4, kh, kw);
  const { window: w, images } = flattened(whole, dx.padded[0]!);
  // A strided pixel looks its taps up one by one: unrolled, one CPU renderer compiles for minutes.
  const taps = w.STRIDE > 1 ? 1 : unrolledTaps(w);
  checkLoop('conv2d_grad_input', kh * (1 + w.O4 * (1 + kw / taps)), 'use fewer channels');
  // Pixels that a stride leaves apart meet other taps: each phase of a row has strips of its own.
  const width = Math.ceil(w.W / w.STRIDE);
  const size = { width, lines: images * w.H * w.STRIDE, columns4: w.C4 };
  const choice = chooseTile(
    {
      ...{ op: 'conv2d_grad_input', rows: size.width, columns4: w.C4, repeats: size.lines },
      ...{ depth: kh * kw * w.O4, taps: kw, strided: w.STRIDE > 1 },
    },
    c,
  );
  const { tile } = choice;
  const masked = { ACT: 0, SLOPE: ACTIVATION_CODE[String(d.attrs['mask'] ?? 'none')]! };
  const strides = {
    DY_STRIDE: dy.replicaStride / LANES,
    W_STRIDE: c.parameterElements / LANES,
  };
  const bindings = [
    ...[read(dy, c), read(weight, c), write(dx, c)],
    ...(saved ? [read(saved, c)] : []),
  ];
  if (isSliced(tile)) {
    const s = slicedGradInput(tile, w, images, c);
    return {
      shader: 'conv2d_grad_input_shared',
      defines: { ...s.defines, ...masked },
      constants: { ...s.constants, ...strides },
      ...{ bindings, grid: s.grid, choice },
    };
  }
  const s = strips(tile, size, c);
  return {
    shader: 'conv2d_grad_input',
    defines: {
      ...s.defines,
      ...masked,
      TAPS: taps,
      CHUNKED: taps === kw ? 0 : 1,
      STRIDED: w.STRIDE > 1 ? 1 : 0,
      STEP: w.STRIDE,
      // The last phases of a row may have a pixel less.
      ...(w.W % w.STRIDE === 0 ? {} : { PIXEL_EDGE: 1 }),
    },
    constants: {
      ...{ ...w, ...s.constants, ...strides, DX_STRIDE: dx.replicaStride / LANES },
      ...(w.STRIDE > 1 ? { TAP_STEP: w.STRIDE / gcd(w.STRIDE, w.DILATION) } : {}),
    },
    ...{ bindings, grid: s.grid, choice },
  };
};

const conv2dGradWeight: Lowering = (d, c) => {
  const [x, dy] = d.inputs as [PlannedTensor, PlannedTensor];
  const kh = numberAttr(d.attrs, 'kernelHeight');
  const kw = numberAttr(d.attrs, 'kernelWidth');
  const w = windowConstants(d, x.padded as Shape4, dy.padded as Shape4, kh, kw);
  const batch = x.padded[0]!;
  const parts = numberAttr(d.attrs, 'partials');
  const chunk = Math.ceil(batch / parts);
  checkLoop('conv2d_grad_weight', chunk * (1 + w.OH * (1 + w.OW)), 'use smaller images');
  const taps = kw <= MAX_TAPS ? kw : 4;
  const choice = chooseTile(
    {
      ...{ op: 'conv2d_grad_weight', rows: w.C4, columns4: w.O4 },
      ...{ depth: chunk * w.OH * w.OW, repeats: kh * parts, taps: kw },
    },
    c,
  );
  const { tile } = choice;
  const split = {
    B: batch,
    PARTS: parts,
    CHUNK: chunk,
    X_STRIDE: x.replicaStride / LANES,
    DY_STRIDE: dy.replicaStride / LANES,
  };
  const bindings = [read(x, c), read(dy, c), write(d.outputs[0]!, c)];
  const CHANNELS = realChannels(x.shape[3]!);
  if (isSliced(tile)) {
    const s = slicedGradWeight(tile, w, { batch, parts, chunk }, c);
    return {
      shader: 'conv2d_grad_weight_shared',
      defines: { ...s.defines, CHANNELS },
      constants: { ...s.constants, ...split },
      ...{ bindings, grid: s.grid, choice },
    };
  }
  const rows = kh * Math.ceil(kw / taps) * Math.ceil(w.C4 / tile.rows);
  return {
    shader: 'conv2d_grad_weight',
    defines: {
      TAPS: taps,
      TM4: tile.rows,
      TN4: tile.columns4,
      QUAD: tile.quad ? 1 : 0,
      LOOPED: looped(c),
      CHANNELS,
      SLIDE: w.STRIDE === 1 && w.DILATION === 1 && taps > 1 ? 1 : 0,
    },
    constants: {
      ...w,
      WX: tile.wx,
      WY: tile.wy,
      ...split,
    },
    bindings,
    grid: [
      Math.ceil(w.O4 / (tile.wx * tile.columns4)),
      Math.ceil(rows / tile.wy),
      c.replicas * parts,
    ],
    choice,
  };
};

const reducePartials: Lowering = (d, c) => {
  const partial = d.inputs[0]!;
  const [dw, db] = d.outputs as [PlannedTensor, PlannedTensor?];
  const parts = numberAttr(d.attrs, 'partials');
  checkLoop('reduce_partials', parts, 'use a smaller batch');
  const size4 = dw.elements / LANES;
  const o4 = dw.padded.at(-1)! / LANES;
  const target = gradientTarget(dw, db, c);
  return {
    shader: 'reduce_partials',
    defines: target.defines,
    constants: { ...target.constants, SIZE4: size4, O4: o4, PARTS: parts },
    bindings: [read(partial, c), ...target.bindings],
    grid: [...lineGrid(size4 + (db ? o4 : 0), LINE_SIZE), c.replicas],
  };
};

/** Groups have kernels of their own, so that convolutions without them pay nothing. */
const byGroups =
  (whole: Lowering, grouped: Lowering): Lowering =>
  (d, c) =>
    (convGeometry(d.attrs).groups > 1 ? grouped : whole)(d, c);

export const convKernels: Record<string, Lowering> = {
  conv2d: byGroups(conv2d, groupedConv2d),
  conv2d_grad_input: byGroups(conv2dGradInput, groupedGradInput),
  conv2d_grad_weight: byGroups(conv2dGradWeight, groupedGradWeight),
  reduce_partials: reducePartials,
};
