/**
 * Networks whose layers meet every tile of every tiled kernel: run once with the defaults and once
 * with each other candidate, all numbers must be the same.
 */
import type { TileSource } from '../../shared/engine/gpu/tile-source.ts';
import { loweringOf } from '../../shared/engine/kernels/catalog.ts';
import { MAX_CANDIDATES, type Tile } from '../../shared/engine/kernels/tiles.ts';
import { differentiate } from '../../shared/engine/plan/autodiff.ts';
import type { Tensor } from '../../shared/engine/plan/graph.ts';
import { convCases } from './conv-cases.ts';
import { denseCases } from './dense-cases.ts';
import { groupedConvCases } from './grouped-conv-cases.ts';
import { type CaseBuilder, type ParityCase, relative } from './parity-case.ts';
import { splitCases } from './split-cases.ts';
import { trainingCases } from './training-cases.ts';

function finish(b: CaseBuilder, logits: Tensor): Record<string, Tensor> {
  const [batch, classes] = logits.shape as [number, number];
  const [rows, d] = b.graph.apply('mse', [logits, b.labels(batch, classes)]);
  const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
  differentiate(b.graph, new Map([[logits.id, d!]]), wanted);
  return { rows: rows!, logits };
}

function dense(b: CaseBuilder, x: Tensor, name: string, units: number): Tensor {
  const weight = b.weight(`${name}.weight`, [...x.shape.slice(1), units]);
  return b.graph.one('linear', [x, weight, b.bias(`${name}.bias`, units)], {}, name);
}

/** @param kernel Height and width. */
function conv(
  b: CaseBuilder,
  x: Tensor,
  name: string,
  channels: number,
  kernel: readonly [number, number] = [3, 3],
  stride = 1,
  padding = 1,
  dilation = 1,
): Tensor {
  const weight = b.weight(`${name}.weight`, [...kernel, x.shape[3]!, channels]);
  const y = b.graph.one(
    'conv2d',
    [x, weight, b.bias(`${name}.bias`, channels)],
    { stride, padding, ...(dilation > 1 ? { dilation } : {}) },
    name,
  );
  return b.graph.one('activation', [y], { kind: 'tanh' }, `${name}.tanh`);
}

/** 3 x 3, with groups. */
function grouped(
  b: CaseBuilder,
  x: Tensor,
  name: string,
  channels: number,
  groups: number,
): Tensor {
  const weight = b.weight(`${name}.weight`, [3, 3, x.shape[3]! / groups, channels], 0, 1);
  const inputs = [x, weight, b.bias(`${name}.bias`, channels)];
  const y = b.graph.one('conv2d', inputs, { stride: 1, padding: 1, groups }, name);
  return b.graph.one('activation', [y], { kind: 'tanh' }, `${name}.tanh`);
}

const network = (name: string, build: ParityCase['build']): ParityCase => ({
  name: `tiles/${name}`,
  tolerance: relative(128),
  buffers: ['gradients'],
  build,
});

export const TILE_CASES: readonly ParityCase[] = [
  // Rows and columns of tall, wide, narrow and odd products.
  network('mlp', (b) => {
    const h = dense(b, b.input('x', [70, 37]), 'fc1', 68);
    return finish(b, dense(b, dense(b, dense(b, h, 'fc2', 34), 'fc3', 18), 'fc4', 10));
  }),
  // Results enough for the largest tiles, forward and backward.
  network('wide', (b) =>
    finish(b, dense(b, dense(b, b.input('x', [130, 8]), 'fc1', 516), 'fc2', 7)),
  ),
  // One channel, rows longer than the longest strip, strides, wide and flat kernels.
  network('cnn', (b) => {
    const c1 = conv(b, b.input('x', [2, 9, 15, 1]), 'conv1', 18);
    const c2 = conv(b, c1, 'conv2', 17, [3, 3], 2);
    const c3 = conv(b, c2, 'conv3', 9, [1, 1], 1, 0);
    return finish(b, dense(b, conv(b, c3, 'conv4', 6, [2, 7], 1, 3), 'fc', 3));
  }),
  // Groups: one channel each, whole vec4s, and lanes of a vec4 in different groups.
  network('grouped', (b) => {
    const c1 = grouped(b, b.input('x', [2, 7, 9, 6]), 'depthwise', 6, 6);
    const c2 = grouped(b, conv(b, c1, 'pointwise', 8, [1, 1], 1, 0), 'vectors', 8, 2);
    return finish(b, dense(b, grouped(b, c2, 'apart', 12, 4), 'fc', 3));
  }),
  // The loss in the epilogue of the layer of scores.
  network('scores', (b) => {
    const logits = dense(b, dense(b, b.input('x', [70, 9]), 'fc1', 12), 'fc2', 10);
    const inputs = [logits, b.labels(70, 10)];
    const [rows, d] = b.graph.apply('softmax_cross_entropy', inputs);
    const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
    differentiate(b.graph, new Map([[logits.id, d!]]), wanted);
    return { rows: rows! };
  }),
];

