/** The production profile: PostgreSQL, an S3-compatible store, Redis Streams and BullMQ. */
import { InputError, messageOf } from '#shared/base/errors.ts';
import { MAX_DELIVERIES, MAX_TOPIC_LENGTH } from '#shared/contracts/api-messages.ts';
import type { Config } from '#shared/contracts/config.ts';
import type { ServiceStatus } from '#shared/contracts/services.ts';
import type { Logger } from '#shared/nissa/log.ts';
import { systemClock } from '#shared/platform/clock.ts';
import type { StorageDeps } from './deps.ts';
import { BullJobQueue } from './storage/bullmq-jobs.ts';
import { ContentStore } from './storage/content-store.ts';
import { PostgresDatabase } from './storage/postgres-database.ts';
import { connectRedis, whenReady } from './storage/redis-connection.ts';
import { RedisEventBus, RedisMessageLog } from './storage/redis-messages.ts';
import { S3BlobStorage } from './storage/s3-blob-storage.ts';
import { SqlMetaStore } from './storage/sql-meta-store.ts';
import { steadyClock } from './storage/steady-clock.ts';

export interface OpenStorage {
  storage: StorageDeps;
  /** Services that the storage itself calls. */
  services: () => ServiceStatus[];
  close: () => Promise<void>;
}

/** Time the engines have to be there when the server starts, milliseconds. */
const START_MS = 10_000;

/** @throws {InputError} If one of the engines cannot be used. */
export async function openProduction(config: Config, log: Logger): Promise<OpenStorage> {
  const need = (name: keyof Config) => String(config[name] ?? '');
  const clock = systemClock;
  const timeoutMs = config.DATABASE_TIMEOUT * 1000;
  // All three at once: each has to be waited for, and none needs another.
  const database = PostgresDatabase.open({
    url: need('DATABASE_URL'),
    max: config.DATABASE_POOL,
    timeoutMs,
    startMs: START_MS,
    clock,
    onIdleError: (error) => log.warn('database connection lost', { error }),
  });
  const onError = (error: Error) => log.warn('redis connection lost', { error });
  const settings = { url: need('REDIS_URL'), timeoutMs, onError };
  const redis = connectRedis(settings);
  const subscriber = connectRedis(settings, true);
  const connection = connectRedis(settings, true);
  const files = new S3BlobStorage({
    endpoint: need('S3_ENDPOINT'),
    bucket: need('S3_BUCKET'),
    accessKey: need('S3_ACCESS_KEY'),
    secretKey: need('S3_SECRET_KEY'),
    timer: clock,
    timeoutMs: config.HTTP_TIMEOUT * 1000,
    retries: config.RETRY_ATTEMPTS,
  });
  const close = async () => {
    await jobs?.close();
    for (const one of [redis, subscriber, connection]) one.disconnect();
    files.client.close();
    await (await database.catch(() => null))?.close();
  };
  let jobs: BullJobQueue | null = null;
  const others = Promise.all([whenReady(redis, START_MS), files.prepare()]);
  // Told of below; until then the database is waited for.
  others.catch(() => undefined);
  let db: PostgresDatabase;
  try {
    db = await database;
  } catch (error) {
    await close();
    throw error;
  }
  try {
    await others;
    jobs = new BullJobQueue({
      redis,
      connection,
      now: steadyClock(clock),
      newFence: () => crypto.randomUUID(),
    });
  } catch (error) {
    await close();
    throw new InputError(
      `Cannot use the production profile: ${messageOf(error)}; check REDIS_URL and the S3 settings`,
    );
  }
  const limits = { maxLength: MAX_TOPIC_LENGTH, maxDeliveries: MAX_DELIVERIES };
  const storage: StorageDeps = {
    meta: new SqlMetaStore(db),
    blobs: new ContentStore(files),
    pieces: files,
    bus: new RedisEventBus(redis, subscriber),
    jobs,
    messages: new RedisMessageLog(redis, limits),
  };
  return { storage, services: () => [files.client.status()], close };
}
