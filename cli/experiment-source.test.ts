import { describe, expect, test } from 'vitest';
import { InputError } from '#shared/base/errors.ts';
import { PRESETS } from '#shared/data/presets.ts';
import type { FileReader } from '#shared/platform/platform.ts';
import { defaultRunFolder, loadExperiment } from './experiment-source.ts';

const OPTIONS = { seed: null, steps: null, replicas: null, growth: true };
const CSV = JSON.stringify({ name: 'mine', data: { source: 'csv', train: 'a.csv', label: 'y' } });

const files = (texts: Record<string, string | Uint8Array<ArrayBuffer>>): FileReader => ({
  async read(path) {
    const content = texts[path];
    if (content === undefined) {
      throw new InputError(`Cannot read "${path}": there is no such file`);
    }
    return typeof content === 'string' ? new TextEncoder().encode(content) : content;
  },
});

const load = (target: string, texts = {}, change = {}) =>
  loadExperiment({ ...OPTIONS, ...change, target }, files(texts));

describe('loadExperiment()', () => {
  test.each(Object.keys(PRESETS))('completes the preset %s', async (name) => {
    const experiment = await load(name);
    expect(experiment.steps).toBeGreaterThan(0);
    expect(experiment.optimizer.learningRate).toBeGreaterThan(0);
  });

  test('options replace settings of the experiment', async () => {
    const change = { seed: 7, steps: 30, replicas: 4, growth: false };
    const experiment = await load('two-spirals', {}, change);
    expect(experiment).toMatchObject({ seed: 7, steps: 30, replicas: 4 });
    expect(experiment.growth.enabled).toBe(false);
    expect(experiment.growth.maxSeeds).toBe((await load('two-spirals')).growth.maxSeeds);
    expect(defaultRunFolder(experiment)).toBe('runs/two-spirals-7');
  });

  test('a numeric class replaces the own one, and the default is left out', async () => {
    const half = await load('two-spirals', {}, { numerics: 'f16-multiply' });
    expect(half.numerics).toBe('f16-multiply');
    const plain = await load('two-spirals', {}, { numerics: 'f32' });
    expect(plain).toEqual(await load('two-spirals'));
    expect('numerics' in plain).toBe(false);
  });

  test.each([
    ['my/exp.json', 'my/a.csv'],
    ['exp.json', 'a.csv'],
    ['../x/exp.json', '../x/a.csv'],
    ['/exp.json', '/a.csv'],
    ['/data/exp.json', '/data/a.csv'],
  ])('paths in %s are relative to it', async (path, train) => {
    expect((await load(path, { [path]: CSV })).data).toMatchObject({ train });
  });

  test.each([
    ['two-spiral', {}, 'Unknown preset "two-spiral": did you mean "two-spirals"?'],
    ['banana', {}, 'Unknown preset "banana": presets are two-spirals, '],
    ['__proto__', {}, 'Unknown preset "__proto__"'],
    ['gone.json', {}, 'Cannot read "gone.json": there is no such file'],
    ['bad.json', { 'bad.json': '{' }, 'Cannot read bad.json:1:'],
    ['bad.json', { 'bad.json': new Uint8Array([0xff, 0xfe, 0x7b]) }, 'it is not UTF-8 text'],
    ['bad.json', { 'bad.json': CSV.replace('"name"', '"nam"') }, 'did you mean "name"?'],
  ])('refuses %s (%#)', async (target, texts, message) => {
    await expect(load(target, texts)).rejects.toThrow(InputError);
    await expect(load(target, texts)).rejects.toThrow(message);
  });
});
