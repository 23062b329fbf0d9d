import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { InputError } from '../base/errors.ts';
import { Experiment } from '../contracts/experiment.ts';
import { parseExperiment, resolveDataPaths } from './experiment-file.ts';
import { experimentJsonSchema } from './experiment-schema.ts';
import { PRESETS } from './presets.ts';

const folder = new URL('../../experiments/', import.meta.url);

function faults(text: string): string[] {
  try {
    parseExperiment(text, 'a.json');
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as InputError).message.split('\n');
  }
  throw new Error('expected faults');
}

describe('parseExperiment()', () => {
  it('fills in defaults', () => {
    const experiment = parseExperiment('{"name": "a", "data": {"source": "moons"}}', 'a.json');
    expect(experiment).toMatchObject({ seed: 1, host: { kind: 'mlp', hidden: [4] } });
    expect(experiment.policy.kind).toBe('heuristic');
  });

  it('lists all faults with line, column, key and a suggestion', () => {
    const text = `{
  "name": "a",
  "batchsize": 3,
  "data": { "source": "moon", "noise": 0 },
  "host": { "kind": "mlp", "hiden": [1], "wings": 2 },
  "growth": { "blendMode": "ad" },
  "optimizer": { "kind": "adam", "learningRate": "fast" },
  "seed": -1
}`;
    expect(faults(text)).toEqual([
      'Cannot use experiment "a.json":',
      '  a.json:3:3: unknown key "batchsize", did you mean "batchSize"?',
      expect.stringMatching(
        /^ {2}a\.json:4:13: "data\.source" is "moon", expected two-spirals, .*; did you mean "moons"\?$/,
      ),
      '  a.json:5:28: unknown key "host.hiden", did you mean "hidden"?',
      '  a.json:5:42: unknown key "host.wings", known here: kind, hidden, activation, dropout',
      '  a.json:6:15: "growth.blendMode" is "ad", expected add, replace, multiply, gate; did you mean "add"?',
      '  a.json:7:34: "optimizer.learningRate" is "fast", expected a number',
      '  a.json:8:3: "seed" is -1, expected at least 0',
    ]);
  });

  it('names what is missing', () => {
    expect(faults('{"data": {}}')).toEqual([
      'Cannot use experiment "a.json":',
      '  a.json:1:1: "name" is missing',
      expect.stringContaining('"data.source" is missing: one of two-spirals'),
    ]);
    expect(faults('[]')[1]).toBe('  a.json:1:1: the file is [], expected an object');
  });

  it('explains unions by their meaning', () => {
    const text = '{"name":"a","data":{"source":"csv","train":"t.csv","scaling":"std"}}';
    expect(faults(text)[1]).toContain('"data.scaling" is "std", expected none, standard, minmax');
    expect(faults(text)[1]).toContain('{"divideBy": 16}');
  });

  it('names the line and column of a syntax error', () => {
    expect(faults('{\n  "name": "a",\n}')).toEqual([
      'Cannot read a.json:3:1: remove the comma before "}"',
    ]);
  });

  it('refuses keys that make no sense together', () => {
    const text =
      '{"name":"a","data":{"source":"csv","train":"a","test":"b","testFraction":0.5},"host":{"kind":"cnn"}}';
    expect(faults(text).slice(1)).toEqual([
      expect.stringContaining('"data.testFraction" has no use'),
      expect.stringContaining('set "data.imageShape"'),
    ]);
    const spirals = '{"name":"a","data":{"source":"two-spirals","testFraction":0.5}}';
    expect(faults(spirals)[1]).toContain('"data.testFraction" has no use');
  });
});

describe('resolveDataPaths()', () => {
  const csv = (train: string | string[], test?: string) =>
    Experiment.parse({ name: 'a', data: { source: 'csv', train, ...(test ? { test } : {}) } });

  it.each([
    ['experiments', '../../shared/a.csv', '../shared/a.csv'],
    ['.', 'a.csv', 'a.csv'],
    ['/home/me/', './x/../a.csv', '/home/me/a.csv'],
    ['/', '../a.csv', '/a.csv'],
    ['a/b', '/data/a.csv', '/data/a.csv'],
    ['a/b', 'C:\\data\\a.csv', 'C:\\data\\a.csv'],
    ['a/b', 'https://example.org/a.csv', 'https://example.org/a.csv'],
    ['', '../a.csv', '../a.csv'],
    ['../x', '../../a.csv', '../../a.csv'],
  ])('from %j, %j is %j', (from, path, expected) => {
    expect(resolveDataPaths(csv(path), from).data).toMatchObject({ train: expected });
  });

  it('resolves every path of every file source', () => {
    expect(resolveDataPaths(csv(['a', 'b'], 'c'), 'd').data).toMatchObject({
      train: ['d/a', 'd/b'],
      test: 'd/c',
    });
    const pair = { features: ['x'], labels: 'y' };
    for (const source of ['idx', 'npy'] as const) {
      const experiment = Experiment.parse({ name: 'a', data: { source, train: pair, test: pair } });
      const resolved = { features: ['d/x'], labels: 'd/y' };
      expect(resolveDataPaths(experiment, 'd').data).toMatchObject({
        train: resolved,
        test: resolved,
      });
    }
    const npz = { source: 'npz', file: 'f.npz', train: { features: 'x', labels: 'y' } };
    expect(resolveDataPaths(Experiment.parse({ name: 'a', data: npz }), 'd').data).toMatchObject({
      file: 'd/f.npz',
      train: { features: 'x', labels: 'y' },
    });
    const weights = { ...csv('a'), initialWeights: 'w.safetensors' };
    expect(resolveDataPaths(weights, 'd').initialWeights).toBe('d/w.safetensors');
    const moons = Experiment.parse({ name: 'a', data: { source: 'moons' } });
    expect(resolveDataPaths(moons, 'd')).toEqual(moons);
  });
});

describe('what ships', () => {
  it('presets are valid and named after their key', () => {
    for (const [name, preset] of Object.entries(PRESETS)) {
      expect(parseExperiment(JSON.stringify(preset), name).name).toBe(name);
    }
    expect(Object.keys(PRESETS)).toEqual(
      expect.arrayContaining([
        'two-spirals',
        'moons',
        'circles',
        'xor',
        'blobs',
        'signals',
        'glyphs',
        'motifs',
      ]),
    );
  });

  it('experiment files are valid and name the schema', () => {
    const names = readdirSync(folder).filter(
      (name) => name.endsWith('.json') && !name.endsWith('.schema.json'),
    );
    expect(names).toEqual(
      expect.arrayContaining(['glyphs.json', 'optdigits.json', 'two-spirals.json']),
    );
    for (const name of names) {
      const experiment = parseExperiment(readFileSync(new URL(name, folder), 'utf8'), name);
      expect(experiment.$schema).toBe('./experiment.schema.json');
      expect(experiment.name).toBe(name.replace('.json', ''));
    }
  });

  it('the stored schema is the contract (tools/generate-schema.ts writes it)', () => {
    const stored: unknown = JSON.parse(
      readFileSync(new URL('experiment.schema.json', folder), 'utf8'),
    );
    expect(stored).toEqual(experimentJsonSchema());
  });
});
