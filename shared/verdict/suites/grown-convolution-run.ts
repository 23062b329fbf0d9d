/**
 * One blueprint of P3 from beginning to end, as a run of the trainer: a linear host with one slot,
 * all seeds of the suite as replicas. The schedule plants the seed; the forge compiles it, the gates
 * let it pass or not, it learns behind the host, blends in and is kept if gate G5 finds it worth it.
 */
import { z } from 'zod';
import { Experiment } from '../../contracts/experiment.ts';
import { SEED_STAGES } from '../../contracts/seed.ts';
import type { Dataset } from '../../data/dataset.ts';
import { CHECKPOINT } from '../../tolaria/trainer.ts';
import { openRun } from '../../workbench/open-run.ts';
import { LENGTH } from './frozen-signals.ts';
import {
  SIGNAL_BLUEPRINTS,
  SIGNAL_CONV,
  SIGNAL_DENSE,
  type SignalBlueprint,
} from './signal-blueprints.ts';
import type { SuiteOptions } from './suite.ts';
import type { SuiteStore } from './suite-store.ts';

/** Steps of the host alone; the seed is born here. */
export const HOST_STEPS = 500;
/** Steps from the birth of the seed to the end. */
export const GROWN_STEPS = 2000;
/** Steps after the birth at which a probe may decide. */
export const PROBES = [100, 200, 500] as const;
const INTERVAL = 50;
const LAYER = 'fc1';

/** Accuracies are by seed. */
export const Trained = z.object({
  /** Of the host when the seed was born, on the test rows. */
  host: z.array(z.number()),
  parameters: z.number(),
  /** On the validation rows, by probe. */
  probes: z.array(z.array(z.number())),
  /** At the end, on the test rows. */
  test: z.array(z.number()),
  /** Where the slot ended. */
  stage: z.enum(SEED_STAGES),
});
export type Trained = z.infer<typeof Trained>;

/** What was measured of a run under way. */
const Begun = Trained.pick({ host: true, probes: true });
type Begun = z.infer<typeof Begun>;

/** The experiment: germination, blending and commitment at fixed steps, so that all four agree. */
export function signalExperiment(blueprint: SignalBlueprint, replicas: number): Experiment {
  const name = SIGNAL_BLUEPRINTS[blueprint];
  const [layer, end] = [LAYER, HOST_STEPS + GROWN_STEPS];
  return Experiment.parse({
    name: `p3-${blueprint}`,
    ...{ seed: 1, steps: end, batchSize: 100, replicas },
    ...{ intervalSteps: INTERVAL, evaluateEverySteps: end, checkpointEverySteps: 5 * INTERVAL },
    data: { source: 'signals', samples: 5000, length: LENGTH },
    host: { kind: 'mlp', hidden: [] },
    optimizer: { kind: 'adam', learningRate: 0.01 },
    growth: {
      blueprints: [name],
      ownBlueprints: [SIGNAL_CONV, SIGNAL_DENSE],
      ...{ alphaCurve: 'linear', alphaSteps: INTERVAL, alphaLandscape: 'off', fold: 'auto' },
      ...{ trainingSteps: INTERVAL, holdingSteps: 2 * INTERVAL },
    },
    policy: {
      kind: 'schedule',
      live: 'schedule',
      schedule: [
        // What germinates is placed one look later: that is its birth.
        { step: HOST_STEPS - INTERVAL, layer, blueprint: name },
        { step: HOST_STEPS + INTERVAL, action: 'advance', layer },
        { step: end - INTERVAL, action: 'fossilize', layer },
      ],
    },
  });
}

export interface SignalRun {
  /** Name of the run in the store. */
  key: string;
  blueprint: SignalBlueprint;
  dataset: Dataset;
  seeds: readonly number[];
}

/**
 * @param onStep Told of the share of the steps made; never of a run that was finished before.
 * @returns Null: it was stopped; the store knows how far it got.
 */
export async function trainBlueprint(
  { bench, stop }: SuiteOptions,
  store: SuiteStore,
  { blueprint, dataset, key, seeds }: SignalRun,
  onStep: (share: number) => void,
): Promise<Trained | null> {
  const done = await store.part(key, Trained);
  if (done) return done;
  const storage = store.runStorage(key);
  const resume = (await storage.blobs.read(CHECKPOINT)) !== null;
  const experiment = signalExperiment(blueprint, seeds.length);
  const run = await openRun(
    { ...bench, services: null },
    {
      ...{ runId: key, experiment, dataset, storage, resume },
      replicaSeeds: seeds,
      historyBytes: 0,
      onSteps: (first, metrics) => onStep((first + metrics.length) / experiment.steps),
    },
  );
  const { trainer } = run;
  onStep(trainer.step / experiment.steps);
  try {
    const begun: Begun = (await store.part(`${key}-begun`, Begun)) ?? { host: [], probes: [] };
    const accuracy = async (split: 'validation' | 'test') =>
      (await trainer.evaluate(split)).accuracy.map((a) => a ?? Number.NaN);
    const stopped = () => stop.aborted;
    /** Trains to a step and looks there; what was seen is kept before the run goes past it. */
    const lookAt = async (step: number, measure: () => Promise<void>): Promise<boolean> => {
      if (trainer.step > step) return true;
      await trainer.train(step, stopped);
      if (trainer.step < step) return false;
      await measure();
      await store.keep(`${key}-begun`, begun);
      return true;
    };
    const marks: [number, () => Promise<void>][] = [
      [
        HOST_STEPS,
        async () => {
          begun.host = await accuracy('test');
        },
      ],
      ...PROBES.map((length, i): [number, () => Promise<void>] => [
        HOST_STEPS + length,
        async () => {
          begun.probes[i] = await accuracy('validation');
        },
      ]),
    ];
    for (const [step, measure] of marks) {
      if (!(await lookAt(step, measure))) {
        await trainer.save();
        return null;
      }
    }
    if (!(await trainer.train(experiment.steps, stopped))) {
      await trainer.save();
      return null;
    }
    const trained: Trained = {
      ...begun,
      parameters: trainer.parameters,
      test: await accuracy('test'),
      stage: trainer.growth.record(LAYER, 0).state.stage,
    };
    await store.keep(key, trained);
    await store.drop(`${key}-begun`);
    return trained;
  } finally {
    await run.close();
  }
}
