import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { MemoryBlobStorage } from '../../platform/memory.ts';
import { type SuiteProtocol, SuiteStore } from './suite-store.ts';

const protocol: SuiteProtocol = {
  ...{ name: 'p3', seeds: 3, data: 'rows sha256:00', adapter: 'soft', shaders: 'abc' },
};
const Part = z.object({ test: z.array(z.number()) });

describe('SuiteStore', () => {
  test('gives back what was kept, and nothing of another form', async () => {
    const store = await SuiteStore.open(new MemoryBlobStorage(), protocol);
    expect(await store.part('a', Part)).toBeNull();
    await store.keep('a', { test: [0.1, 1 / 3] });
    expect(await store.part('a', Part)).toEqual({ test: [0.1, 1 / 3] });
    await store.keep('b', { test: 'of an older version' });
    expect(await store.part('b', Part)).toBeNull();
    await store.drop('a');
    expect(await store.part('a', Part)).toBeNull();
  });

  test('finds what an earlier sitting kept', async () => {
    const blobs = new MemoryBlobStorage();
    await (await SuiteStore.open(blobs, protocol)).keep('a', { test: [2] });
    expect(await (await SuiteStore.open(blobs, protocol)).part('a', Part)).toEqual({ test: [2] });
  });

  test.each<[Partial<SuiteProtocol>, string]>([
    [{ name: 'p1' }, 'another suite (p3, now p1)'],
    [{ seeds: 20 }, 'another number of repetitions (3, now 20)'],
    [{ data: 'rows sha256:01' }, 'other data (rows sha256:00, now rows sha256:01)'],
    [{ arms: 'gradmax, tiny' }, 'other arms (unknown, now gradmax, tiny)'],
    [{ adapter: 'hard' }, 'another adapter (soft, now hard)'],
    [{ shaders: 'abd' }, 'other shaders (abc, now abd)'],
  ])('refuses to go on with %j', async (change, reason) => {
    const blobs = new MemoryBlobStorage();
    await SuiteStore.open(blobs, protocol);
    await expect(SuiteStore.open(blobs, { ...protocol, ...change })).rejects.toThrow(
      `Cannot go on with the suite in this folder: it was begun with ${reason}; name a new folder with --out`,
    );
  });

  test('a file that is not JSON is named', async () => {
    const blobs = new MemoryBlobStorage();
    const store = await SuiteStore.open(blobs, protocol);
    await blobs.write('a.json', new TextEncoder().encode('{"test": ['));
    await expect(store.part('a', Part)).rejects.toThrow('Cannot read a.json: it is not JSON');
  });

  test('runs under it have blobs and a log of their own', async () => {
    const blobs = new MemoryBlobStorage();
    const { blobs: own, events } = (await SuiteStore.open(blobs, protocol)).runStorage('one');
    await own.write('checkpoint', Uint8Array.of(1, 2));
    expect(await own.list('')).toEqual(['checkpoint']);
    expect(await blobs.list('one/')).toEqual(['one/checkpoint']);
    await events.append(['a', 'b', 'c']);
    await events.truncate(2);
    await events.append(['d']);
    expect(await events.readAll()).toEqual(['a', 'b', 'd']);
    const again = (await SuiteStore.open(blobs, protocol)).runStorage('one');
    expect(await again.events.readAll()).toEqual(['a', 'b', 'd']);
    expect(await again.blobs.read('checkpoint')).toEqual(Uint8Array.of(1, 2));
    const other = (await SuiteStore.open(blobs, protocol)).runStorage('other');
    expect(await other.events.readAll()).toEqual([]);
    await own.remove('checkpoint');
    expect(await blobs.list('one/')).toEqual(['one/events.jsonl']);
  });
});
