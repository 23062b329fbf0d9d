/**
 * A growing network on a backend: the plans of the current topology, their buffers, and what the
 * trainer does with them (run steps, evaluate, measure, roll back). Knows nothing of policies,
 * logs or files.
 */

import type { Experiment } from '../contracts/experiment.ts';
import type { Dataset } from '../data/dataset.ts';
import { CONTROL } from '../engine/kernels/control.ts';
import {
  type Backend,
  type KernelTime,
  preparedBy,
  type TuningRecord,
} from '../engine/plan/backend.ts';
import { backendIn } from '../engine/plan/numerics.ts';
import { numel } from '../engine/plan/shape.ts';
import type { Topology } from '../kasmina/growing-network.ts';
import { replicaSeed } from '../nn/initialise.ts';
import { type DeviceData, freeData, sketchData, uploadData } from './device-data.ts';
import {
  disposePlan,
  type EvaluationPlan,
  METRICS,
  metricsOf,
  metricsRow,
  prepareEvaluation,
  prepareTraining,
  type StepMetrics,
  type TrainingPlan,
  writeAlphas,
} from './network-plans.ts';
import { type Prediction, Predictor } from './predictor.ts';
import { fillRow, type ParameterGroup, type ScheduleRow } from './schedule.ts';
import type { NamedTensors, TrainingArena } from './training-arena.ts';

export { MAX_CHUNK, type StepMetrics } from './network-plans.ts';

export type Split = 'train' | 'validation' | 'test';

/** Fewest rows of a batch of an evaluation, where the data have as many. */
const MIN_EVALUATION_BATCH = 256;

export class NetworkRuntime {
  /**
   * Prepares every plan in the experiment's numeric class. Variants of kernels are timed for the first
   * training plan, and later for the others: nothing that comes up while a run trains waits for it.
   */
  readonly backend: Backend;
  readonly input: readonly number[];
  readonly seeds: readonly number[];
  arena!: TrainingArena;
  topology!: Topology;
  groups: readonly ParameterGroup[] = [];
  parameterCount = 0;
  #experiment: Experiment;
  #dataset: Dataset;
  #data = new Map<Split, DeviceData>();
  #training: TrainingPlan | null = null;
  #evaluators = new Map<Split, EvaluationPlan>();
  #predictor: Predictor | null = null;
  /** Its data are not uploaded. */
  #isSketch = false;

  /** @param seeds One for each replica; absent: derived from the experiment's seed. */
  constructor(
    backend: Backend,
    experiment: Experiment,
    dataset: Dataset,
    seeds?: readonly number[],
  ) {
    const own = backendIn(backend, experiment.numerics ?? 'f32');
    this.backend = preparedBy(own, (plan, bindings) => {
      const timing = this.#training === null ? 'now' : 'later';
      return own.prepare(plan, { timing, ...bindings });
    });
    this.#experiment = experiment;
    this.#dataset = dataset;
    this.input = dataset.imageShape ?? [dataset.features];
    const { seed, replicas } = experiment;
    this.seeds = seeds ?? Array.from({ length: replicas }, (_, r) => replicaSeed(seed, r));
  }

  get replicas(): number {
    return this.seeds.length;
  }

  /** Memory of the training plan and dispatches of one step; null before the first topology. */
  get report() {
    const t = this.#training;
    if (!t) return null;
    const { memory } = t.executable.plan;
    const parameterBytes = this.arena.elements * this.replicas * 4;
    return { ...memory, parameterBytes, dispatchesPerStep: t.executable.dispatchCount };
  }

  /** Kernel variants of the training plan. */
  get variants(): TuningRecord['choices'] {
    return this.#training?.executable.variants ?? {};
  }

  /** Resolves when the kernels of the training plan are those it keeps. */
  get settled(): Promise<void> {
    return this.#training?.executable.settled ?? Promise.resolve();
  }

