/** Training runs beside services of any manners, in this process, on a real adapter. */
import type { RunEvent } from '#shared/contracts/events.ts';
import type { Experiment } from '#shared/contracts/experiment.ts';
import type { GpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import { createReferenceBackend } from '#shared/engine/reference/reference-backend.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { memoryRunStorage } from '#shared/platform/memory.ts';
import { parseEvent } from '#shared/tolaria/run-log.ts';
import { openArtifacts } from '#shared/workbench/artifacts.ts';
import { openRun } from '#shared/workbench/open-run.ts';
import type { Services } from '#shared/workbench/services.ts';
import { diskFiles } from '../../shared/platform/deno.ts';

export interface DisturbedRun {
  digest: string;
  seeds: number;
  /** Milliseconds a step, all that the loop did included. */
  stepMs: number;
  events: RunEvent[];
}

/** @param beforeClose What happens when all steps are made and before the run lets go. */
export async function trainBeside(
  backend: GpuBackend,
  experiment: Experiment,
  services: Services | null,
  runId: string,
  beforeClose: () => Promise<void> = async () => undefined,
): Promise<DisturbedRun> {
  const reference = createReferenceBackend();
  const artifacts = await openArtifacts({
    ...{ backend, reference, services, storage: null, shaderDigest: 'test' },
    ...{ maxBytes: 2 ** 26, maxEntries: 100 },
  });
  const storage = memoryRunStorage();
  const bench = {
    ...{ backend, artifacts, services, clock: systemClock, files: diskFiles, shaderDigest: 'test' },
  };
  const run = await openRun(bench, { runId, experiment, storage, resume: false });
  try {
    const { trainer } = run;
    await trainer.train(experiment.steps);
    await trainer.finish('done');
    await beforeClose();
    return {
      digest: await trainer.digest(),
      seeds: trainer.growth.state.germinated,
      stepMs: (1000 * trainer.seconds) / experiment.steps,
      events: (await storage.events.readAll()).map(parseEvent),
    };
  } finally {
    await run.close();
  }
}
