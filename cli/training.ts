/**
 * Trains one run to its end, whatever the end is: device losses are survived, a run that cannot go
 * on is finished as failed. `esper train` and `esper experiment` both train this way.
 */
import {
  DeviceLostError,
  DivergedError,
  messageOf,
  StorageFullError,
} from '#shared/base/errors.ts';
import type { JobLease } from '#shared/contracts/api-jobs.ts';
import type { Experiment } from '#shared/contracts/experiment.ts';
import type { Dataset } from '#shared/data/dataset.ts';
import { fileRunStorage } from '#shared/platform/deno.ts';
import { type OpenRun, openRun } from '#shared/workbench/open-run.ts';
import type { Bench } from './bench.ts';
import { rebuildText, waitText, warmUpText } from './kernel-notes.ts';
import { grouped } from './progress.ts';
import type { RunFinished, TrainOutput } from './train-options.ts';

/** Device losses in a row after which the run is given up. */
const MAX_LOSSES = 3;

export interface TrainingRun {
  bench: Bench;
  experiment: Experiment;
  /** Loaded for this experiment. */
  dataset: Dataset;
  runId: string;
  /** Run folder; null: nothing is kept. */
  folder: string | null;
  resume: boolean;
  output: TrainOutput;
  stop: AbortSignal;
  /** Make what growth may need beforehand, beside training. @default {true} */
  warmUp?: boolean;
  /** Time the end waits for a server that is away, milliseconds; absent: it is told once. */
  deliverMs?: number;
  /** Of the job whose run this is. */
  lease?: JobLease;
  /** Told how many events the server would have taken, had it been there. */
  onUnsent?(events: number): void;
  /** Told once the network is built. */
  onReady?(run: OpenRun): void;
  /** Waited for when all steps are made and logged, before the network goes. */
  onDone?(run: OpenRun): Promise<void>;
}

/** @returns The last event of the run's log. */
export async function trainRun(run: TrainingRun): Promise<RunFinished> {
  const { bench, output } = run;
  let { resume } = run;
  for (let losses = 0; ; losses++) {
    try {
      return await trainOnce({ ...run, resume });
    } catch (error) {
      if (!(error instanceof DeviceLostError) || losses + 1 >= MAX_LOSSES) throw error;
      await bench.close();
      resume = run.folder !== null && (await hasCheckpoint(run.folder));
      const where = resume ? 'the last checkpoint' : 'the start';
      output.warn(`${messageOf(error)}; going on from ${where} on a new device`);
    }
  }
}

async function trainOnce(options: TrainingRun & { resume: boolean }): Promise<RunFinished> {
  const { bench, dataset, experiment, folder, output, resume, runId, stop } = options;
  const storage = folder === null ? null : fileRunStorage(folder);
  let finished: RunFinished | null = null;
  let run: OpenRun | null = null;
  try {
    const workbench = { ...(await bench.get()), warmKernels: options.warmUp ?? true };
    run = await openRun(workbench, {
      runId,
      experiment,
      dataset,
      storage,
      resume,
      ...(options.lease ? { lease: options.lease } : {}),
      onEvent: (event) => {
        if (event.type === 'run.finished') finished = event;
        output.event(event);
      },
      onSteps: (first, metrics) => {
        const last = metrics.at(-1)!;
        output.progress({
          step: first + metrics.length,
          totalSteps: experiment.steps,
          loss: last.loss[0]!,
          accuracy: last.correct[0]! / last.count[0]!,
          parameters: run?.trainer.parameters ?? null,
        });
      },
    });
    options.onReady?.(run);
    const { trainer } = run;
    const { growth } = trainer;
    try {
      const done = await trainer.train(Number.POSITIVE_INFINITY, () => stop.aborted);
      await trainer.finish(done ? 'done' : 'interrupted');
      const { rebuilds } = trainer;
      const lines = [
        waitText(growth.placements),
        rebuildText(rebuilds),
        warmUpText(run.warmUp(), growth.placements),
      ];
      for (const line of lines) if (line !== null) output.note(line);
      if (done) await options.onDone?.(run);
    } catch (error) {
      if (!(error instanceof DivergedError || error instanceof StorageFullError)) throw error;
      // A full disk also refuses the last event; it has been shown by then.
      await trainer.finish('failed', failureText(error, trainer.step, folder)).catch(() => {});
      if (!finished) throw error;
    }
    if (!finished) throw new Error('The run ended without its last event');
    return finished;
  } finally {
    const unsent = (await run?.close(stop.aborted ? undefined : options.deliverMs)) ?? 0;
    if (unsent > 0) {
      if (run?.upload()?.ended === null) options.onUnsent?.(unsent);
      const later = folder === null ? '' : `; npx esper train --resume --out ${folder} sends them`;
      output.warn(`the server was not told of the last ${grouped(unsent)} events${later}`);
    }
    await storage?.close().catch(() => undefined);
  }
}

function failureText(error: Error, step: number, folder: string | null): string {
  if (!(error instanceof StorageFullError) || folder === null) return error.message;
  return (
    `${error.message}. Training stopped at step ${grouped(step)}; what was saved before is kept, ` +
    'and --resume goes on from there'
  );
}

/** Whether there is anything that a run in the folder could go on from. */
export async function hasCheckpoint(folder: string): Promise<boolean> {
  const storage = fileRunStorage(folder);
  const names = await storage.blobs.list('checkpoint');
  await storage.close();
  return names.some((name) => name.endsWith('.safetensors'));
}