  /** The training plan's tables, for the health measurement that shares its arena. */
  dataOf(split: Split): DeviceData {
    let data = this.#data.get(split);
    if (!data) {
      const place = this.#isSketch ? sketchData : uploadData;
      data = place(this.backend, split, this.#dataset[split], this.input);
      this.#data.set(split, data);
    }
    return data;
  }

  /**
   * Makes the plans of a topology ready. Parameters known by name keep values and moments; new
   * ones are drawn from the run's seed. On an error the old topology stays in force.
   */
  async setTopology(topology: Topology, groups: readonly ParameterGroup[]): Promise<void> {
    const training = await prepareTraining(this.#owner('train', 'train', topology), groups.length);
    const { arena, parameterCount } = training;
    const old = this.arena as TrainingArena | undefined;
    const fresh = old ? arena.carryOver(old) : undefined;
    arena.initialise(this.seeds, fresh);
    this.#disposePlans();
    old?.dispose();
    this.arena = arena;
    this.topology = topology;
    this.groups = groups;
    this.parameterCount = parameterCount;
    this.#training = training;
  }

  /**
   * The runtime of another topology on a backend that computes nothing: it has plans, and neither
   * data nor weights.
   */
  async sketch(
    backend: Backend,
    topology: Topology,
    groups: readonly ParameterGroup[],
  ): Promise<NetworkRuntime> {
    const sketch = new NetworkRuntime(backend, this.#experiment, this.#dataset, this.seeds);
    sketch.#isSketch = true;
    const owner = sketch.#owner('train', 'train', topology);
    const training = await prepareTraining(owner, groups.length);
    sketch.arena = training.arena;
    sketch.topology = topology;
    sketch.groups = groups;
    sketch.#training = training;
    return sketch;
  }

  /** Makes the plan that evaluates a part of the data ready. */
  async prepareEvaluation(split: Split): Promise<void> {
    if (!this.#evaluators.has(split)) {
      this.#evaluators.set(split, await this.#makeEvaluator(split));
    }
  }

  #owner(name: string, split: Split, topology: Topology) {
    const { backend, seeds } = this;
    const experiment = this.#experiment;
    return { name, backend, experiment, topology, data: this.dataOf(split), seeds };
  }

  /** Runs `steps` <= MAX_CHUNK steps from `step`; returns before the device is done. */
  run(step: number, steps: number, rowOf: (step: number) => ScheduleRow): void {
    this.#writeSchedule(step, steps, rowOf);
    this.backend.run(this.#require().executable, steps);
  }

  #writeSchedule(step: number, steps: number, rowOf: (step: number) => ScheduleRow): void {
    const { optimizer } = this.#experiment;
    this.#require().control.write(step, steps, (out, at, s) =>
      fillRow(out, at, rowOf(s), s, this.groups, optimizer),
    );
  }

  /**
   * Times each dispatch of `steps` <= MAX_CHUNK training steps from `step` and takes the steps back.
   * Call it while no numbers of a run are awaited: the metrics table is overwritten.
   *
   * @returns One entry a dispatch; with 0 steps, or on a backend that times nothing, without times.
   */
  async profile(
    step: number,
    steps: number,
    rowOf: (step: number) => ScheduleRow,
  ): Promise<KernelTime[]> {
    const { executable } = this.#require();
    const { backend } = this;
    if (!backend.profile) {
      const { dispatches } = executable.plan;
      return dispatches.map(({ op }) => ({ kernel: op, grid: [], milliseconds: null }));
    }
    if (steps === 0) return backend.profile(executable, 0);
    const putBack = this.arena.setAside();
    try {
      this.#writeSchedule(step, steps, rowOf);
      return await backend.profile(executable, steps);
    } finally {
      putBack();
    }
  }

  /** Metrics of the last run's steps and the first step with a non-finite gradient, if any. */
  async readMetrics(steps: number): Promise<{ metrics: StepMetrics[]; fault: number | null }> {
    const { control, metrics } = this.#require();
    const [table, words] = await this.backend.readMany([
      { buffer: metrics, offset: 0, elements: steps * this.replicas * METRICS },
      { buffer: control.buffer, offset: 0, elements: CONTROL.seeds, words: true },
    ]);
    const counters = new Uint32Array(words!.buffer);
    const fault = counters[CONTROL.fault]!;
    return {
      metrics: Array.from({ length: steps }, (_, i) => metricsRow(table!, i, this.replicas)),
      fault: fault === 0 ? null : fault - 1,
    };
  }

  /**
   * Loss and accuracy over a whole part of the data, for each replica.
   *
   * @param alphas By column, as in a schedule row.
   */
  async evaluate(split: Split, alphas: readonly number[]): Promise<StepMetrics> {
    await this.prepareEvaluation(split);
    const e = this.#evaluators.get(split)!;
    writeAlphas(e.control, e.batches, alphas);
    this.backend.run(e.executable, e.batches);
    const elements = e.batches * this.replicas * METRICS;
    const table = await this.backend.readFloats(e.metrics, 0, elements);
    return metricsOf(table, e.batches, this.replicas);
  }

  #makeEvaluator(split: Split): Promise<EvaluationPlan> {
    const owner = this.#owner(`evaluate-${split}`, split, this.topology);
    return prepareEvaluation(owner, this.arena, MIN_EVALUATION_BATCH);
  }

  /**
   * Logits of given rows, replica 0, in storage order [rows, padded classes].
   *
   * @param rows Row-major [n, ...input]; the plan is kept while n stays the same.
   */
  async predict(rows: Float32Array, alphas: readonly number[]): Promise<Prediction> {
    const n = rows.length / numel(this.input);
    if (this.#predictor?.rows !== n) {
      this.#disposePredictor();
      const { arena, backend, topology } = this;
      this.#predictor = await Predictor.create(backend, arena, topology, n, this.seeds[0]!);
    }
    return this.#predictor.predict(rows, alphas);
  }

  exportTensors(): Promise<NamedTensors> {
    return this.arena.exportTensors();
  }

  #require(): TrainingPlan {
    if (!this.#training) throw new Error('Cannot train: no topology was set');
    return this.#training;
  }

  #disposePredictor(): void {
    this.#predictor?.dispose();
    this.#predictor = null;
  }

  #disposePlans(): void {
    const plans = [...this.#evaluators.values(), ...(this.#training ? [this.#training] : [])];
    for (const plan of plans) disposePlan(this.backend, plan);
    this.#evaluators.clear();
    this.#training = null;
    this.#disposePredictor();
  }

  dispose(): void {
    this.#disposePlans();
    (this.arena as TrainingArena | undefined)?.dispose();
    for (const d of this.#data.values()) freeData(this.backend, d);
    this.#data.clear();
  }
}
