/**
 * The data files that a run carries with it: in its storage under `files/`, by the names its
 * experiment has for them. Page runs carry what was dropped for them; capsules carry what they are
 * given. Contents count for a run's identity and paths do not, so paths may be shortened.
 */
import { InputError } from '../base/errors.ts';
import { dataPaths, mapDataPaths } from '../contracts/data-paths.ts';
import type { DroppedFile } from '../contracts/engine-protocol.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import { loadDataset } from '../data/dataset.ts';
import { joinPath } from '../data/experiment-file.ts';
import { NamedFiles } from '../platform/memory.ts';
import type { FileReader, RunStorage } from '../platform/platform.ts';
import { EXPERIMENT_FILE } from '../tolaria/trainer.ts';

export const FILE_PREFIX = 'files/';
/** Bytes of all data files of a capsule; a page has to hold them several times over. */
export const MAX_DATA_BYTES = 256 * 2 ** 20;

/** The files that a run carries. */
export async function storedFiles({ blobs }: RunStorage): Promise<DroppedFile[]> {
  const files: DroppedFile[] = [];
  for (const key of await blobs.list(FILE_PREFIX)) {
    const content = await blobs.read(key);
    if (content) files.push({ name: key.slice(FILE_PREFIX.length), bytes: content.buffer });
  }
  return files;
}

/** Reads what a run carries, and from `others` what it does not. */
export async function filesOf(storage: RunStorage, others: FileReader): Promise<FileReader> {
  const stored = await storedFiles(storage);
  if (stored.length === 0) return others;
  const carried = new Set(stored.map(({ name }) => name));
  const own = new NamedFiles(stored.map(({ name, bytes }) => [name, new Uint8Array(bytes)]));
  return { read: (path) => (carried.has(path) ? own : others).read(path) };
}

/**
 * The parts that put a run's data into its capsule: the files, and the experiment that names them
 * by their last part alone.
 *
 * @returns Empty where the data are generated.
 * @throws {InputError} If a file is missing or is not what the run has read, or if they are too
 *   large together.
 */
export async function dataParts(
  experiment: Experiment,
  events: readonly RunEvent[],
  files: FileReader,
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const parts = new Map<string, Uint8Array<ArrayBuffer>>();
  const names = shortNames(dataPaths(experiment.data));
  if (names.size === 0) return parts;
  let total = 0;
  for (const [path, name] of names) {
    const bytes = await files.read(path);
    total += bytes.byteLength;
    if (total > MAX_DATA_BYTES) {
      throw new InputError(
        `Cannot put the data into the capsule: its files have more than ${MAX_DATA_BYTES / 2 ** 20} MiB; leave out --with-data and send them beside the capsule`,
      );
    }
    parts.set(FILE_PREFIX + name, bytes);
  }
  await expectSame(experiment, events, files);
  const data = mapDataPaths(experiment.data, (path) => names.get(path) ?? path);
  parts.set(EXPERIMENT_FILE, json({ ...experiment, data }));
  return parts;
}

/**
 * Puts the files that a run carries into a run folder, where commands find them by the paths its
 * experiment has from then on. Does nothing where it carries none.
 *
 * @param from The run that carries them.
 * @param to Of the folder; holds the run already.
 * @param folder As the program names it, relative to its working folder.
 */
export async function placeFiles(from: RunStorage, to: RunStorage, folder: string): Promise<void> {
  const stored = await storedFiles(from);
  const experiment = await to.blobs.read(EXPERIMENT_FILE);
  if (stored.length === 0 || !experiment) return;
  const carried = new Set(stored.map(({ name }) => name));
  for (const { name, bytes } of stored) {
    await to.blobs.write(FILE_PREFIX + name, new Uint8Array(bytes));
  }
  const value = JSON.parse(new TextDecoder().decode(experiment)) as Experiment;
  const place = (path: string) => (carried.has(path) ? joinPath(folder, FILE_PREFIX + path) : path);
  await to.blobs.write(EXPERIMENT_FILE, json({ ...value, data: mapDataPaths(value.data, place) }));
}

/** Last part of each path; where two are the same, the later ones have a number before them. */
function shortNames(paths: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const path of paths) {
    const last = path.split(/[\\/]/).at(-1) || 'data';
    let name = last;
    for (let n = 2; taken.has(name); n++) name = `${n}-${last}`;
    taken.add(name);
    names.set(path, name);
  }
  return names;
}

async function expectSame(
  experiment: Experiment,
  events: readonly RunEvent[],
  files: FileReader,
): Promise<void> {
  const started = events.findLast((e) => e.type === 'run.started');
  if (!started?.data) return;
  const { source } = await loadDataset(experiment.data, experiment.seed, files);
  if (source === started.data.source) return;
  throw new InputError(
    `Cannot put the data into the capsule: the files have changed since the run read them (then ${started.data.source}, now ${source}); bring the old files back, or leave out --with-data`,
  );
}

function json(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}
