import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StorageFullError } from '../base/errors.ts';
import { RUN_STORAGE_CONTRACT } from './_test-storage.ts';
import { FileBlobStorage, fileRunStorage } from './deno.ts';

for (const { name, run } of RUN_STORAGE_CONTRACT) {
  Deno.test(`fileRunStorage() in Deno ${name}`, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'esper-storage-'));
    const storage = fileRunStorage(join(dir, 'run'));
    try {
      await run(storage);
    } finally {
      await storage.close();
      await rm(dir, { recursive: true });
    }
  });
}

/** A small file system of its own, where this user may mount one; null otherwise. */
async function mountSmallDisk(dir: string): Promise<boolean> {
  const args = ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir];
  const mount = new Deno.Command('mount', { args, stdout: 'null', stderr: 'null' });
  return await mount.output().then(
    ({ success }) => success,
    () => false,
  );
}

const dir = await mkdtemp(join(tmpdir(), 'esper-small-disk-'));
const isMounted = await mountSmallDisk(dir);

Deno.test({
  name: 'a full disk gives StorageFullError, keeps the old bytes, and recovers when freed',
  ignore: !isMounted,
  async fn() {
    const blobs = new FileBlobStorage(dir);
    const old = new Uint8Array(20_000).fill(1);
    await blobs.write('checkpoint', old);
    await assert.rejects(blobs.write('checkpoint', new Uint8Array(60_000)), StorageFullError);
    assert.deepEqual(await blobs.read('checkpoint'), old);
    const run = fileRunStorage(dir);
    await run.events.append(['first']);
    await assert.rejects(run.events.append(['x'.repeat(60_000)]), StorageFullError);
    assert.deepEqual(await run.events.readAll(), ['first']);
    await blobs.remove('checkpoint');
    await run.events.append(['x'.repeat(20_000)]);
    assert.equal((await run.events.readAll()).length, 2);
    await run.close();
  },
});

addEventListener('unload', () => {
  if (isMounted) new Deno.Command('umount', { args: [dir] }).outputSync();
  Deno.removeSync(dir);
});
