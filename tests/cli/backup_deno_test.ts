/** `esper backup` and `esper restore` as a person types them, with the permissions they get. */
import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '#shared/base/canonical.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { FileBlobStorage } from '#shared/platform/deno.ts';
import { lockDataFolder } from '../../server/data-lock.ts';
import { ContentStore } from '../../server/storage/content-store.ts';
import { SqlMetaStore } from '../../server/storage/sql-meta-store.ts';
import { SqliteDatabase } from '../../server/storage/sqlite-database.ts';
import { esper, inFolder } from './esper-process.ts';

/** A data folder with a run and a blob, as a server leaves it. @returns The blob's file. */
async function fill(data: string): Promise<string> {
  const unlock = await lockDataFolder(data);
  const db = new SqliteDatabase(join(data, 'esper.db'), systemClock);
  await new SqlMetaStore(db).runs.create({ id: 'r', body: '{}', createdAt: 1 });
  const bytes = new TextEncoder().encode('a blob');
  const digest = await sha256Hex(bytes);
  await new ContentStore(new FileBlobStorage(join(data, 'blobs'))).put(digest, bytes);
  await db.close();
  unlock();
  return join(data, 'blobs', 'sha256', digest.slice(0, 2), digest);
}

Deno.test('esper backup and restore copy the data, and say what they did', () =>
  inFolder(async (cwd) => {
    await fill(join(cwd, 'data'));
    const backup = await esper(['backup', 'copy', '--data', 'data'], { cwd });
    assert.deepEqual([backup.code, backup.stderr], [0, '']);
    assert.match(backup.stdout, /backed up ".*data" to ".*copy": the database and 1 blobs/);
    assert.deepEqual((await readdir(join(cwd, 'copy'))).sort(), [
      'backup.json',
      'blobs',
      'esper.db',
    ]);

    const elsewhere = await esper(['restore', 'copy', '--data', 'other'], { cwd });
    assert.deepEqual([elsewhere.code, elsewhere.stderr], [0, '']);
    const db = new SqliteDatabase(join(cwd, 'other', 'esper.db'), systemClock);
    assert.equal((await new SqlMetaStore(db).runs.get('r'))?.id, 'r');
    await db.close();

    const refused = await esper(['restore', 'copy', '--data', 'data'], { cwd });
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /esper: Cannot restore to ".*data".*add --force/);
    const forced = await esper(['restore', 'copy', '--data', 'data', '--force'], { cwd });
    assert.equal(forced.code, 0);
    assert.ok((await readdir(cwd)).includes('data.before-restore'));
  }));

Deno.test('esper backup ends with 1 over a corrupt blob and with 2 over a mistake', () =>
  inFolder(async (cwd) => {
    const blob = await fill(join(cwd, 'data'));
    await writeFile(blob, 'changed');
    const { code, stderr } = await esper(['backup', 'copy', '--data', 'data'], { cwd });
    assert.equal(code, 1);
    assert.match(stderr, /blob [0-9a-f]{64} is corrupt and was left out/);
    const none = await esper(['backup', 'c2', '--data', 'nowhere'], { cwd });
    assert.equal(none.code, 2);
    assert.match(none.stderr, /there is no esper\.db; name it with --data/);
    const twice = await esper(['backup', 'copy', '--data', 'data'], { cwd });
    assert.equal(twice.code, 2);
    assert.match(twice.stderr, /it exists; name a new folder/);
  }));
