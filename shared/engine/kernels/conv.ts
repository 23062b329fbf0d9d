/** Lowering of convolutions: implicit matrix products over pixels, taps and channels. */
import { convGeometry } from '../plan/conv-geometry.ts';
import { numberAttr } from '../plan/op-definition.ts';
import type { PlannedTensor } from '../plan/plan.ts';
import { LANES } from '../plan/shape.ts';
import { conv2dGradWeight, reducePartials } from './conv-grad-weight.ts';
import { groupedConv2d, groupedGradInput, groupedGradWeight } from './conv-grouped.ts';
import { isSliced, slicedForward, slicedGradInput } from './conv-shared.ts';
import {
  realChannels,
  type Shape4,
  unrolledTaps,
  type Window,
  windowConstants,
} from './conv-window.ts';
import { forwardInputs } from './dense.ts';
import type { KernelCall, Lowering, LoweringContext } from './kernel-call.ts';
import {
  ACTIVATION_CODE,
  BLEND_CODE,
  controlConstants,
  looped,
  MAX_GROUPS,
  read,
  write,
} from './kernel-call.ts';
import { checkLoop } from './limits.ts';
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
