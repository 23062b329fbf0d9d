import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../contracts/events.ts';
import { Experiment } from '../contracts/experiment.ts';
import { loadDataset } from '../data/dataset.ts';
import { memoryRunStorage, NamedFiles } from '../platform/memory.ts';
import { EXPERIMENT_FILE } from '../tolaria/trainer.ts';
import { dataParts, filesOf, MAX_DATA_BYTES, placeFiles } from './run-files.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const ROWS = bytesOf(Array.from({ length: 20 }, (_, i) => `${i},${i % 3},${i % 2}`).join('\n'));
const experiment = Experiment.parse({
  name: 'own',
  data: { source: 'csv', train: ['in/a.csv', 'out/a.csv'], test: 'in/b.csv' },
});
const files = new NamedFiles(['in/a.csv', 'out/a.csv', 'in/b.csv'].map((p) => [p, ROWS]));

async function startedWith(source?: string): Promise<RunEvent[]> {
  const dataset = await loadDataset(experiment.data, experiment.seed, files);
  const data = { source: source ?? dataset.source, classes: [] };
  return [{ type: 'run.started', data } as unknown as RunEvent];
}

describe('dataParts', () => {
  it('holds every file under a short name of its own, and the experiment that names them', async () => {
    const parts = await dataParts(experiment, await startedWith(), files);
    expect([...parts.keys()]).toEqual([
      'files/a.csv',
      'files/2-a.csv',
      'files/b.csv',
      EXPERIMENT_FILE,
    ]);
    const written = JSON.parse(new TextDecoder().decode(parts.get(EXPERIMENT_FILE)));
    expect(written.data).toMatchObject({ train: ['a.csv', '2-a.csv'], test: 'b.csv' });
  });

  it('is empty where the data are generated', async () => {
    const moons = Experiment.parse({ name: 'm', data: { source: 'moons' } });
    expect((await dataParts(moons, [], files)).size).toBe(0);
  });

  it('refuses files that are not what the run has read', async () => {
    const events = await startedWith('a.csv 1+1x2, 2 classes, sha256:0');
    await expect(dataParts(experiment, events, files)).rejects.toThrow(
      'the files have changed since the run read them',
    );
  });

  it('refuses more than a page can hold', async () => {
    const large = { read: async () => ({ byteLength: MAX_DATA_BYTES }) as Uint8Array<ArrayBuffer> };
    await expect(dataParts(experiment, [], large)).rejects.toThrow('more than 256 MiB');
  });
});

describe('a run that carries files', () => {
  it('is read from them first, and from elsewhere for what it does not carry', async () => {
    const storage = memoryRunStorage();
    await storage.blobs.write('files/a.csv', bytesOf('own'));
    const reader = await filesOf(storage, new NamedFiles([['b.csv', bytesOf('other')]]));
    const text = async (path: string) => new TextDecoder().decode(await reader.read(path));
    expect(await text('a.csv')).toBe('own');
    expect(await text('b.csv')).toBe('other');
    await expect(text('c.csv')).rejects.toThrow('c.csv');
  });

  it('has them in its folder, where its experiment names them', async () => {
    const from = memoryRunStorage();
    await from.blobs.write('files/a.csv', ROWS);
    const to = memoryRunStorage();
    const named = { ...experiment, data: { source: 'csv', train: 'a.csv', test: 'else.csv' } };
    await to.blobs.write(EXPERIMENT_FILE, bytesOf(JSON.stringify(named)));
    await placeFiles(from, to, 'runs/b');
    expect(await to.blobs.read('files/a.csv')).toEqual(ROWS);
    const { data } = JSON.parse(new TextDecoder().decode((await to.blobs.read(EXPERIMENT_FILE))!));
    expect(data).toMatchObject({ train: 'runs/b/files/a.csv', test: 'else.csv' });
  });
});
