import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryBlobStorage } from '../platform/memory.ts';
import type { BlobStorage } from '../platform/platform.ts';
import { flipped, testArtifact, testKey } from './_test-artifact.ts';
import { encodeEntry } from './cache-entry.ts';
import { KernelCache, type KernelCacheOptions, warmHitRate } from './kernel-cache.ts';

const open = (storage: BlobStorage | null, more: Partial<KernelCacheOptions> = {}) =>
  KernelCache.open({ storage, maxBytes: 1e6, maxEntries: 100, ...more });

const path = async (name: string) => `artifacts/${await testKey(name)}`;

/** A storage whose operations fail while `broken`. */
function fragile(broken: { now: boolean }): BlobStorage {
  const inner = new MemoryBlobStorage();
  const guard =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      broken.now ? Promise.reject(new Error('the disk is on fire')) : work(...args);
  return {
    read: guard((key) => inner.read(key)),
    write: guard((key, bytes) => inner.write(key, bytes)),
    remove: guard((key) => inner.remove(key)),
    list: guard((prefix) => inner.list(prefix)),
  };
}

describe('warmHitRate()', () => {
  it('is over 95 % once a run has asked for each of its kernels', async () => {
    const cache = await open(null);
    expect(warmHitRate(cache.stats())).toBeNull();
    for (let i = 0; i < 200; i++) {
      const name = `k${i % 7}`;
      if (!(await cache.get(await testKey(name)))) await cache.put(await testArtifact(name));
    }
    expect(cache.stats()).toMatchObject({ hits: 193, misses: 7, firstMisses: 7 });
    expect(warmHitRate(cache.stats())).toBe(1);
  });

  it('counts what was there and was lost', async () => {
    const cache = await open(null, { maxEntries: 1 });
    for (const name of ['a', 'b', 'a', 'a']) {
      if (!(await cache.get(await testKey(name)))) await cache.put(await testArtifact(name));
    }
    // The second `a` had made room for `b`.
    expect(warmHitRate(cache.stats())).toBe(1 / 2);
  });
});

