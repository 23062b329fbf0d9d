/** `esper fork` and `esper rewind`: a run from a step of another, or of its own, on. */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { InputError } from '#shared/base/errors.ts';
import type { RunEvent } from '#shared/contracts/events.ts';
import { Command } from '#shared/contracts/events.ts';
import type { ForkChange } from '#shared/contracts/lineage.ts';
import { diskFiles, fileRunStorage } from '#shared/platform/deno.ts';
import {
  branchRun,
  copyRun,
  decidedText,
  findDecided,
  NO_CHANGE,
} from '#shared/workbench/branch-run.ts';
import { placeFiles } from '#shared/workbench/run-files.ts';
import { readHistory } from '#shared/workbench/run-history.ts';
import { Bench } from './bench.ts';
import type { ForkCommandOptions, RewindCommandOptions } from './branch-options.ts';
import { grouped } from './progress.ts';
import { claimRunFolder } from './run-folder.ts';
import { lockRunFolder } from './run-lock.ts';
import { isCapsule, openRunSource, type RunSource } from './run-source.ts';
import type { RunFinished, TrainOutput } from './train-options.ts';
import { trainRun } from './training.ts';

export interface Forked {
  type: 'fork.made';
  folder: string;
  parent: string;
  step: number;
  change: ForkChange;
  /** Null: stopped at the step of the fork, or before. */
  finished: RunFinished | null;
}

/** @throws {InputError} If step or change do not fit the run, or the folder of the fork is taken. */
export async function runFork(
  options: ForkCommandOptions,
  output: TrainOutput,
  stop: AbortSignal,
): Promise<Forked> {
  const added = options.withFile === null ? [] : await readCommands(options.withFile);
  const source = await openRunSource(options.target, 'fork');
  const bench = new Bench(null, output);
  try {
    const { events, experiment } = await readHistory(source.storage);
    const gone = options.without === null ? null : findDecided(events, options.without);
    const change: ForkChange = {
      without: gone && { seq: gone.seq, text: decidedText(gone) },
      added,
    };
    const at =
      options.at ?? Math.min(gone?.step ?? Infinity, ...added.map((a) => a.step), lastStep(events));
    const folder = options.outDirectory ?? freeFolder(`${trimmed(options.target)}-fork-${at}`);
    await claimRunFolder(folder, { resume: false, force: false });
    const unlock = await lockRunFolder(folder);
    try {
      const branch = await branchRun(await bench.get(), source.storage, {
        ...{ at, change, future: options.future, parent: source.name, dataset: source.dataset },
        ...progressOf(output, at, stop, 'forking'),
      });
      const made = { type: 'fork.made', folder, parent: source.name, step: at, change } as const;
      if (!branch) return { ...made, finished: null };
      const storage = fileRunStorage(folder);
      await copyRun(branch, storage);
      // What a capsule carries must be there when the fork is resumed.
      if (isCapsule(options.target)) await placeFiles(source.storage, storage, folder);
      await storage.close();
      output.note(`fork of ${source.name} at step ${grouped(at)}: ${folder}`);
      if (options.paused) return { ...made, finished: null };
      const { dataset } = source;
      const runId = folder.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '');
      const finished = await trainRun({
        ...{ bench, experiment, dataset, runId, folder, resume: true, output, stop },
      });
      return { ...made, finished };
    } finally {
      await unlock();
    }
  } finally {
    await bench.close();
    await source.close();
  }
}

/** @returns False: stopped before it was done; the run is as it was. */
export async function runRewind(
  { at, folder }: RewindCommandOptions,
  output: TrainOutput,
  stop: AbortSignal,
): Promise<boolean> {
  const source: RunSource = await openRunSource(folder, 'rewind');
  const bench = new Bench(null, output);
  try {
    const branch = await branchRun(await bench.get(), source.storage, {
      ...{ at, change: NO_CHANGE, future: 'own', parent: null, dataset: source.dataset },
      ...progressOf(output, at, stop, 'rewinding'),
    });
    if (!branch) return false;
    await copyRun(branch, source.storage);
    return true;
  } finally {
    await bench.close();
    await source.close();
  }
}

function progressOf(output: TrainOutput, totalSteps: number, stop: AbortSignal, label: string) {
  return {
    stop: () => stop.aborted,
    onStep: (step: number) =>
      output.progress({ step, totalSteps, label, loss: null, accuracy: null, parameters: null }),
  };
}

const CommandFile = z.array(
  z.strictObject({ step: z.number().int().nonnegative(), command: Command }),
);

async function readCommands(path: string) {
  const bytes = await diskFiles.read(path);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new InputError(`Cannot read "${path}": it is not JSON; npx esper help fork shows a file`);
  }
  const parsed = CommandFile.safeParse(value);
  if (parsed.success && parsed.data.length > 0) return parsed.data;
  const [issue] = parsed.error?.issues ?? [];
  const where = issue?.path.length ? ` at ${issue.path.join('.')}` : '';
  const what = issue ? `${issue.message}${where}` : 'it holds no command';
  throw new InputError(`Cannot read "${path}": ${what}; npx esper help fork shows a file`);
}

function lastStep(events: readonly RunEvent[]): number {
  return events.reduce((n, e) => Math.max(n, e.step), 0);
}

/** Without a slash at its end, and a capsule without its ending. */
function trimmed(target: string): string {
  return target.replace(/[/\\]+$/, '').replace(/\.capsule$/, '');
}

function freeFolder(path: string): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? path : `${path}-${n}`;
    if (!existsSync(name)) return name;
  }
}
