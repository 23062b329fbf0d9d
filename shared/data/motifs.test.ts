import { describe, expect, it } from 'vitest';
import { DataSpec, Experiment } from '../contracts/experiment.ts';
import { memoryFiles } from './_test-files.ts';
import { loadDataset } from './dataset.ts';
import { parseExperiment } from './experiment-file.ts';
import { checkTokens } from './tokens.ts';

const load = (more: object, seed = 1) =>
  loadDataset(DataSpec.parse({ source: 'motifs', samples: 200, ...more }), seed, memoryFiles({}));

describe('motifs', () => {
  it('repeat, and the class is the letter that comes next', async () => {
    const { classes, features, train } = await load({ noise: 0, letters: 5, longest: 4 });
    expect(classes).toEqual(['a', 'b', 'c', 'd', 'e']);
    const periods = new Set<number>();
    for (let r = 0; r < train.size; r++) {
      const row = [...train.x.subarray(r * features, (r + 1) * features), train.y[r]!];
      const period = [1, 2, 3, 4].find((p) => row.every((v, i) => i < p || v === row[i - p]));
      expect(period, `row ${r}`).toBeDefined();
      periods.add(period!);
    }
    expect([...periods].sort()).toEqual([1, 2, 3, 4]);
  });

  it('has the share of wrong letters that was asked for', async () => {
    const [clean, noisy] = [await load({ noise: 0 }), await load({ noise: 0.3 })];
    const wrong = clean.train.x.filter((v, i) => v !== noisy.train.x[i]).length;
    // One in eight random letters is right by chance.
    expect(wrong / clean.train.x.length).toBeCloseTo((0.3 * 7) / 8, 1);
  });

  it('is the same for a seed and another for another', async () => {
    const [a, b, c] = [await load({}), await load({}), await load({}, 2)];
    expect(b.source).toBe(a.source);
    expect(c.source).not.toBe(a.source);
  });
});

describe('tokens', () => {
  const experiment = (host: object) =>
    Experiment.parse({ name: 'a', data: { source: 'motifs' }, host });

  it('are whole numbers below the vocabulary, and others are named', async () => {
    const dataset = await load({ letters: 4 });
    expect(checkTokens(experiment({ kind: 'gpt' }), dataset)).toBeUndefined();
    expect(checkTokens(experiment({ kind: 'mlp' }), dataset)).toBeUndefined();
    dataset.test.x[20] = 4;
    expect(() => checkTokens(experiment({ kind: 'gpt' }), dataset)).toThrow(
      'Cannot read test row 1 of "motifs" as tokens: value 4 is 4, must be a whole number from 0 to 3; set "host.vocabulary" to the number of tokens',
    );
    expect(checkTokens(experiment({ kind: 'gpt', vocabulary: 5 }), dataset)).toBeUndefined();
    dataset.test.x[20] = 0.5;
    expect(() => checkTokens(experiment({ kind: 'gpt', vocabulary: 5 }), dataset)).toThrow(
      'is 0.5',
    );
  });

  it.each([
    [{ source: 'moons' }, '"host.kind" is "gpt" and rows of "moons" are no tokens'],
    [{ source: 'csv', train: 'a.csv' }, '"data.scaling" would make fractions of the tokens'],
    [{ source: 'motifs', scaling: 'minmax' }, '"data.scaling" would make fractions of the tokens'],
  ])('are not what %j has', (data, message) => {
    const text = JSON.stringify({ name: 'a', data, host: { kind: 'gpt' } });
    expect(() => parseExperiment(text, 'a.json')).toThrow(message);
  });

  it.each(['lenet', 'vgg', 'resnet'])('are no images for a %s', (kind) => {
    const text = JSON.stringify({ name: 'a', data: { source: 'motifs' }, host: { kind } });
    expect(() => parseExperiment(text, 'a.json')).toThrow(
      `"host.kind" is "${kind}" and rows are no images`,
    );
  });
});
