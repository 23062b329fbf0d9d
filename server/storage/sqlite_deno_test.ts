import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '#shared/base/errors.ts';
import { ManualClock, systemClock } from '#shared/platform/clock.ts';
import { FileBlobStorage } from '#shared/platform/deno.ts';
import type { Clock } from '#shared/platform/platform.ts';
import { BLOB_STORE_CONTRACT } from '../../tests/server/blob-store-contract.ts';
import { JOB_QUEUE_CONTRACT } from '../../tests/server/job-queue-contract.ts';
import { CONTRACT_LIMITS, MESSAGE_LOG_CONTRACT } from '../../tests/server/message-log-contract.ts';
import { META_STORE_CONTRACT } from '../../tests/server/meta-store-contract.ts';
import { UnavailableError } from './ports.ts';
import { SqlJobQueue } from './sql-jobs.ts';
import { SqlMessageLog } from './sql-messages.ts';
import { SqlMetaStore } from './sql-meta-store.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import { steadyClock } from './steady-clock.ts';

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'esper-sqlite-'));
  try {
    await work(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

const openStore = (path: string, clock: Clock) => new SqlMetaStore(new SqliteDatabase(path, clock));

for (const { name, run } of META_STORE_CONTRACT) {
  Deno.test(`SqlMetaStore on SQLite ${name}`, () =>
    inFolder(async (dir) => {
      const store = openStore(join(dir, 'esper.db'), systemClock);
      await run(store);
      await store.close();
    }));
}

Deno.test('SqlMetaStore on SQLite keeps everything over a reopening', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'esper.db');
    const first = openStore(path, systemClock);
    await first.runs.create({ id: 'r', body: '{}', createdAt: 1 });
    const events = [{ seq: 0, body: '{"seq":0}', isFinish: true }];
    await first.runs.append('r', { events, rewindTo: null, now: 2 });
    await first.close();
    const second = openStore(path, systemClock);
    assert.deepEqual((await second.runs.read('r', -1, 10))?.events, events);
    assert.equal((await second.runs.get('r'))?.finished, '{"seq":0}');
    await second.close();
  }));

Deno.test('SqlMetaStore on SQLite lets two openers write one gapless log', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'esper.db');
    const stores = [0, 1].map(() => openStore(path, systemClock));
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

Deno.test('SqliteConnection is unavailable while another process keeps the lock', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'esper.db');
    const clock = new ManualClock();
    const holder = new SqliteConnection(path, clock);
    const other = new SqliteConnection(path, clock, { busyMs: 20 });
    const insert = "INSERT INTO runs (id, body, created_at) VALUES ('r', '{}', 1)";
    holder.run('BEGIN IMMEDIATE');
    assert.throws(() => other.transact(() => other.run(insert)), UnavailableError);
    const during = await other.measure();
    assert.deepEqual([during.status, during.timeouts_total], ['unhealthy', 1]);
    holder.run('COMMIT');
    assert.equal(
      other.transact(() => other.run(insert)),
      1,
    );
    await clock.advance(10_000);
    assert.equal((await other.measure()).status, 'healthy');
    holder.close();
    other.close();
  }));

Deno.test('SqliteConnection leaves an older file as it is when the copy before it fails', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'esper.db');
    const old = new SqliteConnection(path, systemClock, { upTo: 1 });
    const reader = new SqliteConnection(path, systemClock, { upTo: 1 });
    const insert = (id: string) =>
      old.run(`INSERT INTO runs (id, body, created_at) VALUES ('${id}', '{}', 1)`);
    insert('r');
    // Somebody still reads an earlier state, so the log cannot be folded into the file.
    reader.run('BEGIN');
    reader.get('SELECT count(*) FROM runs');
    insert('s');
    assert.throws(
      () => new SqliteConnection(path, systemClock, { busyMs: 10 }),
      (error) =>
        error instanceof InputError &&
        /forward from schema 1: the copy .*\.schema-1\.bak" that comes first failed .*writing/.test(
          error.message,
        ),
    );
    reader.run('COMMIT');
    reader.close();
    assert.equal(old.get<{ user_version: number }>('PRAGMA user_version')?.user_version, 1);
    old.close();
    assert.deepEqual(
      (await readdir(dir)).filter((name) => /bak|part/.test(name)),
      [],
    );
    const copies: string[] = [];
    const now = new SqliteConnection(path, systemClock, { onBackup: (copy) => copies.push(copy) });
    assert.deepEqual(copies, [`${path}.schema-1.bak`]);
    assert.equal(now.get<{ n: number }>('SELECT count(*) AS n FROM runs')?.n, 2);
    now.close();
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

