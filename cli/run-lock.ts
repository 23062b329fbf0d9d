/**
 * One process trains in a run folder at a time. The system's file lock is used, so that a process
 * that was killed leaves nothing behind that anyone would have to remove.
 */
import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '#shared/base/errors.ts';
import { LOCK_FILE } from './run-folder.ts';

/**
 * @returns Gives the folder free.
 * @throws {InputError} If another process trains in it.
 */
export async function lockRunFolder(folder: string): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, LOCK_FILE);
  const file = await Deno.open(path, { create: true, write: true });
  if (!(await file.tryLock(true))) {
    file.close();
    throw new InputError(
      `Cannot use "${folder}": another esper trains in it; wait for it to end, or name another ` +
        'folder with --out',
    );
  }
  return async () => {
    await rm(path, { force: true });
    file.close();
    // A run that never began leaves no folder either; one with files in it stays.
    await rmdir(folder).catch(() => undefined);
  };
}