/** Convolutions wide enough for every tile in workgroup memory, which only hardware is offered. */
export const WIDE_CASES: readonly ParityCase[] = [
  network('wide-cnn', (b) => {
    const c1 = conv(b, b.input('x', [3, 7, 9, 3]), 'conv1', 40);
    const c2 = conv(b, c1, 'conv2', 36, [3, 3], 2, 2, 2);
    return finish(b, dense(b, conv(b, c2, 'conv3', 33, [1, 1], 1, 0), 'fc', 3));
  }),
];

/** Most candidates that a tiled kernel may have besides its default, by the adapter's kind. */
export const OTHERS = { software: MAX_CANDIDATES.software - 1, gpu: MAX_CANDIDATES.gpu - 1 };

/** By way of workgroup memory: loads that come out even for a workgroup, and loads that do not. */
const SLICED_TILES: readonly Tile[] = [
  { rows: 4, columns4: 1, wx: 8, wy: 8, slice: 16 },
  { rows: 2, columns4: 2, wx: 4, wy: 3, slice: 8 },
];

/** The dilated ones are among those with groups, which have tiles of their own. */
const PRODUCTS = [...denseCases, ...splitCases, ...convCases, ...groupedConvCases].filter(
  ({ name }) =>
    /^(linear|conv2d)(_grouped)?(_split|\/image|\/blend-.*alpha-(0\/nan|0.3$)|_grad|\/\d+x\d+x\d+)/.test(
      name,
    ) && !/groups-|grouped\/blend/.test(name),
);

/** Products and convolutions with epilogues, replicas and edges of all sorts, dealt out among the tiles. */
export const SLICED_CASES: readonly { tile: Tile; cases: readonly ParityCase[] }[] =
  SLICED_TILES.map((tile, index) => ({
    tile,
    cases: [
      TILE_CASES[0]!,
      WIDE_CASES[0]!,
      ...PRODUCTS.filter((_, i) => i % SLICED_TILES.length === index),
    ],
  }));

/** The same for renderers that take long to compile: every sixth, the first two among them. */
export const FEW_SLICED_CASES: typeof SLICED_CASES = SLICED_CASES.map(({ tile, cases }) => ({
  ...{ tile, cases: cases.filter((_, i) => i < 2 || i % 6 === 0) },
}));

/** Products by the kernels that a run begins with: edges, epilogues, replicas, parts of sums, losses. */
export const START_CASES: readonly ParityCase[] = [
  ...denseCases,
  ...splitCases,
  ...trainingCases,
].filter(({ name }) => name.startsWith('linear') && !/unfused|kept/.test(name));

/** The same for renderers that take long to compile. */
export const FEW_START_CASES = START_CASES.filter((_, i) => i % 5 === 0);

/** What a run on a CPU renderer begins with where a product is too much for a compact kernel. */
export const START_TILE: Tile = { rows: 2, columns4: 1, wx: 8, wy: 1 };

/** Gives every product of matrices and every convolution one tile. */
export class FixedTile implements TileSource {
  readonly changed = new Set<string>();
  #tile: Tile;

  constructor(tile: Tile) {
    this.#tile = tile;
  }

  tilesFor: TileSource['tilesFor'] = (dispatches, context) => {
    const tiles: Record<string, Tile> = {};
    for (const d of dispatches) {
      const choice = loweringOf(d.op)(d, context).choice;
      if (!choice || !/^(linear|conv2d)(_grad_\w+)?\//.test(choice.key)) continue;
      tiles[choice.key] = this.#tile;
      this.changed.add(choice.key);
    }
    return Promise.resolve(tiles);
  };
}

/** Gives every dispatch its candidate `index`, or its last where it has fewer. */
export class FixedCandidate implements TileSource {
  #index: number;
  /** Keys whose tile was another than the default. */
  readonly changed = new Set<string>();

  constructor(index: number) {
    this.#index = index;
  }

  tilesFor: TileSource['tilesFor'] = (dispatches, context) => {
    const tiles: Record<string, Tile> = {};
    for (const d of dispatches) {
      const choice = loweringOf(d.op)(d, context).choice;
      if (!choice) continue;
      const at = Math.min(this.#index, choice.candidates.length - 1);
      tiles[choice.key] = choice.candidates[at]!;
      if (at > 0) this.changed.add(choice.key);
    }
    return Promise.resolve(tiles);
  };
}

/** Gives every dispatch the tile that a plan may begin with. */
export class StartTiles implements TileSource {
  /** Keys whose tile was another than the default. */
  readonly changed = new Set<string>();

  tilesFor: TileSource['tilesFor'] = (dispatches, context) => {
    const tiles: Record<string, Tile> = {};
    for (const d of dispatches) {
      const choice = loweringOf(d.op)(d, context).choice;
      if (!choice) continue;
      tiles[choice.key] = choice.start;
      if (choice.start !== choice.tile) this.changed.add(choice.key);
    }
    return Promise.resolve(tiles);
  };
}

/** Plans begin with kernels for any shape where there are such, and keep them. */
export const keepingStarts: TileSource = { tilesFor: async () => ({}), improve: async () => {} };
