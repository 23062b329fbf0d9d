/** What every RunStorage must do; run on memory and files by Vitest, on files by Deno too. */
import assert from 'node:assert/strict';
import type { RunStorage } from './platform.ts';

export interface StorageCase {
  name: string;
  run(storage: RunStorage): Promise<void>;
}

const bytes = (...values: number[]) => new Uint8Array(values);

export const RUN_STORAGE_CONTRACT: readonly StorageCase[] = [
  {
    name: 'gives back what was written, and null for what was not',
    async run({ blobs }) {
      assert.equal(await blobs.read('a'), null);
      await blobs.write('checkpoints/1.safetensors', bytes(1, 2, 3));
      assert.deepEqual(await blobs.read('checkpoints/1.safetensors'), bytes(1, 2, 3));
      await blobs.write('checkpoints/1.safetensors', bytes());
      assert.deepEqual(await blobs.read('checkpoints/1.safetensors'), bytes());
    },
  },
  {
    name: 'keeps its own copy',
    async run({ blobs }) {
      const whole = bytes(9, 1, 2, 9);
      await blobs.write('a', whole.subarray(1, 3));
      whole.fill(0);
      const read = await blobs.read('a');
      assert.deepEqual(read, bytes(1, 2));
      assert.equal(read?.buffer.byteLength, 2);
      read?.fill(7);
      assert.deepEqual(await blobs.read('a'), bytes(1, 2));
    },
  },
  {
    name: 'lists by prefix, sorted, and removes',
    async run({ blobs }) {
      for (const key of ['b', 'c/2', 'c/10', 'cc', 'c/d/e']) await blobs.write(key, bytes(1));
      assert.deepEqual(await blobs.list(''), ['b', 'c/10', 'c/2', 'c/d/e', 'cc']);
      assert.deepEqual(await blobs.list('c/'), ['c/10', 'c/2', 'c/d/e']);
      await blobs.remove('c/2');
      await blobs.remove('never/there');
      assert.deepEqual(await blobs.list('c/'), ['c/10', 'c/d/e']);
      assert.equal(await blobs.read('c/2'), null);
    },
  },
  {
    name: 'refuses keys that could lead elsewhere',
    async run({ blobs }) {
      for (const key of ['', '../a', 'a/../b', '/a', 'a//b', 'a\\b', '.hidden', 'a\0', 'ä']) {
        await assert.rejects(blobs.write(key, bytes(1)), RangeError, key);
        await assert.rejects(blobs.read(key), RangeError, key);
        await assert.rejects(blobs.remove(key), RangeError, key);
      }
    },
  },
  {
    name: 'appends lines in the order of the calls',
    async run({ events }) {
      assert.deepEqual(await events.readAll(), []);
      await Promise.all(
        Array.from({ length: 20 }, (_, i) => events.append([`{"a":${i}}`, `"ü ${i}"`])),
      );
      await events.append([]);
      assert.deepEqual(
        await events.readAll(),
        Array.from({ length: 20 }, (_, i) => [`{"a":${i}}`, `"ü ${i}"`]).flat(),
      );
    },
  },
  {
    name: 'truncates to a number of lines and goes on after them',
    async run({ events }) {
      await events.truncate(3);
      await events.append(['ä', 'b', 'c']);
      await events.truncate(5);
      assert.equal((await events.readAll()).length, 3);
      await events.truncate(1);
      await events.append(['d']);
      assert.deepEqual(await events.readAll(), ['ä', 'd']);
      await events.truncate(0);
      assert.deepEqual(await events.readAll(), []);
    },
  },
  {
    name: 'refuses a line that would read back as two',
    async run({ events }) {
      await assert.rejects(events.append(['ok', 'a\nb']), RangeError);
      assert.deepEqual(await events.readAll(), []);
    },
  },
];
