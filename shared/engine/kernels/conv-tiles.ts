/** Tiles of the convolutions, see tiles.ts. */
import { MAX_TAPS } from './conv-window.ts';
import type { LoweringContext } from './kernel-call.ts';
import { LONGEST_SLICED } from './limits.ts';
import type { Tile, TileShape } from './tiles.ts';

/** Length of the pieces, at most `longest` each, that cover a row of `length` with least waste. */
export function stripLength(length: number, longest: number): number {
  return Math.ceil(length / Math.ceil(length / longest));
}

/**
 * Tiles by way of workgroup memory, where all pixels, or all taps and channels, are the rows of one
 * product: 64 x 64 results by 256 or by 64 invocations and 32 x 32 by 64, or 64 x 16 by 64 for few
 * channels.
 *
 * @param rows Rows of the product, in the unit of `Tile.rows`.
 * @param tall Rows of a 4 x 4 piece, in the same unit.
 */
function slicedTiles(rows: number, s: TileShape, tall: 1 | 4): Tile[] {
  if (rows < 8 * tall || s.columns4 < 4 || s.depth > LONGEST_SLICED) return [];
  if (s.columns4 < 8) return [{ rows: tall, columns4: 1, wx: 4, wy: 16, slice: 16 }];
  return [
    { rows: tall, columns4: 1, wx: 16, wy: 16, slice: 16 },
    { rows: 2 * tall, columns4: 2, wx: 8, wy: 8, slice: 8 },
    { rows: tall, columns4: 1, wx: 8, wy: 8, slice: 16 },
  ];
}

/** Pixels of an image row by channels. */
export function stripTiles(s: TileShape, c: LoweringContext): Tile[] {
  const { rows: width, columns4: n } = s;
  const strip = (longest: number) => stripLength(width, longest);
  if (c.family === 'gpu') {
    const wx = Math.min(8, n);
    const shapes = [
      [4, 1, 8],
      [8, 1, 8],
      [4, 2, 8],
      [2, 1, 8],
      [4, 1, 16],
    ] as const;
    const alone = shapes.map(([longest, columns4, wy]) => ({
      ...{ rows: strip(longest), columns4, wx: columns4 > 1 ? Math.ceil(wx / 2) : wx, wy },
    }));
    return [...alone, ...slicedTiles(width * s.repeats, s, 4)];
  }
  const wide = n >= 2 ? 2 : 1;
  const sharing = [
    [8, Math.min(4, n), 4],
    [8, wide, 8],
    [4, Math.min(4, n), 4],
  ] as const;
  // Long strips load each weight for more pixels.
  const alone = [
    [16, 1, 8],
    [8, wide, 8],
    [16, wide, 8],
    [8, 1, 8],
    [8, Math.min(4, n), 8],
    [4, wide, 8],
  ] as const;
  const tile = ([longest, columns4, wx]: readonly [number, number, number]): Tile => ({
    ...{ rows: strip(longest), columns4, wx, wy: 1, across: true },
  });
  const quads = c.quads && !s.strided ? sharing.map((t) => ({ ...tile(t), quad: true })) : [];
  return [...quads, ...alone.map(tile)];
}

/** Vec4s of input channels by vec4s of output channels, for all taps of a kernel row. */
export function tapTiles(s: TileShape, c: LoweringContext): Tile[] {
  const { rows: c4, columns4: n, taps = 1 } = s;
  if (c.family === 'gpu') {
    const wx = Math.min(8, n);
    return [
      { rows: 1, columns4: 1, wx, wy: 8 },
      { rows: 1, columns4: Math.min(2, n), wx, wy: 8 },
      // All taps of a kernel row are rows of the product.
      ...slicedTiles(c4 * taps, s, 1),
    ];
  }
  const few = taps <= 3;
  const deep = c4 >= 2 && few ? 2 : 1;
  const wide = n >= 2 && few ? 2 : 1;
  const wx = (columns4: number) => Math.min(8, Math.ceil(n / columns4));
  const wy = (columns4: number) => Math.ceil(8 / wx(columns4));
  const alone = [
    [few ? Math.min(4, c4) : 1, 1],
    [deep, 1],
    [deep, wide],
    [1, wide],
    [1, 1],
  ] as const;
  const quads: Tile[] = [
    { rows: 4, columns4: 1, wx: 4, wy: 1, quad: true },
    { rows: 4, columns4: wide, wx: 4, wy: 1, quad: true },
  ];
  return [
    ...(c.quads && few && c4 >= 4 && n >= 4 ? quads : []),
    ...alone.map(([rows, columns4]) => ({ rows, columns4, wx: wx(columns4), wy: wy(columns4) })),
  ];
}

/**
 * With groups an invocation has one vec4 of channels: pixels of an image row, or taps of a kernel row, in
 * workgroups that lie in a line.
 */
export function groupedTiles(s: TileShape, c: LoweringContext): Tile[] {
  const tile = (rows: number, wx: number): Tile => ({ rows, columns4: 1, wx, wy: 1 });
  if (s.op === 'conv2d_grouped_grad_weight') {
    const taps = groupedTaps(s.taps ?? 1);
    const sizes = c.family === 'gpu' ? [64, 32, 128] : [64, 16, 8];
    const fewer = Math.ceil(taps / 2);
    return [...sizes.map((wx) => tile(taps, wx)), tile(fewer, sizes[0]!), tile(1, sizes[0]!)];
  }
  const shapes =
    c.family === 'gpu'
      ? ([
          [4, 64],
          [8, 64],
          [2, 64],
          [4, 128],
          [1, 64],
          [4, 32],
        ] as const)
      : ([
          [8, 64],
          [8, 16],
          [4, 64],
          [16, 16],
          [8, 8],
          [4, 16],
        ] as const);
  return shapes.map(([longest, wx]) => tile(stripLength(s.rows, longest), wx));
}

/** Neighbouring taps that one invocation of a weight gradient with groups sums side by side. */
function groupedTaps(kernelWidth: number): number {
  return kernelWidth <= MAX_TAPS ? kernelWidth : 4;
}
