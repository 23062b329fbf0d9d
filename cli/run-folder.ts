/**
 * Guards the run folder: a run is never overwritten unasked, and `--force` never deletes a folder
 * that is not a run. Through node:fs, which Deno and Node share.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '#shared/base/errors.ts';

/** Held by the process that trains in the folder; see run-lock.ts. */
export const LOCK_FILE = '.lock';

/** Written when a run begins, the one right after the other; either shows that a run is here. */
const RUN_FILES = ['experiment.json', 'events.jsonl'];

/**
 * Makes sure that a run may use the folder; nothing is changed yet.
 *
 * @throws {InputError} If the folder holds a run and neither option is given, if `--resume` finds
 *   no run, or if the folder holds something else.
 */
export async function claimRunFolder(
  folder: string,
  { resume, force }: { resume: boolean; force: boolean },
): Promise<void> {
  const names = await namesIn(folder);
  const isRun = RUN_FILES.some((name) => names.includes(name));
  if (resume) {
    if (isRun) return;
    throw new InputError(
      `Cannot resume "${folder}": it holds no run; leave out --resume to start one`,
    );
  }
  if (names.length === 0) return;
  if (!isRun) {
    throw new InputError(
      `Cannot use "${folder}" as run folder: it holds other files; name an empty or new folder ` +
        'with --out',
    );
  }
  if (!force) {
    throw new InputError(
      `Cannot start in "${folder}": it holds a run; add --resume to continue it, --force to ` +
        'replace it, or name another folder with --out',
    );
  }
}

/**
 * Makes sure that a folder holds a run.
 *
 * @param purpose What is to be done with it, for the message.
 * @throws {InputError} `Cannot export "runs/b": it holds no run; name a run folder, such as runs/a`
 */
export async function expectRun(folder: string, purpose: string): Promise<void> {
  const names = await namesIn(folder);
  if (RUN_FILES.some((name) => names.includes(name))) return;
  throw new InputError(
    `Cannot ${purpose} "${folder}": it holds no run; name the folder that esper train wrote`,
  );
}

/** Whether there is a run in a folder. */
export async function isRunFolder(folder: string): Promise<boolean> {
  const names = await namesIn(folder);
  return RUN_FILES.some((name) => names.includes(name));
}

/** Removes the run in the folder; the lock stays. */
export async function emptyRunFolder(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) await rm(join(folder, name), { recursive: true });
}

/** Lock and unfinished writes left out: they are nobody's. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names.filter((name) => name !== LOCK_FILE && !name.startsWith('.tmp-'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'ENOENT') return [];
    if (code === 'ENOTDIR') {
      throw new InputError(`Cannot use "${folder}" as run folder: it is a file`);
    }
    throw error;
  }
}
