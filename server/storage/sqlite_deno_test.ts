import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '#shared/base/errors.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { META_STORE_CONTRACT } from '../../tests/server/meta-store-contract.ts';
import { SqliteMetaStore } from './sqlite.ts';
import { SqliteConnection } from './sqlite-connection.ts';

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'esper-sqlite-'));
  try {
    await work(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

for (const { name, run } of META_STORE_CONTRACT) {
  Deno.test(`SqliteMetaStore ${name}`, () =>
    inFolder(async (dir) => {
      const store = new SqliteMetaStore(join(dir, 'esper.db'), systemClock);
      await run(store);
      await store.close();
    }));
}

Deno.test('SqliteMetaStore keeps everything over a reopening', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'esper.db');
    const first = new SqliteMetaStore(path, systemClock);
    await first.runs.create({ id: 'r', body: '{}', createdAt: 1 });
    const events = [{ seq: 0, body: '{"seq":0}', isFinish: true }];
    await first.runs.append('r', { events, rewindTo: null, now: 2 });
    await first.close();
    const second = new SqliteMetaStore(path, systemClock);
    assert.deepEqual((await second.runs.read('r', -1, 10))?.events, events);
    assert.equal((await second.runs.get('r'))?.finished, '{"seq":0}');
    await second.close();
  }));

Deno.test('SqliteMetaStore lets two openers write one gapless log', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'esper.db');
    const stores = [0, 1].map(() => new SqliteMetaStore(path, systemClock));
    await stores[0]?.runs.create({ id: 'r', body: '{}', createdAt: 1 });
    for (let seq = 0; seq < 40; seq++) {
      const events = [{ seq, body: `{"seq":${seq}}`, isFinish: false }];
      await stores[seq % 2]?.runs.append('r', { events, rewindTo: null, now: 2 });
    }
    assert.equal((await stores[0]?.runs.get('r'))?.acceptedThrough, 39);
    for (const store of stores) await store.close();
  }));

Deno.test('SqliteConnection leaves nothing of a transaction that failed', () =>
  inFolder(async (dir) => {
    const connection = new SqliteConnection(join(dir, 'esper.db'), systemClock);
    const insert = "INSERT INTO runs (id, body, created_at) VALUES ('r', '{}', 1)";
    assert.throws(
      () =>
        connection.transact(() => {
          connection.run(insert);
          throw new Error('stop');
        }),
      /stop/,
    );
    assert.equal(connection.get<{ n: number }>('SELECT count(*) AS n FROM runs')?.n, 0);
    assert.equal(
      connection.transact(() => connection.run(insert)),
      1,
    );
    assert.throws(() => connection.run(insert), /UNIQUE/);
    assert.equal((await connection.measure()).errors_total, 1);
    connection.close();
  }));

Deno.test('SqliteConnection syncs fully', () =>
  inFolder(async (dir) => {
    const connection = new SqliteConnection(join(dir, 'esper.db'), systemClock);
    assert.equal(connection.get<{ synchronous: number }>('PRAGMA synchronous')?.synchronous, 2);
    assert.equal(
      connection.get<{ journal_mode: string }>('PRAGMA journal_mode')?.journal_mode,
      'wal',
    );
    assert.ok((await stat(join(dir, 'esper.db-wal'))).size > 0);
    connection.close();
  }));

Deno.test('SqliteConnection refuses what is no database, and one from the future', () =>
  inFolder(async (dir) => {
    const garbage = join(dir, 'garbage.db');
    await writeFile(
      garbage,
      'this is not a database, although it is long enough to be read as one',
    );
    assert.throws(() => new SqliteConnection(garbage, systemClock), InputError);
    const path = join(dir, 'esper.db');
    const connection = new SqliteConnection(path, systemClock);
    connection.run('PRAGMA user_version = 99');
    connection.close();
    assert.throws(() => new SqliteConnection(path, systemClock), /schema 99, this version knows/);
  }));
