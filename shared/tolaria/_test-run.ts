/**
 * Tiny but whole training runs: the real trainer, controller and engine on a few made-up rows, with
 * commands from a script. On any backend, so that the same runs serve the unit tests (float64
 * reference) and those on a GPU.
 */
import { RandomStream } from '../base/random.ts';
import { inferShapes } from '../blueprints/ir.ts';
import { blueprintFinder } from '../blueprints/own-blueprints.ts';
import type { Command, RunEvent } from '../contracts/events.ts';
import { Experiment, type ExperimentInput } from '../contracts/experiment.ts';
import type { RunSchedule } from '../contracts/lineage.ts';
import type { BlendMode } from '../contracts/seed.ts';
import type { DataPart, Dataset } from '../data/dataset.ts';
import type { Backend, TuningRecord } from '../engine/plan/backend.ts';
import { numel } from '../engine/plan/shape.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import type { ArtifactSource, ProvidedArtifact } from '../kasmina/artifact-source.ts';
import type { Clock, RunStorage } from '../platform/platform.ts';
import type { DecisionSource } from './decision-source.ts';
import type { InitialWeights } from './initial-weights.ts';
import type { PolicyAdvisor } from './policy-advisor.ts';
import { Trainer } from './trainer.ts';

/** Rows with some structure: classes are sectors of a random direction plus noise. */
export function tinyDataset(input: readonly number[], classes = 2, size = 26): Dataset {
  const features = numel(input);
  const part = (name: string, n: number): DataPart => {
    const random = new RandomStream(7, `tiny/${name}`);
    const x = new Float32Array(n * features);
    const y = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      y[i] = i % classes;
      for (let f = 0; f < features; f++) {
        x[i * features + f] = Math.cos(2 * y[i]! + f) + 0.7 * random.normal();
      }
    }
    return { x, y, size: n };
  };
  return {
    name: 'tiny',
    features,
    imageShape: input.length === 3 ? [input[0]!, input[1]!, input[2]!] : null,
    classes: Array.from({ length: classes }, (_, k) => `class ${k}`),
    train: part('train', size),
    validation: part('validation', 17),
    test: part('test', 13),
    scaling: { kind: 'none', offset: [], factor: [] },
    source: `tiny ${input.join('x')} ${classes} ${size}`,
  };
}

export type TinyInput = Partial<Omit<ExperimentInput, 'name' | 'data'>>;

/** Looks every 5 steps, seeds that settle in a few; no policy: growth comes from commands. */
export function tinyExperiment(more: TinyInput = {}): Experiment {
  const { growth, ...rest } = more;
  return Experiment.parse({
    name: 'tiny',
    steps: 50,
    batchSize: 6,
    intervalSteps: 5,
    evaluateEverySteps: 20,
    checkpointEverySteps: 1000,
    data: { source: 'moons' },
    host: { kind: 'mlp', hidden: [4], activation: 'tanh' },
    optimizer: { kind: 'adam', learningRate: 0.02 },
    policy: { kind: 'none' },
    ...rest,
    growth: {
      ...{ alphaSteps: 10, trainingSteps: 5, holdingSteps: 5, embargoSteps: 5 },
      ...{ maxConcurrent: 4, maxSeeds: 16 },
      ...growth,
    },
  });
}

/** Always the same answer: a valid artifact of the right size. */
export const provideAll: ArtifactSource = {
  async provide(blueprint, host): Promise<ProvidedArtifact> {
    const parameters = inferShapes(blueprint, host).parameterCount;
    return {
      ...{ id: 'a', validated: true, digestMatches: true, origin: 'forge', reason: null },
      parameters,
    };
  },
};

/** A clock that is read `ms` later each time: it decides how a run is cut into chunks. */
export function tickingClock(ms: number | ((reading: number) => number) = 0): Clock {
  let now = 0;
  let reading = 0;
  return {
    now: () => {
      now += typeof ms === 'number' ? ms : ms(reading++);
      return now;
    },
    wallTime: () => 0,
    sleep: async () => {},
  };
}

export interface TinyOptions {
  experiment?: Experiment;
  dataset?: Dataset;
  backend?: Backend;
  artifacts?: ArtifactSource;
  decisions?: DecisionSource | null;
  advisor?: PolicyAdvisor;
  storage?: RunStorage | null;
  clock?: Clock;
  resume?: boolean;
  schedule?: RunSchedule | null;
  initialWeights?: InitialWeights;
  tuning?: TuningRecord | null;
}

