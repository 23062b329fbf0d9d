import { describe, expect, it } from 'vitest';
import { dataPaths, mapDataPaths } from './data-paths.ts';
import { DataSpec } from './experiment.ts';

const csv = DataSpec.parse({ source: 'csv', train: ['a.csv', 'b.csv'], test: 'a.csv' });
const pair = { features: 'x.npy', labels: ['y1.npy', 'y2.npy'] };

describe('dataPaths', () => {
  it('names each file once, in order', () => {
    expect(dataPaths(csv)).toEqual(['a.csv', 'b.csv']);
    expect(dataPaths(DataSpec.parse({ source: 'npy', train: pair }))).toEqual([
      'x.npy',
      'y1.npy',
      'y2.npy',
    ]);
    expect(dataPaths(DataSpec.parse({ source: 'moons' }))).toEqual([]);
  });
});

describe('mapDataPaths', () => {
  it('replaces paths and keeps all else, lists as lists', () => {
    expect(mapDataPaths(csv, (p) => `d/${p}`)).toEqual({
      ...csv,
      train: ['d/a.csv', 'd/b.csv'],
      test: 'd/a.csv',
    });
    const npz = DataSpec.parse({
      source: 'npz',
      file: 'f.npz',
      train: { features: 'x', labels: 'y' },
    });
    expect(mapDataPaths(npz, () => 'g.npz')).toEqual({ ...npz, file: 'g.npz' });
  });
});
