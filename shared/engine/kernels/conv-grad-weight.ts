/** Lowering of the gradients of kernels: sums over pixels in parts, and the sum of the parts. */
import { numberAttr } from '../plan/op-definition.ts';
import type { PlannedTensor } from '../plan/plan.ts';
import { LANES } from '../plan/shape.ts';
import { isSliced, slicedGradWeight } from './conv-shared.ts';
import { MAX_TAPS, realChannels, type Shape4, windowConstants } from './conv-window.ts';
import { gradientTarget } from './gradient-target.ts';
import { type Lowering, lineGrid, looped, read, write } from './kernel-call.ts';
import { checkLoop, LINE_SIZE } from './limits.ts';
import { chooseTile } from './tiles.ts';

export const conv2dGradWeight: Lowering = (d, c) => {
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

export const reducePartials: Lowering = (d, c) => {
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