export interface TinyRun {
  trainer: Trainer;
  events: RunEvent[];
}

export async function openTiny(o: TinyOptions = {}): Promise<TinyRun> {
  const events: RunEvent[] = [];
  const trainer = await Trainer.create(
    {
      runId: 'tiny',
      experiment: o.experiment ?? tinyExperiment(),
      dataset: o.dataset ?? tinyDataset([2]),
      backend: o.backend ?? createReferenceBackend(),
      artifacts: o.artifacts ?? provideAll,
      decisions: o.decisions ?? null,
      ...(o.advisor ? { advisor: o.advisor } : {}),
      blueprintOf: blueprintFinder((o.experiment ?? tinyExperiment()).growth.ownBlueprints),
      clock: o.clock ?? tickingClock(),
      storage: o.storage ?? null,
      ...(o.schedule ? { schedule: o.schedule } : {}),
      tuning: o.tuning ?? null,
      shaderDigest: 'none',
      initialWeights: o.initialWeights ?? null,
      onEvent: (event) => events.push(event),
    },
    o.resume ?? false,
  );
  return { trainer, events };
}

/** Commands by the step before which they take effect. */
export type Script = Readonly<Record<number, readonly Command[]>>;

/** Trains to `until` (default: the end), giving the commands of the script on the way. */
export async function follow(
  trainer: Trainer,
  script: Script = {},
  until = trainer.experiment.steps,
  stop?: () => boolean,
): Promise<void> {
  const marks = Object.keys(script).map(Number);
  for (const mark of marks.filter((m) => m >= trainer.step && m < until).sort((a, b) => a - b)) {
    while (trainer.step < mark) await trainer.train(mark, stop);
    for (const command of script[mark]!) trainer.command(command);
  }
  while (trainer.step < until) await trainer.train(until, stop);
  await trainer.applyCommands();
}

/** A whole run; its trainer stays open for questions. */
export async function runTiny(
  o: TinyOptions = {},
  script: Script = {},
): Promise<TinyRun & { digest: string }> {
  const run = await openTiny(o);
  await follow(run.trainer, script);
  return { ...run, digest: await run.trainer.digest() };
}

const at = (layerId: string, slot = 0) => ({ layerId, slot });

export function germinate(layer: string, blueprint: string, blendMode?: BlendMode, slot = 0) {
  const mode = blendMode ? { blendMode } : {};
  return { kind: 'germinate', ...at(layer, slot), blueprint, ...mode } as const;
}
export const advance = (layer: string, slot = 0) =>
  ({ kind: 'advance', ...at(layer, slot) }) as const;
export const cull = (layer: string, slot = 0) => ({ kind: 'cull', ...at(layer, slot) }) as const;
export const fossilize = (layer: string, slot = 0) =>
  ({ kind: 'fossilize', ...at(layer, slot) }) as const;
export const setAlpha = (layer: string, alpha: number, slot = 0) =>
  ({ kind: 'setAlpha', ...at(layer, slot), alpha }) as const;
export const setLearningRate = (learningRate: number) =>
  ({ kind: 'setLearningRate', learningRate }) as const;

/**
 * A seed's whole life on `layer`: LOADING from 6, TRAINING from 10, BLENDING from 16, HOLDING from
 * 30, FOSSILIZED from 36.
 */
export function wholeLife(layer: string, blueprint: string, blendMode?: BlendMode): Script {
  return {
    6: [germinate(layer, blueprint, blendMode)],
    16: [advance(layer)],
    36: [fossilize(layer)],
  };
}

/** `layer:stage` of every slot that is not dormant. */
export function stages(trainer: Trainer): string[] {
  return trainer.growth.state.slots
    .filter((r) => r.state.stage !== 'DORMANT')
    .map((r) => `${r.state.layerId}:${r.state.stage}`);
}

/** The bits of every tensor, for comparisons that tell -0 from 0 and one NaN from another. */
export async function tensorBits(trainer: Trainer): Promise<Map<string, string>> {
  const tensors = await trainer.runtime.exportTensors();
  return new Map([...tensors].map(([name, { data }]) => [name, bits(data)]));
}

export function bits(values: Float32Array): string {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Array.from(words, (w) => w.toString(16)).join(' ');
}
