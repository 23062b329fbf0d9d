/** The readers on real files, where these lie beside the checkout. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { DataSpec } from '../contracts/experiment.ts';
import type { FileReader } from '../platform/platform.ts';
import { SHARED_DATA } from './_test-files.ts';
import { loadDataset } from './dataset.ts';
import { parseExperiment } from './experiment-file.ts';

const files: FileReader = { read: async (path) => new Uint8Array(readFileSync(path)) };
const absent = (file: string) => `no ${file}; set ESPER_DATA to the folder of the data sets`;

describe('real files', () => {
  it('iris: header, comma, text classes', async ({ skip }) => {
    const train = `${SHARED_DATA}/iris/iris.csv`;
    skip(!existsSync(train), absent(train));
    const spec = DataSpec.parse({ source: 'csv', train, label: 'species' });
    const data = await loadDataset(spec, 1, files);
    expect(data.classes).toEqual(['setosa', 'versicolor', 'virginica']);
    expect([data.train.size, data.test.size, data.features]).toEqual([120, 30, 4]);
  });

  it('experiments/optdigits.json: joined files, comments, a test file of its own', async (context) => {
    const file = fileURLToPath(new URL('../../experiments/optdigits.json', import.meta.url));
    const { data: spec } = parseExperiment(readFileSync(file, 'utf8'), file);
    const inSharedData: FileReader = {
      read: (path) => files.read(`${SHARED_DATA}/optdigits/${path.split('/').at(-1)}`),
    };
    const test = `${SHARED_DATA}/optdigits/optdigits.tes`;
    context.skip(!existsSync(test), absent(test));
    const data = await loadDataset(spec, 1, inSharedData);
    expect([data.train.size, data.validation.size, data.test.size]).toEqual([3823, 512, 1797]);
    expect([data.features, data.imageShape]).toEqual([64, null]);
    expect(data.classes).toEqual(Array.from({ length: 10 }, (_, digit) => String(digit)));
    // 16 levels of ink, divided by 16.
    expect(Math.max(...data.test.x)).toBe(1);
    // First row of optdigits.tes: pixels 0,0,5,13,9,… and class 0.
    expect([...data.test.x.slice(0, 5)]).toEqual([0, 0, 5 / 16, 13 / 16, 9 / 16]);
    expect(data.test.y[0]).toBe(0);
  });
});
