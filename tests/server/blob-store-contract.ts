/** What every BlobStorage must do under a ContentStore: memory, files and S3 run the same cases. */
import assert from 'node:assert/strict';
import { sha256Hex } from '#shared/base/canonical.ts';
import { CorruptDataError } from '#shared/base/errors.ts';
import type { BlobStorage } from '#shared/platform/platform.ts';
import { ContentStore } from '../../server/storage/content-store.ts';
import { DigestMismatchError } from '../../server/storage/ports.ts';
import { PieceStore } from '../../server/urza/piece-store.ts';

export interface BlobStoreCase {
  name: string;
  run(storage: BlobStorage): Promise<void>;
}

const utf8 = (text: string) => new TextEncoder().encode(text);
const keyOf = (digest: string) => `sha256/${digest.slice(0, 2)}/${digest}`;

export const BLOB_STORE_CONTRACT: readonly BlobStoreCase[] = [
  {
    name: 'keeps bytes under their digest, once',
    async run(storage) {
      const store = new ContentStore(storage);
      const bytes = crypto.getRandomValues(new Uint8Array(50_000));
      const digest = await sha256Hex(bytes);
      assert.equal(await store.get(digest), null);
      assert.equal(await store.put(digest, bytes), 'created');
      assert.equal(await store.put(digest, bytes), 'exists');
      assert.deepEqual(await store.get(digest), bytes);
      await store.ping();
    },
  },
  {
    name: 'refuses bytes of another digest and keeps nothing of them',
    async run(storage) {
      const store = new ContentStore(storage);
      const digest = await sha256Hex('right');
      await assert.rejects(store.put(digest, utf8('wrong')), DigestMismatchError);
      assert.equal(await store.get(digest), null);
    },
  },
  {
    name: 'never serves bytes that changed, whichever bit, and heals',
    async run(storage) {
      const store = new ContentStore(storage);
      const bytes = crypto.getRandomValues(new Uint8Array(32));
      const digest = await sha256Hex(bytes);
      for (const bit of [0, 7, 100, 255]) {
        await store.put(digest, bytes);
        const changed = bytes.slice();
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        await storage.write(keyOf(digest), changed);
        await assert.rejects(store.get(digest), CorruptDataError);
        assert.equal(await store.get(digest), null);
      }
      assert.equal((await storage.list('quarantine/')).length, 4);
      assert.equal(await store.put(digest, bytes), 'created');
      assert.deepEqual(await store.get(digest), bytes);
    },
  },
  {
    name: 'lets twenty writers of the same bytes all succeed',
    async run(storage) {
      const store = new ContentStore(storage);
      const bytes = utf8('same');
      const digest = await sha256Hex(bytes);
      await Promise.all(Array.from({ length: 20 }, () => store.put(digest, bytes)));
      assert.deepEqual(await store.get(digest), bytes);
    },
  },
  {
    name: 'lists by prefix, in order, and removes',
    async run(storage) {
      for (const key of ['a/2', 'a/1', 'b/1', 'ab']) await storage.write(key, utf8(key));
      assert.deepEqual(await storage.list('a/'), ['a/1', 'a/2']);
      await storage.remove('a/1');
      await storage.remove('a/1');
      assert.deepEqual(await storage.list('a/'), ['a/2']);
      assert.equal(await storage.read('a/1'), null);
    },
  },
  {
    name: 'carries an upload in pieces over a break',
    async run(storage) {
      const first = new PieceStore(storage);
      const id = 'f'.repeat(32);
      await first.begin({ id, sha256: await sha256Hex('onetwo'), bytes: 6, startedAt: 5 });
      const begun = await first.state(id);
      assert.ok(begun);
      assert.equal(await first.append(begun, utf8('one')), true);
      // Another process goes on.
      const second = new PieceStore(storage);
      const state = await second.state(id);
      assert.equal(state?.offset, 3);
      assert.ok(state);
      assert.equal(await second.append(state, utf8('two')), true);
      const whole = await second.join({ ...state, offset: 6 });
      assert.equal(new TextDecoder().decode(whole), 'onetwo');
      assert.equal(await second.sweep(5), 0);
      assert.equal(await second.sweep(6), 1);
      assert.deepEqual(await storage.list('uploads/'), []);
    },
  },
];
