/**
 * Trains the runs of one arm: several seeds in the same dispatches where they share data and
 * topology, and counts what they compute.
 */
import { DivergedError, messageOf } from '../base/errors.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { ArmName, ArmRun, CurvePoint } from '../contracts/verdict.ts';
import type { Dataset } from '../data/dataset.ts';
import { growthRecord } from '../tamiyo/matched-growth.ts';
import { type OpenRun, openRun, type Workbench } from '../workbench/open-run.ts';
import { type Meter, meteredBackend } from './metered-backend.ts';

export interface ArmJob {
  arm: ArmName;
  /** More than one only for networks that do not grow. */
  seeds: readonly number[];
  /** Its seed and replicas are set here. */
  experiment: Experiment;
  dataset: Dataset;
  /** Hidden widths of a static network that was sized to match. */
  widths: number[] | null;
}

export interface ArmHooks {
  /** Steps of the job made so far. */
  onStep(step: number): void;
  stop: AbortSignal;
}

/** @returns One run a seed, in the order of the job; null: it was stopped before its end. */
export async function trainArm(
  bench: Workbench,
  job: ArmJob,
  hooks: ArmHooks,
): Promise<ArmRun[] | null> {
  const { backend, meter } = meteredBackend(bench.backend);
  const count = job.seeds.length;
  const events: RunEvent[] = [];
  const curves: CurvePoint[][] = job.seeds.map(() => []);
  const spent = () => (meter.training + meter.decisions) / count;
  const began = bench.clock.now();
  const run = await openRun(
    // A server would see thousands of runs nobody asked it to keep.
    { ...bench, backend, services: null },
    {
      runId: `${job.arm}-${job.seeds[0]}`,
      experiment: { ...job.experiment, seed: job.seeds[0]!, replicas: count },
      dataset: job.dataset,
      replicaSeeds: job.seeds,
      storage: null,
      resume: false,
      onEvent: (event) => {
        // Health readings are the bulk of a log and nothing here needs them.
        if (event.type !== 'health') events.push(event);
        // The work was done and is charged; what it had led to is undone.
        if (event.type === 'governor') {
          curves.forEach((curve, r) => {
            curves[r] = curve.filter((point) => point.step <= event.restoredStep);
          });
        }
        if (event.type !== 'evaluation' || event.split !== 'test') return;
        event.accuracy.forEach((accuracy, r) => {
          curves[r]!.push({ step: event.step, flops: spent(), accuracy });
        });
      },
      onSteps: (first, metrics) => hooks.onStep(first + metrics.length),
    },
  );
  try {
    const start = await run.trainer.evaluate('test');
    start.accuracy.forEach((accuracy, r) => {
      curves[r]!.push({ step: 0, flops: 0, accuracy });
    });
    let failure: string | null = null;
    try {
      const done = await run.trainer.train(job.experiment.steps, () => hooks.stop.aborted);
      if (!done) return null;
    } catch (error) {
      if (!(error instanceof DivergedError)) throw error;
      failure = messageOf(error);
    }
    const seconds = (bench.clock.now() - began) / 1000 / count;
    return await runsOf(job, run, { events, curves, meter, failure, seconds });
  } finally {
    await run.close();
  }
}

interface Trained {
  events: readonly RunEvent[];
  curves: CurvePoint[][];
  meter: Meter;
  failure: string | null;
  seconds: number;
}

async function runsOf(job: ArmJob, { trainer }: OpenRun, trained: Trained): Promise<ArmRun[]> {
  const { curves, events, failure, meter, seconds } = trained;
  const count = job.seeds.length;
  const problems = events.flatMap((e) => {
    if (e.type === 'governor')
      return [`step ${e.step}: rolled back to ${e.restoredStep}: ${e.cause}`];
    return e.type === 'notice' && e.level !== 'info' ? [`step ${e.step}: ${e.message}`] : [];
  });
  if (failure !== null) problems.push(failure);
  const { germinated, fossilized, outcomes } = trainer.growth.state;
  const digest = await trainer.digest();
  return job.seeds.map((seed, r) => ({
    arm: job.arm,
    seed,
    status: failure === null ? 'done' : 'failed',
    problems,
    accuracy: failure === null ? (curves[r]!.at(-1)?.accuracy ?? null) : null,
    parameters: trainer.parameters,
    steps: trainer.step,
    germinated,
    fossilized,
    culled: outcomes.filter((o) => o.outcome === 'culled').length,
    flops: { training: meter.training / count, decisions: meter.decisions / count },
    curve: curves[r]!,
    history: growthRecord(events),
    widths: job.widths,
    digest,
    seconds,
  }));
}
