/** The embedded profile: one folder with a SQLite file and content-addressed blobs. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError, messageOf } from '#shared/base/errors.ts';
import { MAX_DELIVERIES, MAX_TOPIC_LENGTH } from '#shared/contracts/api-messages.ts';
import type { Config } from '#shared/contracts/config.ts';
import type { Logger } from '#shared/nissa/log.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { FileBlobStorage, sweepTemporaries } from '#shared/platform/deno.ts';
import { lockDataFolder } from './data-lock.ts';
import type { StorageDeps } from './deps.ts';
import { ContentStore } from './storage/content-store.ts';
import { LocalEventBus } from './storage/memory.ts';
import { SqlJobQueue } from './storage/sql-jobs.ts';
import { SqlMessageLog } from './storage/sql-messages.ts';
import { SqlMetaStore } from './storage/sql-meta-store.ts';
import { SqliteDatabase } from './storage/sqlite-database.ts';
import { steadyClock } from './storage/steady-clock.ts';

/** @throws {InputError} If the data folder cannot be used. */
export async function openEmbedded(
  config: Config,
  log: Logger,
): Promise<{ storage: StorageDeps; close: () => Promise<void> }> {
  const dir = config.ESPER_DATA_DIR;
  const blobDir = join(dir, 'blobs');
  const unlock = await lockDataFolder(dir);
  try {
    await mkdir(blobDir, { recursive: true });
    const swept = await sweepTemporaries(blobDir);
    if (swept > 0) log.info('removed unfinished uploads', { files: swept });
  } catch (error) {
    unlock();
    throw new InputError(
      `Cannot use the data folder "${dir}": ${messageOf(error)}; choose another with --data`,
    );
  }
  const onBackup = (copy: string) => log.warn('database brought forward', { copy });
  const db = new SqliteDatabase(join(dir, 'esper.db'), systemClock, { onBackup });
  const now = steadyClock(systemClock);
  const files = new FileBlobStorage(blobDir);
  const limits = { maxLength: MAX_TOPIC_LENGTH, maxDeliveries: MAX_DELIVERIES };
  const storage: StorageDeps = {
    meta: new SqlMetaStore(db),
    blobs: new ContentStore(files),
    pieces: files,
    bus: new LocalEventBus(),
    jobs: new SqlJobQueue(db, now, () => crypto.randomUUID()),
    messages: new SqlMessageLog(db, now, limits),
  };
  const close = async () => {
    await db.close();
    unlock();
  };
  return { storage, close };
}
