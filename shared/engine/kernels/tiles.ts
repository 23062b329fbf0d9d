/**
 * Tiles of the kernels that do the arithmetic: how much of a result one invocation holds in registers,
 * the shape of a workgroup, and whether operands pass through workgroup memory. A tile never changes the order of a sum, so the choice is a matter
 * of speed alone; the autotuner (engine/gpu/autotuner.ts) proves that before it uses one.
 *
 * CPU renderers pay for every number they load, so they want large tiles in small workgroups;
 * hardware wants enough invocations to fill it, and may gain from workgroup memory, which CPU
 * renderers only copy through.
 */
import { groupedTiles, stripTiles, tapTiles } from './conv-tiles.ts';
import type { LoweringContext } from './kernel-call.ts';
import { LONGEST_SLICED } from './limits.ts';
import { sizeClass } from './size-class.ts';
import { startTile } from './start-tiles.ts';

export interface Tile {
  /**
   * Rows, or pixels of an image row, per invocation; vec4s of rows in weight gradients. With `slice`,
   * pixels of all images; in weight gradients with groups, taps of a kernel row.
   */
  rows: number;
  /** Vec4 columns per invocation. */
  columns4: number;
  /** Workgroup size. */
  wx: number;
  wy: number;
  /** Convolutions: neighbours in x take different pixels instead of different channels. */
  across?: boolean;
  /** Four neighbours in x share loads by subgroup broadcast; needs `quads` of the context. */
  quad?: boolean;
  /** Products: elements of each sum that a workgroup keeps in its memory at once. @default none */
  slice?: number;
  /** Products: least code instead of most speed, see start-tiles.ts. */
  compact?: boolean;
}

/** Kernels that come in tiles. */
export type TiledOp =
  | 'linear'
  | 'linear_cross_entropy'
  | 'linear_grad_input'
  | 'linear_grad_weight'
  | 'conv2d'
  | 'conv2d_grad_input'
  | 'conv2d_grad_weight'
  | 'conv2d_grouped'
  | 'conv2d_grouped_grad_input'
  | 'conv2d_grouped_grad_weight';

/** What the choice of a tile depends on. */
export interface TileShape {
  op: TiledOp;
  /** Rows of the result: batch, vec4s of input features, or pixels of an image row. */
  rows: number;
  columns4: number;
  /** Length of the sums. */
  depth: number;
  /** How often the rows come in one replica: images times image rows, or 1. */
  repeats: number;
  /** Kernel width of a convolution. @default {1} */
  taps?: number;
  /** Input gradients: neighbours may meet different taps, and cannot share them. @default {false} */
  strided?: boolean;
}

/** The tile of one dispatch, and what else it might be. */
export interface TileChoice {
  /** Kernel and class of shapes: equal keys share a choice. */
  key: string;
  tile: Tile;
  /** At most {@link MAX_CANDIDATES}, the default among them. */
  candidates: Tile[];
  /** What a plan may begin with while its own tile is compiled, see engine/gpu/tiered-start.ts. */
  start: Tile;
  /** Vec4 multiply-adds of all replicas: what there is to gain. */
  work: number;
}

export function sameTile(a: Tile, b: Tile): boolean {
  return (
    a.rows === b.rows &&
    a.columns4 === b.columns4 &&
    a.wx === b.wx &&
    a.wy === b.wy &&
    (a.across ?? false) === (b.across ?? false) &&
    (a.quad ?? false) === (b.quad ?? false) &&
    (a.compact ?? false) === (b.compact ?? false) &&
    a.slice === b.slice
  );
}

/** Tiles the autotuner tries for one kernel and class of shapes, by the adapter's family. */
export const MAX_CANDIDATES = { software: 8, gpu: 10 } as const;

/** Replicas run side by side, as repeats do: many small results want the tiles of a large one. */
export function tileKey(s: TileShape, replicas = 1): string {
  const rows = s.op.startsWith('conv') ? s.rows : sizeClass(s.rows);
  const repeats = sizeClass(s.repeats * replicas);
  const sizes = [rows, sizeClass(s.columns4), sizeClass(s.depth), repeats];
  return `${s.op}/${sizes.join('x')}${s.taps ? `/${s.taps}` : ''}${s.strided ? '/strided' : ''}`;
}

/** The recorded choice for the shape, or the default of the adapter's family. */
export function chooseTile(s: TileShape, c: LoweringContext): TileChoice {
  // Other conversions, other memory: what is fast for one numeric class says nothing about another.
  const key = `${tileKey(s, c.replicas)}${c.half ? '/f16' : ''}`;
  const all = tilesOf(s, c);
  const candidates = all
    .filter((t, i) => all.findIndex((o) => JSON.stringify(o) === JSON.stringify(t)) === i)
    .slice(0, MAX_CANDIDATES[c.family]);
  const work = s.rows * s.columns4 * s.depth * s.repeats * (s.taps ?? 1) * c.replicas;
  const start = startTile(s, candidates, c, work);
  return { key, tile: c.tiles?.[key] ?? candidates[0]!, candidates, start, work };
}

