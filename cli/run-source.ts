/** The run that a command looks back into. */
import { basename, resolve } from 'node:path';
import { InputError } from '#shared/base/errors.ts';
import type { Dataset } from '#shared/data/dataset.ts';
import { loadDataset } from '#shared/data/dataset.ts';
import { diskFiles, fileRunStorage } from '#shared/platform/deno.ts';
import type { RunStorage } from '#shared/platform/platform.ts';
import { CAPSULE_EXTENSION, openCapsule } from '#shared/workbench/capsule.ts';
import { filesOf } from '#shared/workbench/run-files.ts';
import { readHistory } from '#shared/workbench/run-history.ts';
import { expectRun } from './run-folder.ts';
import { lockRunFolder } from './run-lock.ts';

export interface RunSource {
  storage: RunStorage;
  /** Name of the run in lineages: its folder's. */
  name: string;
  dataset: Dataset;
  close(): Promise<void>;
}

/** Whether a name means a capsule and no folder. */
export function isCapsule(target: string): boolean {
  return target.endsWith(CAPSULE_EXTENSION);
}

async function openCapsuleSource(target: string): Promise<RunSource> {
  const { manifest, storage } = await openCapsule(await diskFiles.read(target), target);
  const { experiment } = await readHistory(storage);
  const files = await filesOf(storage, diskFiles);
  const dataset = await loadDataset(experiment.data, experiment.seed, files);
  return { storage, name: manifest.run, dataset, close: async () => {} };
}

/**
 * @param purpose What is to be done with it, for messages.
 * @throws {InputError} If there is no run, or another process trains it.
 */
export async function openRunSource(target: string, purpose: string): Promise<RunSource> {
  if (isCapsule(target)) return openCapsuleSource(target);
  await expectRun(target, purpose);
  const unlock = await lockRunFolder(target);
  const storage = fileRunStorage(target);
  const close = async () => {
    await storage.close();
    await unlock();
  };
  try {
    const { experiment, events } = await readHistory(storage);
    if (events.length === 0) {
      throw new InputError(`Cannot ${purpose} "${target}": nothing has happened in it yet`);
    }
    const dataset = await loadDataset(experiment.data, experiment.seed, diskFiles);
    return { storage, name: basename(resolve(target)), dataset, close };
  } catch (error) {
    await close();
    throw error;
  }
}