describe('KernelCache', () => {
  it('keeps what is asked for often while others come and go', async () => {
    const cache = await open(null, { maxEntries: 3 });
    const ask = async (name: string) => {
      const hit = await cache.get(await testKey(name));
      if (!hit) await cache.put(await testArtifact(name));
      return hit !== null;
    };
    for (const name of ['a', 'a', 'b', 'b']) await ask(name);
    for (let i = 0; i < 10; i++) expect(await ask(`once${i}`)).toBe(false);
    expect(await ask('a')).toBe(true);
    expect(await ask('b')).toBe(true);
  });

  it('gives from memory what this process put, and from storage after a restart', async () => {
    const storage = new MemoryBlobStorage();
    const artifact = await testArtifact('a');
    const key = await testKey('a');
    const first = await open(storage);
    expect(await first.get(key)).toBeNull();
    await first.put(artifact);
    expect(await first.get(key)).toEqual({ artifact, origin: 'memory' });
    const second = await open(storage);
    expect(second.stats()).toMatchObject({ entries: 1, bytes: encodeEntry(artifact).length });
    expect(await second.get(key)).toEqual({ artifact, origin: 'storage' });
    expect(await second.get(key)).toEqual({ artifact, origin: 'memory' });
    expect(first.stats()).toMatchObject({ hits: 1, misses: 1, evictions: 0, corrupt: 0 });
    expect(second.stats()).toMatchObject({ hits: 2, misses: 0 });
  });

  it('keeps what an LRU of that many bytes and entries would keep, over restarts', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'] as const;
    const sizes = [10, 400, 900] as const;
    const artifacts = new Map<string, Awaited<ReturnType<typeof testArtifact>>>();
    const keys = new Map<string, string>();
    for (const name of names) keys.set(name, await testKey(name));
    for (const name of names) {
      for (const size of sizes) artifacts.set(`${name}${size}`, await testArtifact(name, size));
    }
    const bytesOf = (name: string, size: number) =>
      encodeEntry(artifacts.get(`${name}${size}`)!).length;
    const base = bytesOf('a', 0 + 10) - 10;
    const name = fc.constantFrom(...names);
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), name, size: fc.constantFrom(...sizes) }),
      fc.record({ kind: fc.constant('get' as const), name }),
      fc.record({ kind: fc.constant('drop' as const), name }),
      fc.record({ kind: fc.constant('reopen' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 30 }),
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 100, max: 4 * (base + 500) }),
        async (operations, maxEntries, maxBytes) => {
          const storage = new MemoryBlobStorage();
          let cache = await open(storage, { maxBytes, maxEntries });
          let model: [string, number][] = [];
          let saved = model;
          let evictions = 0;
          const asked = new Map<string, number>();
          for (const o of operations) {
            const without = 'name' in o ? model.filter(([n]) => n !== o.name) : model;
            if (o.kind === 'put') {
              await cache.put(artifacts.get(`${o.name}${o.size}`)!);
              model = without;
              if (bytesOf(o.name, o.size) <= maxBytes && maxEntries > 0) {
                model = [...without, [o.name, bytesOf(o.name, o.size)]];
              }
              while (
                model.length > maxEntries ||
                model.reduce((sum, [, bytes]) => sum + bytes, 0) > maxBytes
              ) {
                // The new one is the last, and stays.
                const others = model.slice(0, -1);
                const times = (n: string) => asked.get(n) ?? 0;
                const least = others.reduce((a, b) => (times(b[0]) < times(a[0]) ? b : a));
                model = model.filter((one) => one !== least);
                evictions++;
              }
              saved = model;
            } else if (o.kind === 'get') {
              asked.set(o.name, (asked.get(o.name) ?? 0) + 1);
              const entry = model.find(([n]) => n === o.name);
              const hit = await cache.get(keys.get(o.name)!);
              expect(hit !== null).toBe(entry !== undefined);
              expect(hit?.artifact.manifest.verification.adapter).toBe(entry && o.name);
              if (entry) model = [...without, entry];
            } else if (o.kind === 'drop') {
              await cache.drop(keys.get(o.name)!);
              model = without;
              saved = model;
            } else {
              expect(cache.stats()).toMatchObject({ evictions, corrupt: 0 });
              cache = await open(storage, { maxBytes, maxEntries });
              model = saved;
              evictions = 0;
              asked.clear();
            }
            const bytes = model.reduce((sum, [, each]) => sum + each, 0);
            expect(cache.stats()).toMatchObject({ entries: model.length, bytes, evictions });
            expect(bytes).toBeLessThanOrEqual(maxBytes);
            expect(await storage.list('artifacts/')).toEqual(
              model.map(([n]) => `artifacts/${keys.get(n)!}`).sort(),
            );
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('never hands out a damaged entry: drops it, counts it, and takes a good one again', async () => {
    const artifact = await testArtifact('a');
    const key = await testKey('a');
    const bytes = encodeEntry(artifact);
    const head = bytes.indexOf(10) + 1;
    const wgsl = bytes.length - artifact.weights.length - 4;
    const classes = [0, 20, head - 2, head - 1, head, head + 9, wgsl, bytes.length - 1];
    const storage = new MemoryBlobStorage();
    for (const at of classes) {
      await (await open(storage)).put(artifact);
      await storage.write(await path('a'), flipped(bytes, at));
      const notices: string[] = [];
      const cache = await open(storage, { onNotice: (message) => notices.push(message) });
      expect(await cache.get(key)).toBeNull();
      expect(cache.stats()).toMatchObject({ corrupt: 1, misses: 1, hits: 0, entries: 0, bytes: 0 });
      expect(await storage.list('artifacts/')).toEqual([]);
      expect(notices).toHaveLength(1);
      expect(notices[0]).toContain(`Cannot use cached artifact ${key}`);
      await cache.put(artifact);
      expect((await cache.get(key))?.artifact).toEqual(artifact);
    }
  });

  it('treats an entry that lies under another key as damaged', async () => {
    const storage = new MemoryBlobStorage();
    await storage.write(await path('b'), encodeEntry(await testArtifact('a')));
    const cache = await open(storage);
    expect(await cache.get(await testKey('b'))).toBeNull();
    expect(cache.stats().corrupt).toBe(1);
  });

  it('forgets what was removed behind its back', async () => {
    const storage = new MemoryBlobStorage();
    await (await open(storage)).put(await testArtifact('a'));
    const cache = await open(storage);
    await storage.remove(await path('a'));
    expect(await cache.get(await testKey('a'))).toBeNull();
    expect(cache.stats()).toMatchObject({ entries: 0, bytes: 0, corrupt: 0, misses: 1 });
  });

  it('finds its entries without an index, with a bad one, and with one that lies', async () => {
    const lie = new TextEncoder().encode(JSON.stringify([[await testKey('a'), 1], ['x'], 7]));
    const artifact = await testArtifact('a');
    const { length } = encodeEntry(artifact);
    for (const index of [null, new TextEncoder().encode('{'), lie]) {
      const storage = new MemoryBlobStorage();
      await (await open(storage)).put(artifact);
      if (index) await storage.write('artifact-index.json', index);
      else await storage.remove('artifact-index.json');
      const cache = await open(storage);
      expect(cache.stats().entries).toBe(1);
      expect((await cache.get(await testKey('a')))?.artifact).toEqual(artifact);
      expect(cache.stats().bytes).toBe(length);
    }
  });

  it('obeys a budget that became smaller', async () => {
    const storage = new MemoryBlobStorage();
    const first = await open(storage);
    for (const name of ['a', 'b', 'c']) await first.put(await testArtifact(name));
    const second = await open(storage, { maxEntries: 1 });
    expect(second.stats()).toMatchObject({ entries: 1, evictions: 2 });
    expect(await second.get(await testKey('c'))).not.toBeNull();
    expect(await storage.list('artifacts/')).toHaveLength(1);
  });

  it('makes room in a full storage, and goes on in memory when that is not enough', async () => {
    const { length } = encodeEntry(await testArtifact('a'));
    const storage = new MemoryBlobStorage(2 * length + 400);
    const notices: string[] = [];
    const cache = await open(storage, { onNotice: (message) => notices.push(message) });
    for (const name of ['a', 'b', 'c']) await cache.put(await testArtifact(name));
    expect(cache.stats()).toMatchObject({ entries: 2, evictions: 1 });
    expect(await cache.get(await testKey('a'))).toBeNull();
    expect(await storage.read(await path('c'))).not.toBeNull();
    expect(notices).toEqual([]);
    const large = await testArtifact('large', 4 * length);
    await cache.put(large);
    expect((await cache.get(await testKey('large')))?.artifact).toEqual(large);
    expect(await storage.read(await path('large'))).toBeNull();
    expect(notices).toHaveLength(1);
    expect(notices[0]).toContain('The kernel cache goes on in memory: Cannot store');
  });

  it('works without a storage and over one that fails', async () => {
    const artifact = await testArtifact('a');
    const key = await testKey('a');
    const alone = await open(null);
    await alone.put(artifact);
    expect((await alone.get(key))?.origin).toBe('memory');

    const broken = { now: true };
    const notices: string[] = [];
    const cache = await open(fragile(broken), { onNotice: (message) => notices.push(message) });
    await cache.put(artifact);
    expect((await cache.get(key))?.artifact).toEqual(artifact);
    await cache.drop(key);
    expect(notices).toEqual(['The kernel cache goes on in memory: the disk is on fire']);

    broken.now = false;
    await cache.put(artifact);
    const storage = fragile(broken);
    const stored = await open(storage);
    await stored.put(artifact);
    const restarted = await open(storage);
    broken.now = true;
    expect(await restarted.get(key)).toBeNull();
  });

  it('serves many callers at once', async () => {
    const cache = await open(new MemoryBlobStorage(), { maxEntries: 3 });
    const names = Array.from({ length: 20 }, (_, i) => `n${i % 5}`);
    await Promise.all(
      names.map(async (name) => {
        await cache.put(await testArtifact(name));
        const hit = await cache.get(await testKey(name));
        if (hit) expect(hit.artifact.manifest.verification.adapter).toBe(name);
      }),
    );
    expect(cache.stats().entries).toBe(3);
    expect(cache.stats().hits + cache.stats().misses).toBe(20);
  });

  it('refuses an artifact without a key', async () => {
    const { manifest, ...rest } = await testArtifact('a');
    const { key: _, ...keyless } = manifest;
    const cache = await open(null);
    await expect(cache.put({ ...rest, manifest: keyless })).rejects.toThrow(
      'Cannot cache an artifact without a key',
    );
  });
});
