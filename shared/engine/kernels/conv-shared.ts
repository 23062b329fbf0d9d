/**
 * Lowering of convolutions whose operands pass through workgroup memory: implicit matrix products over
 * all pixels of a batch, which no buffer ever holds.
 */
import type { Window } from './conv-window.ts';
import type { KernelCall, LoweringContext } from './kernel-call.ts';
import { looped, MAX_GROUPS } from './kernel-call.ts';
import type { Tile } from './tiles.ts';

/** A tile that has a slice. */
export type SlicedTile = Tile & { slice: number };

export function isSliced(tile: Tile): tile is SlicedTile {
  return tile.slice !== undefined;
}

/** Sizes of the product: its rows in the unit of `Tile.rows`. */
interface Product {
  rows: number;
  columns4: number;
  /** Length of the sums in numbers; 0: they differ. */
  depth: number;
}

type Text = Pick<KernelCall, 'defines' | 'constants' | 'grid'>;

/** @param layers Products that lie side by side in the third dimension. */
function product(tile: SlicedTile, p: Product, layers: number): Text {
  const { wx, wy, rows, columns4, slice } = tile;
  const groups = Math.ceil(p.rows / (wy * rows));
  // More workgroups than a dimension has lie in several layers of the third.
  const folds = Math.ceil(groups / MAX_GROUPS);
  const along = Math.ceil(groups / folds);
  return {
    defines: {
      ...{ WX: wx, WY: wy, TN4: columns4, SLICE: slice, FOLDS: folds },
      DEPTH_EDGE: p.depth > 0 && p.depth % slice === 0 ? 0 : 1,
      ROW_EDGE: p.rows === along * folds * wy * rows ? 0 : 1,
      COLUMN_EDGE: p.columns4 % (wx * columns4) === 0 ? 0 : 1,
    },
    constants: folds > 1 ? { GROUPS: along } : {},
    grid: [Math.ceil(p.columns4 / (wx * columns4)), along, layers * folds],
  };
}

/** What of a window all three kernels take. */
function windowOf({ H, W, OH, OW, KW, STRIDE, PAD, PAD_Y, DILATION }: Window) {
  return { H, W, OH, OW, KW, STRIDE, PAD, PAD_Y, DILATION };
}

/** conv2d_shared: pixels of y by channels of y. */
export function slicedForward(
  tile: SlicedTile,
  w: Window,
  images: number,
  c: LoweringContext,
): Text {
  const rows = images * w.OH * w.OW;
  const depth4 = w.KH * w.C4 * w.KW;
  const p = product(tile, { rows, columns4: w.O4, depth: 4 * depth4 }, c.replicas);
  return {
    defines: { ...p.defines, TM: tile.rows, LOOPED: looped(c) },
    constants: { ...windowOf(w), ...p.constants, M: rows, C4: w.C4, N4: w.O4, DEPTH4: depth4 },
    grid: p.grid,
  };
}

/** conv2d_grad_input_shared: pixels of dx by channels of dx. */
export function slicedGradInput(
  tile: SlicedTile,
  w: Window,
  images: number,
  c: LoweringContext,
): Text {
  const rows = images * w.H * w.W;
  const depth4 = w.KH * w.O4 * w.KW;
  const p = product(tile, { rows, columns4: w.C4, depth: 4 * depth4 }, c.replicas);
  return {
    defines: { ...p.defines, TM: tile.rows, LOOPED: looped(c), CHANNELS: 4 },
    constants: { ...windowOf(w), ...p.constants, M: rows, O4: w.O4, K4: w.C4, DEPTH4: depth4 },
    grid: p.grid,
  };
}

/**
 * conv2d_grad_weight_shared: taps and channels of x by channels of dy.
 *
 * @param parts Parts of the batch, of `chunk` images each but the last.
 */
export function slicedGradWeight(
  tile: SlicedTile,
  w: Window,
  { batch, parts, chunk }: { batch: number; parts: number; chunk: number },
  c: LoweringContext,
): Text {
  const rows = w.KH * w.KW * w.C4;
  const depth = parts * chunk === batch ? chunk * w.OH * w.OW : 0;
  const p = product(tile, { rows, columns4: w.O4, depth }, c.replicas * parts);
  const { FOLDS, ...defines } = p.defines;
  return {
    defines: { ...defines, TM4: tile.rows },
    constants: { ...windowOf(w), C4: w.C4, N4: w.O4, ROWS4: rows },
    grid: p.grid,
  };
}