function isGrouped({ op }: TileShape): boolean {
  return op.startsWith('conv2d_grouped');
}

/** Below this many vec4s of results large tiles gain nothing and take long to compile. */
const SMALL = 2048;

/** From this many vec4s of results on a CPU renderer is worth its largest tiles. */
const MANY = 16_384;

/** Tiles worth trying, the default first. */
function tilesOf(s: TileShape, c: LoweringContext): Tile[] {
  const tiles = familyTiles(s, c);
  // Narrow results are few whatever is done, and a convolution's sums over pixels are long.
  const narrow = s.columns4 < 4 || s.op === 'conv2d_grad_weight' || isGrouped(s);
  if (narrow || s.rows * s.columns4 * s.repeats * c.replicas >= SMALL) return tiles;
  return tiles.sort((a, b) => a.rows * a.columns4 - b.rows * b.columns4);
}

function familyTiles(s: TileShape, c: LoweringContext): Tile[] {
  if (isGrouped(s)) return groupedTiles(s, c);
  if (s.op === 'linear_cross_entropy') return scoreTiles(s, c);
  if (s.op === 'conv2d' || s.op === 'conv2d_grad_input') return stripTiles(s, c);
  if (s.op === 'conv2d_grad_weight') return tapTiles(s, c);
  return s.op === 'linear_grad_weight' ? outerTiles(s, c) : productTiles(s, c);
}

/**
 * Tiles by way of workgroup memory, for results of at least one workgroup of the smallest: 64 x 64
 * results by 256 or by 64 invocations, and 32 x 32 by 64.
 *
 * @param tall Rows of a 4 x 4 piece, in the unit of `Tile.rows`.
 */
function sharedTiles(s: TileShape, tall: 1 | 4): Tile[] {
  if (s.rows < 8 * tall || s.columns4 < 8 || s.depth > LONGEST_SLICED) return [];
  return [
    { rows: tall, columns4: 1, wx: 16, wy: 16, slice: 16 },
    { rows: 2 * tall, columns4: 2, wx: 8, wy: 8, slice: 8 },
    { rows: tall, columns4: 1, wx: 8, wy: 8, slice: 16 },
  ];
}

/**
 * Twice the default's rows, on all lanes of a CPU renderer without quads: a fifth to a third fewer loads
 * for each multiply-add. They pay where replicas or rows are many; with few, workgroups are too few.
 */
function tallTiles(rows: number, n: number): Tile[] {
  const columns4 = n >= 16 ? 2 : 1;
  if (n < 8) return [{ rows, columns4, wx: 4, wy: 2 }];
  return [1, 2].map((wy) => ({ rows, columns4, wx: LANES, wy }));
}

/** Rows of a batch by columns. */
function productTiles(s: TileShape, c: LoweringContext): Tile[] {
  const { rows, columns4: n } = s;
  const tall = rows >= 8 ? 8 : 4;
  if (c.family === 'gpu') {
    const narrow = Math.max(1, Math.min(4, n));
    const hardware: Tile[] = [
      { rows: 4, columns4: 1, wx: 8, wy: 8 },
      { rows: 8, columns4: 1, wx: 8, wy: 8 },
      { rows: 4, columns4: 2, wx: 8, wy: 8 },
      { rows: 8, columns4: 2, wx: 8, wy: 8 },
      { rows: 4, columns4: 1, wx: 16, wy: 16 },
      { rows: 2, columns4: 1, wx: 8, wy: 8 },
      ...sharedTiles(s, 4),
      ...(c.quads ? [{ rows: 8, columns4: 2, wx: 8, wy: 8, quad: true }] : []),
    ];
    const thin: Tile[] = [2, 4, 1].map((r) => ({ rows: r, columns4: 1, wx: narrow, wy: 16 }));
    return n >= 8 ? hardware : thin;
  }
  if (n < 4) {
    const beside = { rows: 4, columns4: 1, wx: n, wy: 4 };
    return [
      ...(n > 1 ? [beside] : []),
      { rows: tall, columns4: n, wx: 1, wy: 8 },
      { rows: 4, columns4: n, wx: 1, wy: 8 },
      { rows: tall, columns4: 1, wx: 1, wy: 8 },
      beside,
    ];
  }
  const wide = n >= 8 ? 2 : 1;
  // A number loaded costs as much as tens of multiply-adds, and sums that spill cost little: where
  // results are many, the largest tiles load least for each. They are long to compile.
  const many = rows * n * c.replicas >= MANY && rows >= 32 && n >= 32;
  const quads: Tile[] = [
    { rows: 2 * tall, columns4: wide, wx: 4, wy: 1, quad: true },
    ...(many ? [{ rows: 4 * tall, columns4: 4, wx: 4, wy: 1, quad: true }] : []),
    { rows: 4 * tall, columns4: wide, wx: 4, wy: 1, quad: true },
    { rows: 2 * tall, columns4: 1, wx: 4, wy: 1, quad: true },
    { rows: tall, columns4: wide, wx: 4, wy: 2, quad: true },
  ];
  return [
    ...(c.quads ? quads : []),
    n >= 16
      ? { rows: tall, columns4: 2, wx: 8, wy: 1 }
      : { rows: tall, columns4: 1, wx: n >= 8 ? 8 : 4, wy: n >= 8 ? 1 : 2 },
    ...(c.quads || rows < 2 * tall ? [] : tallTiles(2 * tall, n)),
    ...(many ? [{ rows: 2 * tall, columns4: 4, wx: 8, wy: 1 }] : []),
    ...(many ? [{ rows: tall, columns4: 4, wx: 8, wy: 1 }] : []),
    { rows: tall, columns4: wide, wx: 4, wy: 2 },
    { rows: tall, columns4: 1, wx: 8, wy: 1 },
    { rows: 4, columns4: wide, wx: 8, wy: 1 },
    { rows: 2 * tall, columns4: wide, wx: 4, wy: 1 },
    { rows: tall, columns4: 1, wx: 4, wy: 4 },
  ];
}

