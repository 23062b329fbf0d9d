/** A workbench on the reference engine, and runs on it with growth by hand. */
import type { RunEvent } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { memoryRunStorage, NamedFiles } from '../platform/memory.ts';
import type { RunStorage } from '../platform/platform.ts';
import {
  follow,
  provideAll,
  type Script,
  type TinyInput,
  tickingClock,
  tinyExperiment,
} from '../tolaria/_test-run.ts';
import { parseEvent } from '../tolaria/run-log.ts';
import { openRun, type Workbench } from './open-run.ts';

export function testBench(): Workbench {
  return {
    ...{ backend: createReferenceBackend(), artifacts: provideAll, services: null },
    ...{ clock: tickingClock(), files: new NamedFiles([]), shaderDigest: 'none' },
  };
}

/** Sixty moons, a checkpoint every 20 steps. */
export function moons(more: TinyInput = {}): Experiment {
  const base = tinyExperiment({ steps: 100, checkpointEverySteps: 20, ...more });
  return { ...base, data: { ...base.data, samples: 60 } } as Experiment;
}

/** Trains a run with the commands of a script to `until` (default: the end, which finishes it). */
export async function storedTestRun(
  experiment: Experiment,
  script: Script = {},
  until = experiment.steps,
): Promise<{ storage: RunStorage; digest: string; events: RunEvent[] }> {
  const storage = memoryRunStorage();
  const run = await openRun(testBench(), { runId: 'a', experiment, storage, resume: false });
  await follow(run.trainer, script, until);
  if (until >= experiment.steps) await run.trainer.finish('done');
  else await run.trainer.save();
  const digest = await run.trainer.digest();
  await run.close();
  return { storage, digest, events: (await storage.events.readAll()).map(parseEvent) };
}

/** Trains what a storage holds to its end. */
export async function finishRun(storage: RunStorage, experiment: Experiment): Promise<string> {
  const run = await openRun(testBench(), { runId: 'b', experiment, storage, resume: true });
  await run.trainer.train(experiment.steps);
  await run.trainer.finish('done');
  const digest = await run.trainer.digest();
  await run.close();
  return digest;
}
