/** A run in storage, read for export: nothing is changed, and no adapter is needed. */
import { CorruptDataError, InputError } from '../base/errors.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { ExportSource } from '../export/export-formats.ts';
import { exportedNetwork } from '../export/exported-network.ts';
import type { RunStorage } from '../platform/platform.ts';
import { type Checkpoint, readCheckpoint } from '../tolaria/checkpoint.ts';
import { parseEvent } from '../tolaria/run-log.ts';
import { CHECKPOINT, PREVIOUS_CHECKPOINT } from '../tolaria/trainer.ts';

/**
 * @param folder For messages.
 * @param replica Which of the run's networks, from 0.
 * @throws {InputError | CorruptDataError} Naming the folder and what it lacks.
 */
export async function storedRun(
  storage: RunStorage,
  { experiment, folder, replica, runId }: StoredRunOptions,
): Promise<Omit<ExportSource, 'capsule'>> {
  if (replica >= experiment.replicas) {
    throw new InputError(
      `Cannot export replica ${replica} of "${folder}": the run has ${experiment.replicas}, counted from 0`,
    );
  }
  const events = (await storage.events.readAll()).map(parseEvent);
  return {
    runId,
    experiment,
    events,
    async network() {
      const checkpoint = await newestCheckpoint(storage, folder);
      const { growth, step } = checkpoint.state;
      const data = dataOf(events, folder);
      return exportedNetwork(
        { experiment, data, step, growth, tensors: checkpoint.tensors },
        replica,
      );
    },
  };
}

export interface StoredRunOptions {
  experiment: Experiment;
  folder: string;
  replica: number;
  runId: string;
}

async function newestCheckpoint(storage: RunStorage, folder: string): Promise<Checkpoint> {
  let fault: CorruptDataError | null = null;
  for (const key of [CHECKPOINT, PREVIOUS_CHECKPOINT]) {
    const bytes = await storage.blobs.read(key);
    if (!bytes) continue;
    try {
      return await readCheckpoint(bytes, `${folder}/${key}`);
    } catch (error) {
      if (!(error instanceof CorruptDataError)) throw error;
      fault ??= error;
    }
  }
  if (fault) throw fault;
  throw new InputError(
    `Cannot export the network of "${folder}": the run has no checkpoint yet; train it further`,
  );
}

/** What the run recorded of its data when it last started. */
function dataOf(events: readonly RunEvent[], folder: string) {
  for (const event of [...events].reverse()) {
    if (event.type !== 'run.started' || !event.data?.input) continue;
    const { classes, input, scaling } = event.data;
    return { classes, input, scaling };
  }
  throw new InputError(
    `Cannot export the network of "${folder}": its log does not say what its rows look like; npx esper train --resume --out "${folder}" adds that`,
  );
}
