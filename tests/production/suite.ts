/**
 * The contract suites on the engines of the production profile. tools/production.mjs starts the
 * engines and says where they are; every case gets a name of its own in each of them.
 */
import assert from 'node:assert/strict';
import { Worker } from 'bullmq';
import pg from 'pg';
import { systemClock } from '#shared/platform/clock.ts';
import { BullJobQueue } from '../../server/storage/bullmq-jobs.ts';
import { UnavailableError } from '../../server/storage/ports.ts';
import { PostgresDatabase } from '../../server/storage/postgres-database.ts';
import { connectRedis, whenReady } from '../../server/storage/redis-connection.ts';
import { RedisEventBus, RedisMessageLog } from '../../server/storage/redis-messages.ts';
import { S3BlobStorage } from '../../server/storage/s3-blob-storage.ts';
import { SqlMetaStore } from '../../server/storage/sql-meta-store.ts';
import { BLOB_STORE_CONTRACT } from '../server/blob-store-contract.ts';
import { JOB_QUEUE_CONTRACT } from '../server/job-queue-contract.ts';
import { CONTRACT_LIMITS, MESSAGE_LOG_CONTRACT } from '../server/message-log-contract.ts';
import { META_STORE_CONTRACT } from '../server/meta-store-contract.ts';
import { EXPERIMENT_CASES } from './experiment-cases.ts';
import { KILL_CASES } from './kill-cases.ts';

export interface ProductionCase {
  name: string;
  run(): Promise<void>;
}

export const env = (name: string): string => {
  const value = Deno.env.get(name);
  if (!value) throw new Error(`${name} is not set: run npm run test:production`);
  return value;
};

let next = 0;
const fresh = (what: string) => `${what}${Deno.pid}x${next++}`;

async function withPostgres(
  work: (db: PostgresDatabase, url: string) => Promise<void>,
  options: { max?: number; timeoutMs?: number } = {},
): Promise<void> {
  const schema = fresh('t');
  const admin = new pg.Client({ connectionString: env('DATABASE_URL') });
  await admin.connect();
  await admin.query(`CREATE SCHEMA ${schema}`);
  const url = `${env('DATABASE_URL')}?options=${encodeURIComponent(`-c search_path=${schema}`)}`;
  const db = await PostgresDatabase.open({
    ...{ url, max: 5, timeoutMs: 2000, clock: systemClock },
    ...options,
  });
  try {
    await work(db, url);
  } finally {
    await db.close();
    await admin.query(`DROP SCHEMA ${schema} CASCADE`);
    await admin.end();
  }
}

type Redis = ReturnType<typeof connectRedis>;

async function withRedis(count: number, work: (all: Redis[]) => Promise<void>): Promise<void> {
  const settings = { url: env('REDIS_URL'), timeoutMs: 2000 };
  const all = Array.from({ length: count }, (_, i) => connectRedis(settings, i > 0));
  try {
    for (const one of all) await whenReady(one, 5000);
    await work(all);
  } finally {
    for (const one of all) one.disconnect();
  }
}

async function withS3(
  work: (storage: S3BlobStorage) => Promise<void>,
  secretKey = env('S3_SECRET_KEY'),
  prepare = true,
): Promise<void> {
  const storage = new S3BlobStorage({
    endpoint: env('S3_ENDPOINT'),
    bucket: fresh('bucket'),
    accessKey: env('S3_ACCESS_KEY'),
    secretKey,
    timer: systemClock,
    timeoutMs: 10_000,
    retries: 2,
  });
  try {
    if (prepare) await storage.prepare();
    await work(storage);
  } finally {
    storage.client.close();
  }
}

const pass = (ms: number) => systemClock.sleep(ms);

