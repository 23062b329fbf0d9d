/**
 * The tile that a plan may begin with while its own is compiled: small bodies of few sums compile in a
 * fraction of the time. As any tile it gives the same bits; see engine/gpu/tiered-start.ts.
 *
 * A compact one goes furthest. A CPU renderer's compile time grows with the places that load or store,
 * about 5 ms each; a compact kernel has one for each operand, in a loop over single numbers, and reads
 * its sizes from a buffer, so that all layers of a network share its pipeline.
 */
import { MAX_LOOP_ITERATIONS } from '../plan/ops-conv.ts';
import { stripLength } from './conv-tiles.ts';
import type { LoweringContext } from './kernel-call.ts';
import { LINE_SIZE } from './limits.ts';
import { sizeClass } from './size-class.ts';
import type { Tile, TileShape } from './tiles.ts';

/** Invocations of a start tile's workgroup on a CPU renderer, which computes as many side by side. */
const LANES = 8;
/** Rows or pixels of an invocation: each row more costs a CPU renderer a tenth of the compile time. */
const ROWS = 2;

/** Vec4 sums that an invocation holds: what the unrolled body grows with, to about a factor of two. */
function sumsOf(tile: Tile): number {
  return tile.rows * tile.columns4 * (tile.slice === undefined ? 1 : 4);
}

/** Products that have a compact kernel. */
const COMPACT: ReadonlySet<string> = new Set([
  ...['linear', 'linear_cross_entropy', 'linear_grad_input', 'linear_grad_weight'],
]);

/** Vec4 multiply-adds from which on a first step by a compact kernel costs more than it saves. */
const MOST_WORK = 2 ** 21;

/** The compact tile, if the product has one and all of its class may run it, or null. */
export function compactTile(s: TileShape): Tile | null {
  if (!COMPACT.has(s.op)) return null;
  const isLoss = s.op === 'linear_cross_entropy';
  // One number an iteration, and in the loss all columns one after another, with a few loops over them.
  const iterations = isLoss
    ? 4 * sizeClass(s.columns4) * (sizeClass(s.depth) + LANES)
    : sizeClass(s.depth);
  if (iterations > MAX_LOOP_ITERATIONS) return null;
  return { rows: 1, columns4: isLoss ? s.columns4 : 1, wx: LINE_SIZE, wy: 1, compact: true };
}

/** Whether `start` saves enough compile time to begin with it. */
export function isShorter(start: Tile, tile: Tile): boolean {
  if (start.compact || tile.compact) return !tile.compact;
  return 2 * sumsOf(start) <= sumsOf(tile);
}

/**
 * Hardware begins with its default, which is small; a CPU renderer, which compiles far slower and wants
 * large tiles, with one made for this.
 */
export function startTile(
  s: TileShape,
  candidates: readonly Tile[],
  c: LoweringContext,
  work: number,
): Tile {
  const standard = candidates[0]!;
  if (c.family === 'gpu') return standard;
  // Rows of weight gradients are vec4s.
  const adds = s.op === 'linear_grad_weight' ? 4 * work : work;
  const compact = adds <= MOST_WORK ? compactTile(s) : null;
  if (compact) return compact;
  if (s.op === 'linear_cross_entropy' || s.op.startsWith('conv2d_grouped')) {
    return candidates.reduce((a, b) => (sumsOf(b) < sumsOf(a) ? b : a));
  }
  if (s.op === 'conv2d' || s.op === 'conv2d_grad_input') {
    const rows = stripLength(s.rows, ROWS);
    return { rows, columns4: 1, wx: LANES, wy: 1, across: true };
  }
  // The same for all shapes, so that layers share it: narrow results leave lanes idle for a few steps.
  const rows = s.op.endsWith('_grad_weight') ? 1 : ROWS;
  return { rows, columns4: 1, wx: 4, wy: LANES / 4 };
}
