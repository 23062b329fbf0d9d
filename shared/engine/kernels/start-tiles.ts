/**
 * The tile that a plan may begin with while its own is compiled: small bodies of few sums compile in a
 * fraction of the time. As any tile it gives the same bits; see engine/gpu/tiered-start.ts.
 */
import { stripLength } from './conv-tiles.ts';
import type { LoweringContext } from './kernel-call.ts';
import type { Tile, TileShape } from './tiles.ts';

/** Invocations of a start tile's workgroup on a CPU renderer, which computes as many side by side. */
const LANES = 8;
/** Rows or pixels of an invocation: each row more costs a CPU renderer a tenth of the compile time. */
const ROWS = 2;

/** Vec4 sums that an invocation holds: what the unrolled body grows with, to about a factor of two. */
function sumsOf(tile: Tile): number {
  return tile.rows * tile.columns4 * (tile.slice === undefined ? 1 : 4);
}

/** Whether `start` saves enough compile time to begin with it. */
export function isShorter(start: Tile, tile: Tile): boolean {
  return 2 * sumsOf(start) <= sumsOf(tile);
}

/**
 * Hardware begins with its default, which is small; a CPU renderer, which compiles far slower and wants
 * large tiles, with one made for this.
 */
export function startTile(s: TileShape, candidates: readonly Tile[], c: LoweringContext): Tile {
  const standard = candidates[0]!;
  if (c.family === 'gpu') return standard;
  if (s.op === 'linear_cross_entropy' || s.op.startsWith('conv2d_grouped')) {
    return candidates.reduce((a, b) => (sumsOf(b) < sumsOf(a) ? b : a));
  }
  const n = Math.min(LANES, s.columns4);
  if (s.op === 'conv2d' || s.op === 'conv2d_grad_input') {
    const rows = stripLength(s.rows, ROWS);
    return { rows, columns4: 1, wx: LANES, wy: 1, across: true };
  }
  const rows = s.op.endsWith('_grad_weight') ? 1 : Math.min(ROWS, s.rows);
  return { rows, columns4: 1, wx: n, wy: Math.max(1, Math.floor(LANES / n)) };
}
