/**
 * Backup and restore of the embedded profile. A backup is a folder with a consistent copy of the
 * database, the blobs, and `backup.json` that names the digest of the database and every blob.
 */
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256Hex } from '#shared/base/canonical.ts';
import { InputError, messageOf } from '#shared/base/errors.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { FileBlobStorage, writeFileAtomic } from '#shared/platform/deno.ts';
import { lockDataFolder } from './data-lock.ts';
import { SqliteConnection } from './storage/sqlite-connection.ts';

const DATABASE = 'esper.db';
const MANIFEST = 'backup.json';

const BackupManifest = z.object({
  version: z.literal(1),
  created_at: z.string(),
  /** SHA-256 of the database file. */
  database: z.string(),
  /** Digests of the blobs. */
  blobs: z.array(z.string()),
});

export interface BackupReport {
  blobs: number;
  /** Blobs whose bytes no longer match; they were left out. */
  corrupt: string[];
}

/** @throws {InputError} If there is nothing to copy, or the target exists. */
export async function backupData(data: string, target: string): Promise<BackupReport> {
  if (!(await exists(join(data, DATABASE)))) {
    throw new InputError(`Cannot back up "${data}": there is no ${DATABASE}; name it with --data`);
  }
  if (await exists(target)) {
    throw new InputError(`Cannot back up to "${target}": it exists; name a new folder`);
  }
  const part = join(target, '.tmp-backup');
  await mkdir(part, { recursive: true });
  // The database first: every blob that it names was stored before it was named.
  const connection = new SqliteConnection(join(data, DATABASE), systemClock);
  try {
    await connection.backup(join(part, DATABASE));
  } finally {
    connection.close();
  }
  const from = new FileBlobStorage(join(data, 'blobs'));
  const to = new FileBlobStorage(join(part, 'blobs'));
  const report: BackupReport = { blobs: 0, corrupt: [] };
  const blobs: string[] = [];
  for (const key of await from.list('sha256/')) {
    const digest = key.split('/').at(-1) ?? '';
    const bytes = await from.read(key);
    if (!bytes) continue;
    if ((await sha256Hex(bytes)) !== digest) report.corrupt.push(digest);
    else {
      await to.write(key, bytes);
      blobs.push(digest);
    }
  }
  const manifest: z.infer<typeof BackupManifest> = {
    version: 1,
    created_at: new Date(systemClock.wallTime()).toISOString(),
    database: await digestOf(join(part, DATABASE)),
    blobs,
  };
  const text = new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
  await writeFileAtomic(join(part, MANIFEST), text);
  // The name is there only once everything is: half a backup is none.
  for (const name of await readdir(part)) await rename(join(part, name), join(target, name));
  await rm(part, { recursive: true });
  return { ...report, blobs: blobs.length };
}

/** @throws {InputError} If the backup is not whole, or data is there and `force` is false. */
export async function restoreData(
  source: string,
  data: string,
  force: boolean,
): Promise<BackupReport> {
  const manifest = await readManifest(source);
  if ((await digestOf(join(source, DATABASE)).catch(() => '')) !== manifest.database) {
    throw new InputError(
      `Cannot restore "${source}": its ${DATABASE} is not the one that was saved`,
    );
  }
  const from = new FileBlobStorage(join(source, 'blobs'));
  const isThere = await exists(join(data, DATABASE));
  if (isThere && !force) {
    throw new InputError(
      `Cannot restore to "${data}": there is a database; add --force to replace it`,
    );
  }
  const unlock = isThere ? await lockDataFolder(data) : () => undefined;
  const part = `${data}.restoring`;
  const before = `${data}.before-restore`;
  try {
    await rm(part, { recursive: true, force: true });
    await mkdir(part, { recursive: true });
    const to = new FileBlobStorage(join(part, 'blobs'));
    for (const digest of manifest.blobs) {
      const key = `sha256/${digest.slice(0, 2)}/${digest}`;
      const bytes = await from.read(key);
      if (!bytes || (await sha256Hex(bytes)) !== digest) {
        throw new InputError(`Cannot restore "${source}": blob ${digest} is missing or corrupt`);
      }
      await to.write(key, bytes);
    }
    await writeFileAtomic(join(part, DATABASE), await readFile(join(source, DATABASE)));
    // Opens it once: a newer schema, or a file that is none, must be found before anything moves.
    new SqliteConnection(join(part, DATABASE), systemClock).close();
    if (await exists(data)) {
      await rm(before, { recursive: true, force: true });
      await rename(data, before);
    }
    await rename(part, data);
  } finally {
    await rm(part, { recursive: true, force: true });
    unlock();
  }
  return { blobs: manifest.blobs.length, corrupt: [] };
}

async function readManifest(source: string): Promise<z.infer<typeof BackupManifest>> {
  try {
    return BackupManifest.parse(JSON.parse(await readFile(join(source, MANIFEST), 'utf8')));
  } catch (error) {
    throw new InputError(
      `Cannot restore "${source}": it is no backup, ${MANIFEST} cannot be read (${messageOf(error)})`,
    );
  }
}

async function digestOf(path: string): Promise<string> {
  return await sha256Hex(new Uint8Array(await readFile(path)));
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

async function main(args: string[]): Promise<number> {
  const [command, folder = '', data = '', flag] = args;
  try {
    if (command === 'backup') {
      const { blobs, corrupt } = await backupData(data, folder);
      console.log(`backed up "${data}" to "${folder}": the database and ${blobs} blobs`);
      for (const digest of corrupt)
        console.error(`esper: blob ${digest} is corrupt and was left out`);
      return corrupt.length > 0 ? 1 : 0;
    }
    const { blobs } = await restoreData(folder, data, flag === '--force');
    console.log(`restored "${data}" from "${folder}": the database and ${blobs} blobs`);
    return 0;
  } catch (error) {
    console.error(`esper: ${messageOf(error)}`);
    return error instanceof InputError ? 2 : 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