for (const { name, run } of JOB_QUEUE_CONTRACT) {
  Deno.test(`SqlJobQueue on SQLite ${name}`, () =>
    inFolder(async (dir) => {
      const clock = new ManualClock();
      const db = new SqliteDatabase(join(dir, 'esper.db'), clock);
      let fence = 0;
      const queue = new SqlJobQueue(db, steadyClock(clock), () => `f${fence++}`);
      await run({ queue, leaseMs: 1000, pass: (ms) => clock.advance(ms) });
      await db.close();
    }));
}

for (const { name, run } of MESSAGE_LOG_CONTRACT) {
  Deno.test(`SqlMessageLog on SQLite ${name}`, () =>
    inFolder(async (dir) => {
      const clock = new ManualClock();
      const db = new SqliteDatabase(join(dir, 'esper.db'), clock);
      const log = new SqlMessageLog(db, steadyClock(clock), CONTRACT_LIMITS);
      await run({ log, leaseMs: 1000, pass: (ms) => clock.advance(ms) });
      await db.close();
    }));
}

for (const { name, run } of BLOB_STORE_CONTRACT) {
  Deno.test(`FileBlobStorage ${name}`, () => inFolder((dir) => run(new FileBlobStorage(dir))));
}

Deno.test('SqliteDatabase keeps statements of others out of a transaction', () =>
  inFolder(async (dir) => {
    const db = new SqliteDatabase(join(dir, 'esper.db'), systemClock);
    const counts: unknown[] = [];
    const failing = db.transact(null, async (tx) => {
      await tx.run("INSERT INTO runs (id, body, created_at) VALUES ('r', '{}', 1)");
      await Promise.resolve();
      throw new Error('stop');
    });
    const beside = db.get('SELECT count(*) AS n FROM runs').then((row) => counts.push(row));
    await assert.rejects(failing, /stop/);
    await beside;
    assert.equal((counts[0] as { n: number }).n, 0);
    await db.close();
  }));

Deno.test('leases do not feel the clock of the machine, nor a restart under another one', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'esper.db');
    const id = `sha256-${'0'.repeat(64)}`;
    const clock = new ManualClock();
    const db = new SqliteDatabase(path, clock);
    const queue = new SqlJobQueue(db, steadyClock(clock), () => 'f1');
    await queue.enqueue({ id, kind: 'compile', spec: '{}', maxTries: 3 });
    await queue.claim({ kinds: ['compile'], worker: 'w', leaseMs: 10_000 });
    clock.shiftWallTime(-3_600_000);
    assert.equal(await queue.sweep(), 0);
    clock.shiftWallTime(7_200_000);
    assert.equal(await queue.sweep(), 0);
    await clock.advance(10_000);
    assert.equal(await queue.sweep(), 1);
    await queue.claim({ kinds: ['compile'], worker: 'w', leaseMs: 10_000 });
    await db.close();
    // The server comes back on a machine whose clock is an hour behind.
    const late = new ManualClock(1_700_000_000_000 - 3_600_000);
    const again = new SqliteDatabase(path, late);
    const second = new SqlJobQueue(again, steadyClock(late), () => 'f2');
    assert.equal(
      (await second.claim({ kinds: ['compile'], worker: 'v', leaseMs: 1 }))?.fence,
      'f2',
    );
    await again.close();
  }));

Deno.test('SqliteConnection keeps a copy before it brings an older file forward', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'esper.db');
    const old = new SqliteConnection(path, systemClock, { upTo: 2 });
    old.run("INSERT INTO runs (id, body, created_at) VALUES ('r', '{}', 1)");
    old.close();
    const copies: string[] = [];
    const store = new SqlMetaStore(
      new SqliteDatabase(path, systemClock, { onBackup: (copy) => copies.push(copy) }),
    );
    assert.deepEqual(copies, [`${path}.schema-2.bak`]);
    assert.equal((await store.runs.get('r'))?.body, '{}');
    assert.equal((await store.documents.put('s', 'n', '{}', 0, 1)).outcome, 'created');
    await store.close();
    // The copy opens as what it was.
    const copy = new SqliteConnection(`${path}.schema-2.bak`, systemClock, { upTo: 2 });
    assert.equal(copy.get<{ n: number }>('SELECT count(*) AS n FROM runs')?.n, 1);
    copy.close();
  }));

Deno.test('SqliteDatabase is copied whole while it is written to', () =>
  inFolder(async (dir) => {
    const db = new SqliteDatabase(join(dir, 'esper.db'), systemClock);
    const store = new SqlMetaStore(db);
    for (let n = 0; n < 20; n++) await store.runs.create({ id: `r${n}`, body: '{}', createdAt: n });
    const [, created] = await Promise.all([
      db.backup(join(dir, 'copy.db')),
      store.runs.create({ id: 'later', body: '{}', createdAt: 1 }),
    ]);
    assert.equal(created, 'created');
    await store.close();
    const copy = openStore(join(dir, 'copy.db'), systemClock);
    assert.ok((await copy.runs.list({ before: null, limit: 99 })).length >= 20);
    await copy.close();
  }));