/** Rows of a batch, all their scores: the loss needs them together. */
function scoreTiles({ columns4 }: TileShape, c: LoweringContext): Tile[] {
  const shapes =
    c.family === 'gpu'
      ? ([
          [1, 64],
          [1, 32],
          [2, 32],
        ] as const)
      : ([
          [4, 8],
          [8, 8],
          [2, 8],
          [1, 8],
          [4, 4],
        ] as const);
  // More than 16 vec4s of sums spill.
  const fitting = shapes.filter(([rows]) => rows === 1 || rows * columns4 <= 16);
  return fitting.map(([rows, wy]) => ({ rows, columns4, wx: 1, wy }));
}

/** Invocations that a CPU renderer computes side by side. */
const LANES = 8;

/** Vec4s that it loads for one step of all sums, idle lanes included: what such a kernel takes. */
function loadsOf({ columns4, rows, wx, wy }: Tile, k: number, n: number): number {
  const groups = Math.ceil(k / (wy * rows)) * Math.ceil(n / (wx * columns4));
  return groups * Math.ceil((wx * wy) / LANES) * (rows + columns4);
}

/** Vec4s of features by columns. */
function outerTiles(s: TileShape, c: LoweringContext): Tile[] {
  const { rows: k, columns4: n } = s;
  if (c.family === 'gpu') {
    return [
      { rows: 1, columns4: 1, wx: n >= 4 ? 8 : 1, wy: 8 },
      { rows: 1, columns4: 2, wx: n >= 4 ? 8 : 1, wy: 8 },
      { rows: 2, columns4: 1, wx: n >= 4 ? 8 : 1, wy: 8 },
      ...sharedTiles(s, 1),
    ];
  }
  const deep = k >= 8 ? 2 : 1;
  if (n < 4) {
    const narrow: Tile[] = [
      // Few results: columns side by side leave fewer lanes idle.
      { rows: 1, columns4: 1, wx: n, wy: Math.floor(LANES / n) },
      { rows: deep, columns4: n, wx: 1, wy: 8 },
      { rows: 1, columns4: n, wx: 1, wy: 8 },
      { rows: deep, columns4: 1, wx: 1, wy: 8 },
      { rows: 1, columns4: n, wx: 1, wy: 4 },
    ];
    return [
      ...narrow.sort((a, b) => loadsOf(a, k, n) - loadsOf(b, k, n)),
      // More rows: fewer loads where replicas keep all processors at work.
      { rows: deep, columns4: 1, wx: n, wy: Math.floor(LANES / n) },
      { rows: 2 * deep, columns4: 1, wx: n, wy: Math.ceil(LANES / 2 / n) },
    ];
  }
  const wide = n >= 8 ? 2 : 1;
  const quads: Tile[] = [
    { rows: 4, columns4: wide, wx: 4, wy: 1, quad: true },
    { rows: 8, columns4: wide, wx: 4, wy: 1, quad: true },
    { rows: 4, columns4: 1, wx: 4, wy: 1, quad: true },
  ];
  return [
    ...(c.quads && k >= 4 ? quads : []),
    n >= 16
      ? { rows: deep, columns4: 2, wx: 8, wy: 1 }
      : { rows: deep, columns4: 1, wx: n >= 8 ? 8 : 4, wy: n >= 8 ? 1 : 2 },
    ...(c.quads || k < 8 ? [] : tallTiles(4, n)),
    { rows: deep, columns4: wide, wx: 4, wy: 2 },
    { rows: deep, columns4: 1, wx: 8, wy: 1 },
    { rows: 1, columns4: wide, wx: 8, wy: 1 },
    { rows: 2 * deep, columns4: wide, wx: 4, wy: 1 },
  ];
}
