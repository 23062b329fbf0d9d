import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '#shared/base/canonical.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { FileBlobStorage } from '#shared/platform/deno.ts';
import { backupData, restoreData } from './data-copy.ts';
import { lockDataFolder } from './data-lock.ts';
import { ContentStore } from './storage/content-store.ts';
import { SqlMetaStore } from './storage/sql-meta-store.ts';
import { SqliteDatabase } from './storage/sqlite-database.ts';

interface Setup {
  dir: string;
  data: string;
  store: SqlMetaStore;
  digests: string[];
  /** Stops the "server". */
  stop(): Promise<void>;
}

/** A data folder with one run and three blobs, open as a server has it. */
async function withData(work: (setup: Setup) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'esper-copy-'));
  const data = join(dir, 'data');
  const unlock = await lockDataFolder(data);
  const db = new SqliteDatabase(join(data, 'esper.db'), systemClock);
  const store = new SqlMetaStore(db);
  const blobs = new ContentStore(new FileBlobStorage(join(data, 'blobs')));
  const digests: string[] = [];
  for (const text of ['one', 'two', 'three']) {
    const bytes = new TextEncoder().encode(text);
    const digest = await sha256Hex(bytes);
    digests.push(digest);
    await blobs.put(digest, bytes);
  }
  await store.runs.create({ id: 'r', body: '{}', createdAt: 1 });
  let isOpen = true;
  const stop = async () => {
    if (!isOpen) return;
    isOpen = false;
    await store.close();
    unlock();
  };
  try {
    await work({ dir, data, store, digests, stop });
  } finally {
    await stop();
    await rm(dir, { recursive: true });
  }
}

const runsIn = async (data: string) => {
  const store = new SqlMetaStore(new SqliteDatabase(join(data, 'esper.db'), systemClock));
  const runs = await store.runs.list({ before: null, limit: 9 });
  await store.close();
  return runs.map(({ id }) => id);
};

Deno.test('a backup of a server that runs brings back what was there', () =>
  withData(async ({ dir, data, store, digests, stop }) => {
    const copy = join(dir, 'copy');
    assert.deepEqual(await backupData(data, copy), { blobs: 3, corrupt: [] });
    await store.runs.create({ id: 'later', body: '{}', createdAt: 2 });
    await assert.rejects(restoreData(copy, data, false), /there is a database; add --force/);
    await assert.rejects(restoreData(copy, data, true), /another server uses it/);
    await stop();
    await restoreData(copy, data, true);
    assert.deepEqual(await runsIn(data), ['r']);
    assert.deepEqual(await runsIn(`${data}.before-restore`), ['later', 'r']);
    const blobs = new ContentStore(new FileBlobStorage(join(data, 'blobs')));
    for (const digest of digests) assert.ok(await blobs.get(digest));
    const elsewhere = join(dir, 'elsewhere');
    await restoreData(copy, elsewhere, false);
    assert.deepEqual(await runsIn(elsewhere), ['r']);
  }));

Deno.test('a backup leaves corrupt blobs out and says which', () =>
  withData(async ({ dir, data, digests }) => {
    const [digest = ''] = digests;
    await writeFile(join(data, 'blobs', 'sha256', digest.slice(0, 2), digest), 'other');
    const report = await backupData(data, join(dir, 'copy'));
    assert.deepEqual(report, { blobs: 2, corrupt: [digest] });
  }));

Deno.test('a backup that was changed, or is none, is refused before anything is touched', () =>
  withData(async ({ dir, data, digests, stop }) => {
    await stop();
    const copy = join(dir, 'copy');
    await backupData(data, copy);
    await assert.rejects(backupData(data, copy), /it exists/);
    await assert.rejects(backupData(join(dir, 'none'), join(dir, 'c2')), /there is no esper\.db/);
    await assert.rejects(restoreData(dir, data, true), /it is no backup/);
    const [digest = ''] = digests;
    const blob = join(copy, 'blobs', 'sha256', digest.slice(0, 2), digest);
    await writeFile(blob, 'other');
    await assert.rejects(restoreData(copy, data, true), /missing or corrupt/);
    await writeFile(blob, 'one');
    const database = await readFile(join(copy, 'esper.db'));
    await writeFile(join(copy, 'esper.db'), database.subarray(0, -1));
    await assert.rejects(restoreData(copy, data, true), /not the one that was saved/);
    assert.deepEqual(await runsIn(data), ['r']);
    assert.deepEqual((await readdir(dir)).sort(), ['copy', 'data']);
    assert.ok((await stat(join(data, 'esper.db'))).isFile());
  }));

Deno.test('two servers do not share a data folder', () =>
  withData(async ({ data, stop }) => {
    await assert.rejects(lockDataFolder(data), /another server uses it/);
    await stop();
    (await lockDataFolder(data))();
  }));
