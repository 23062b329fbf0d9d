/**
 * One server uses a data folder at a time. The system's file lock is used, so that a server that
 * was killed leaves nothing behind that anyone would have to remove.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError, messageOf } from '#shared/base/errors.ts';

/**
 * @returns Gives the folder free.
 * @throws {InputError} If the folder cannot be used, or another server uses it.
 */
export async function lockDataFolder(dir: string): Promise<() => void> {
  let file: Deno.FsFile;
  try {
    await mkdir(dir, { recursive: true });
    file = await Deno.open(join(dir, 'server.lock'), { create: true, write: true });
  } catch (error) {
    throw new InputError(
      `Cannot use the data folder "${dir}": ${messageOf(error)}; choose another with --data`,
    );
  }
  if (await file.tryLock(true)) return () => file.close();
  file.close();
  throw new InputError(
    `Cannot use the data folder "${dir}": another server uses it; stop that one, or choose another ` +
      'folder with --data',
  );
}
