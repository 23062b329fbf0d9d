import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DataSpec } from '../contracts/experiment.ts';
import { memoryFiles, SHARED_DATA } from './_test-files.ts';
import { type DataPart, type Dataset, loadDataset } from './dataset.ts';
import { BENCHMARK_RADIUS } from './generators/spirals.ts';

const load = (spec: object, seed = 1): Promise<Dataset> =>
  loadDataset(DataSpec.parse(spec), seed, memoryFiles({}));

const SOURCES = [
  { source: 'two-spirals' },
  { source: 'two-spirals', variant: 'noisy', samples: 300 },
  { source: 'moons', samples: 300 },
  { source: 'circles', samples: 300 },
  { source: 'xor', samples: 300 },
  { source: 'blobs', samples: 300, classes: 5, dimensions: 3 },
  { source: 'signals', samples: 300 },
  { source: 'signals', samples: 300, shuffled: true },
  { source: 'glyphs', samples: 300 },
  { source: 'motifs', samples: 300, letters: 4 },
];

/** Share of test rows whose nearest row (or class mean) of the training part has their class. */
function accuracyOf(data: Dataset, kind: 'neighbour' | 'mean'): number {
  const { features, train, test } = data;
  const centres = kind === 'neighbour' ? train : classMeans(data);
  let right = 0;
  for (let r = 0; r < test.size; r++) {
    let best = Number.POSITIVE_INFINITY;
    let label = -1;
    for (let c = 0; c < centres.size; c++) {
      let distance = 0;
      for (let f = 0; f < features; f++) {
        distance += (test.x[r * features + f]! - centres.x[c * features + f]!) ** 2;
      }
      if (distance < best) {
        best = distance;
        label = centres.y[c]!;
      }
    }
    if (label === test.y[r]) right++;
  }
  return right / test.size;
}

function classMeans({ features, classes, train }: Dataset): DataPart {
  const x = new Float32Array(classes.length * features);
  const counts = new Float32Array(classes.length);
  for (let r = 0; r < train.size; r++) {
    counts[train.y[r]!]!++;
    for (let f = 0; f < features; f++) x[train.y[r]! * features + f]! += train.x[r * features + f]!;
  }
  for (let i = 0; i < x.length; i++) x[i]! /= counts[Math.floor(i / features)]!;
  return { x, y: Uint32Array.from(classes, (_, i) => i), size: classes.length };
}

describe('generators', () => {
  it.each(SOURCES)('%j has equally frequent classes and moderate values', async (spec) => {
    const { train, test, features, classes } = await load(spec);
    for (const part of [train, test]) {
      expect(part.x.length).toBe(part.size * features);
      for (let c = 0; c < classes.length; c++) {
        const size = part.y.filter((y) => y === c).length;
        expect(Math.abs(size - part.size / classes.length)).toBeLessThanOrEqual(1);
      }
      expect(part.x.every((v) => Math.abs(v) < 4)).toBe(true);
    }
  });

  it.each(SOURCES)('%j is the same for the same seed', async (spec) => {
    expect(await load(spec, 7)).toEqual(await load(spec, 7));
  });

  it.each(SOURCES.slice(1))('%j differs for another seed', async (spec) => {
    expect((await load(spec, 1)).source).not.toBe((await load(spec, 2)).source);
  });

  it('never change: stored runs are replayed on them', async () => {
    const digests = await Promise.all(
      SOURCES.map(async (spec) => (await load(spec)).source.split('sha256:')[1]!.slice(0, 16)),
    );
    // Computed in Deno; Node and Chromium share its engine's sine, cosine and logarithm.
    expect(digests).toEqual([
      'a077ecbd94cdc70d',
      '0642b25b7035e917',
      'd2942526b405b3ed',
      '97beab510b00a8a0',
      '9a0ea9868de8c7fd',
      'f36cf09f4904ca01',
      '2df333e7ffc123a0',
      'c6582618601171f6',
      'd58aa1980848a59c',
      '6dd7b7bafa339eb4',
    ]);
  });

  it('noise does not move what it is added to', async () => {
    const quiet = await load({ source: 'moons', samples: 50, noise: 0 });
    const loud = await load({ source: 'moons', samples: 50, noise: 0.01 });
    quiet.train.x.forEach((v, i) => {
      expect(Math.abs(v - loud.train.x[i]!)).toBeLessThan(0.06);
    });
  });

  it('the shuffled signals are the signals in another order of positions', async () => {
    const plain = await load({ source: 'signals', samples: 50 });
    const shuffled = await load({ source: 'signals', samples: 50, shuffled: true });
    const row = (d: Dataset, r: number) => [...d.train.x.slice(r * 40, (r + 1) * 40)];
    expect(row(shuffled, 0)).not.toEqual(row(plain, 0));
    const position = row(plain, 0).map((v) => row(shuffled, 0).indexOf(v));
    const other = row(plain, 5).map((v) => row(shuffled, 5).indexOf(v));
    expect(other).toEqual(position);
  });
});

describe('two-spirals benchmark', () => {
  it('has 194 training and 192 test points, whatever the seed', async () => {
    const one = await load({ source: 'two-spirals' }, 1);
    const two = await load({ source: 'two-spirals' }, 2);
    expect([one.train.size, one.test.size]).toEqual([194, 192]);
    expect(two).toEqual(one);
    expect(Math.max(...one.train.x)).toBe(1);
  });

  it.for([
    ['train', 'two_spirals_194.csv'],
    ['test', 'two_spirals_test_192.csv'],
  ] as const)('%s agrees with %s', async ([part, file], { skip }) => {
    const path = `${SHARED_DATA}/two-spirals/${file}`;
    skip(!existsSync(path), `no ${path}; set ESPER_DATA to the folder that holds two-spirals/`);
    const ours = await load({ source: 'two-spirals' });
    const rows = readFileSync(path, 'utf8').trim().split('\n').slice(1);
    expect(rows.length).toBe(ours[part].size);
    rows.forEach((line, r) => {
      const [x, y, label] = line.split(',').map(Number);
      expect(ours[part].x[2 * r]! * BENCHMARK_RADIUS).toBeCloseTo(x!, 4);
      expect(ours[part].x[2 * r + 1]! * BENCHMARK_RADIUS).toBeCloseTo(y!, 4);
      expect(ours[part].y[r]).toBe(label);
    });
  });
});

describe('difficulty: learnable, and not by averages alone', () => {
  it.each([
    [{ source: 'two-spirals', variant: 'noisy' }, 0.95, 0.75],
    [{ source: 'moons' }, 0.95, 0.9],
    [{ source: 'circles' }, 0.95, 0.75],
    [{ source: 'xor' }, 0.95, 0.75],
    [{ source: 'blobs' }, 0.85, 1],
    [{ source: 'signals', samples: 2000 }, 0.4, 0.45],
    [{ source: 'glyphs', samples: 2000 }, 0.75, 0.6],
  ])('%j: nearest neighbour over %d, nearest class mean under %d', async (spec, low, high) => {
    const data = await load(spec);
    expect(accuracyOf(data, 'neighbour')).toBeGreaterThan(low);
    expect(accuracyOf(data, 'mean')).toBeLessThan(high);
  });
});