export const SUITE: readonly ProductionCase[] = [
  ...META_STORE_CONTRACT.map(({ name, run }) => ({
    name: `SqlMetaStore on PostgreSQL ${name}`,
    run: () => withPostgres((db) => run(new SqlMetaStore(db))),
  })),
  ...BLOB_STORE_CONTRACT.map(({ name, run }) => ({
    name: `S3BlobStorage ${name}`,
    run: () => withS3(run),
  })),
  ...MESSAGE_LOG_CONTRACT.map(({ name, run }) => ({
    name: `RedisMessageLog ${name}`,
    run: () =>
      withRedis(1, async ([redis]) => {
        const log = new RedisMessageLog(redis as Redis, CONTRACT_LIMITS, fresh('log'));
        await run({ log, pass, leaseMs: 300 });
      }),
  })),
  ...JOB_QUEUE_CONTRACT.map(({ name, run }) => ({
    name: `BullJobQueue ${name}`,
    run: () =>
      withRedis(2, async ([redis, connection]) => {
        const queue = new BullJobQueue({
          redis: redis as Redis,
          connection: connection as Redis,
          now: () => Date.now(),
          newFence: () => crypto.randomUUID(),
          prefix: fresh('jobs'),
        });
        await run({ queue, pass, leaseMs: 800 });
        await queue.close();
      }),
  })),
  {
    name: 'a job that a server took and died before it said so is given out again',
    run: () =>
      withRedis(2, async ([redis, connection]) => {
        const prefix = fresh('jobs');
        const queue = new BullJobQueue({
          redis: redis as Redis,
          connection: connection as Redis,
          now: () => Date.now(),
          newFence: () => crypto.randomUUID(),
          prefix,
        });
        const bull = { connection: connection as Redis, prefix: `${prefix}:bull`, autorun: false };
        const dying = new Worker('shader', undefined, { ...bull, lockDuration: 200 });
        try {
          await queue.enqueue({ id: 'sha256-a', kind: 'shader', spec: '{}', maxTries: 3 });
          assert.ok(await dying.getNextJob('the-dead', { block: false }));
          const request = { kinds: ['shader'], worker: 'w', leaseMs: 5000 } as const;
          assert.equal(await queue.claim(request), null);
          await pass(400);
          const claimed = await queue.claim(request);
          assert.deepEqual([claimed?.job.id, claimed?.job.tries], ['sha256-a', 1]);
          assert.equal(await queue.complete('sha256-a', claimed?.fence ?? '', '{}'), 'ok');
        } finally {
          await dying.close(true);
          await queue.close();
        }
      }),
  },
  {
    name: 'BullMQ keeps a bounded number of ended jobs, the API all of them',
    run: () =>
      withRedis(2, async ([redis, connection]) => {
        const prefix = fresh('jobs');
        const queue = new BullJobQueue({
          ...{ redis: redis as Redis, connection: connection as Redis, prefix },
          ...{ now: () => Date.now(), newFence: () => crypto.randomUUID() },
          keepEnded: { age: 3600, count: 5 },
        });
        const job = (n: number) => {
          const id = `sha256-${n}`;
          return { id, kind: 'compile' as const, spec: `{"n":${n}}`, maxTries: 3 };
        };
        const take = () => queue.claim({ kinds: ['compile'], worker: 'w', leaseMs: 5000 });
        const inBull = async (state: string) => {
          return await (redis as Redis).zcard(`${prefix}:bull:compile:${state}`);
        };
        try {
          for (let n = 0; n < 24; n++) {
            await queue.enqueue(job(n));
            const { fence = '' } = (await take()) ?? {};
            if (n % 2 === 0) await queue.complete(`sha256-${n}`, fence, `{"n":${n}}`);
            else await queue.fail(`sha256-${n}`, fence, `boom ${n}`, false);
          }
          assert.deepEqual([await inBull('completed'), await inBull('failed')], [5, 5]);
          const keys = await (redis as Redis).keys(`${prefix}:bull:compile:sha256-*`);
          assert.equal(keys.length, 10);
          const counts = { queued: 0, running: 0, done: 12, dead: 12, cancelled: 0 };
          assert.deepEqual(await queue.counts(), counts);
          const listed = await queue.list({ before: null, limit: 100 });
          assert.equal(listed.length, 24);
          for (let n = 0; n < 24; n++) {
            const stored = await queue.get(`sha256-${n}`);
            assert.equal(stored?.spec, job(n).spec);
            const ended = n % 2 === 0 ? stored?.result : stored?.error;
            assert.equal(ended, n % 2 === 0 ? `{"n":${n}}` : `boom ${n}`);
          }
          // BullMQ has forgotten both: one is known and not done again, one may be tried again.
          assert.equal(await queue.enqueue(job(0)), 'exists');
          assert.equal(await take(), null);
          assert.equal((await queue.retry('sha256-1'))?.state, 'queued');
          const again = await take();
          assert.equal(again?.job.id, 'sha256-1');
          assert.equal(await queue.complete('sha256-1', again?.fence ?? '', '{}'), 'ok');
          assert.equal(await inBull('completed'), 5);
        } finally {
          await queue.close();
        }
      }),
  },
  {
    name: 'the store refuses a wrong secret, and the client does not hide it',
    run: () =>
      withS3(
        async (storage) => {
          await assert.rejects(storage.read('a'), /403/);
        },
        'another-secret',
        false,
      ),
  },
  {
    name: 'the object store refuses bytes that are not those that were signed',
    run: () =>
      withS3(async (storage) => {
        await storage.write('a', new TextEncoder().encode('one'));
        const bad = { 'x-amz-content-sha256': '0'.repeat(64) };
        const path = `/${storage.bucket}/a`;
        const body = new TextEncoder().encode('two');
        await assert.rejects(
          storage.client.request(path, { method: 'PUT', body, headers: bad }),
          /40\d/,
        );
        assert.deepEqual(await storage.read('a'), new TextEncoder().encode('one'));
      }),
  },
  {
    name: 'a wake-up reaches subscribers of another process',
    run: () =>
      withRedis(4, async ([p1, s1, p2, s2]) => {
        const channel = fresh('bus');
        const [one, two] = [
          new RedisEventBus(p1 as Redis, s1 as Redis, channel),
          new RedisEventBus(p2 as Redis, s2 as Redis, channel),
        ];
        let rings = 0;
        two.subscribe('t', () => rings++);
        await pass(200);
        await one.publish('t');
        await one.publish('other');
        await pass(200);
        assert.equal(rings, 1);
      }),
  },
  {
    name: 'a pool whose connections are all held answers within a second and says saturated',
    run: () =>
      withPostgres(
        async (db) => {
          const letGo = Promise.withResolvers<void>();
          const held = [1, 2].map(() => Promise.withResolvers<void>());
          const holders = held.map(({ resolve }) =>
            db.transact(null, async (tx) => {
              await tx.get('SELECT 1 AS one');
              resolve();
              await letGo.promise;
            }),
          );
          try {
            // Not after some fixed time: a machine under load takes its own to connect.
            const all = held.map(({ promise }, i) => Promise.race([promise, holders[i]]));
            await Promise.all(all);
            const started = performance.now();
            const waiting = db.get('SELECT 1 AS one');
            waiting.catch(() => undefined);
            const busy = await db.measure();
            assert.deepEqual([busy.status, busy.waiting, busy.checked_out], ['saturated', 1, 2]);
            await assert.rejects(waiting, UnavailableError);
            assert.ok(performance.now() - started < 1000);
            assert.equal((await db.measure()).status, 'unhealthy');
          } finally {
            // Closing the pool would wait for them for ever.
            letGo.resolve();
          }
          await Promise.all(holders);
          // Nothing leaked: both connections work again.
          assert.deepEqual(await db.get('SELECT 1 AS one'), { one: 1 });
          const after = await db.measure();
          assert.deepEqual([after.checked_out, after.waiting, after.timeouts_total], [0, 0, 1]);
        },
        { max: 2, timeoutMs: 300 },
      ),
  },
  {
    name: 'a database of a newer version is refused; servers that start together share one schema',
    run: () =>
      withPostgres(async (db, url) => {
        const options = { url, max: 2, timeoutMs: 2000, clock: systemClock };
        const others = await Promise.all([1, 2, 3].map(() => PostgresDatabase.open(options)));
        for (const other of others) await other.close();
        await db.run('UPDATE schema_version SET version = 99');
        await assert.rejects(PostgresDatabase.open(options), /schema 99, this version knows/);
      }),
  },
  ...KILL_CASES,
  ...EXPERIMENT_CASES,
];
