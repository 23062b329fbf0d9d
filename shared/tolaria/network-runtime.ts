/**
 * A growing network on a backend: the plans of the current topology, their buffers, and what the
 * trainer does with them (run steps, evaluate, measure, roll back). Knows nothing of policies,
 * logs or files.
 */

import type { Experiment } from '../contracts/experiment.ts';
import type { DataPart, Dataset } from '../data/dataset.ts';
import { CONTROL, scheduleColumns } from '../engine/kernels/control.ts';
import type {
  Backend,
  DeviceBuffer,
  Executable,
  KernelTime,
  TuningRecord,
} from '../engine/plan/backend.ts';
import { Graph } from '../engine/plan/graph.ts';
import { makePlan } from '../engine/plan/plan.ts';
import { numel, pack, padLast } from '../engine/plan/shape.ts';
import {
  addOptimizer,
  alphaColumns,
  batchOf,
  controlTensor,
  evaluationForward,
  type Topology,
  trainingGraph,
} from '../kasmina/growing-network.ts';
import { replicaSeed } from '../nn/initialise.ts';
import { addLoss } from '../nn/losses.ts';
import { ControlBuffer } from './control-buffer.ts';
import { type DeviceData, freeData, uploadData } from './device-data.ts';
import {
  fillRow,
  type ParameterGroup,
  type ScheduleRow,
  scheduleGroupOf,
  scheduleGroups,
} from './schedule.ts';
import { type NamedTensors, TrainingArena } from './training-arena.ts';

/** Most steps between two writes of the schedule table. */
export const MAX_CHUNK = 64;

export type Split = 'train' | 'validation' | 'test';

/** One step's numbers, or one evaluation's, for each replica. */
export interface StepMetrics {
  loss: number[];
  correct: number[];
  count: number[];
}

interface Evaluator {
  executable: Executable;
  control: ControlBuffer;
  metrics: DeviceBuffer;
  batches: number;
}

interface TrainingPlan {
  executable: Executable;
  control: ControlBuffer;
  metrics: DeviceBuffer;
}

export class NetworkRuntime {
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
  #evaluators = new Map<Split, Evaluator>();
  #predictor: {
    executable: Executable;
    control: ControlBuffer;
    x: DeviceBuffer;
    rows: number;
  } | null = null;

  /** @param seeds One for each replica; absent: derived from the experiment's seed. */
  constructor(
    backend: Backend,
    experiment: Experiment,
    dataset: Dataset,
    seeds?: readonly number[],
  ) {
    this.backend = backend;
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

  /** The training plan's tables, for the health measurement that shares its arena. */
  dataOf(split: Split): DeviceData {
    let data = this.#data.get(split);
    if (!data) {
      data = uploadData(this.backend, split, this.#part(split), this.input);
      this.#data.set(split, data);
    }
    return data;
  }

  #part(split: Split): DataPart {
    return this.#dataset[split];
  }

  /**
   * Makes the plans of a topology ready. Parameters known by name keep values and moments; new
   * ones are drawn from the run's seed. On an error the old topology stays in force.
   */
  async setTopology(topology: Topology, groups: readonly ParameterGroup[]): Promise<void> {
    const { batchSize, loss, optimizer, labelSmoothing, microBatches } = this.#experiment;
    const data = this.dataOf('train');
    const training = trainingGraph(
      topology,
      { ...data.rows, batch: batchSize, mode: 'shuffle' },
      loss,
      { smoothing: labelSmoothing, microBatches },
    );
    const layout = addOptimizer(training, optimizer, topology.seeds);
    const plan = makePlan('train', training.graph, this.replicas);
    const arena = new TrainingArena(this.backend, layout, this.replicas, {
      groupOf: (p) => scheduleGroupOf(p, optimizer),
      states: training.states,
    });
    const columns = scheduleColumns(
      alphaColumns(topology.seeds),
      scheduleGroups(groups.length, optimizer),
    );
    const control = new ControlBuffer(this.backend, MAX_CHUNK, columns, this.seeds);
    const metrics = this.backend.createBuffer('metrics', MAX_CHUNK * this.replicas * 4);
    let executable: Executable;
    try {
      executable = await this.backend.prepare(plan, {
        buffers: {
          ...arena.buffers,
          control: control.buffer,
          metrics,
          ...data.buffers,
        },
        scheduleBase: control.scheduleBase,
        scheduleColumns: columns,
      });
    } catch (error) {
      arena.dispose();
      control.dispose();
      this.backend.destroyBuffer(metrics);
      throw error;
    }
    const old = this.arena as TrainingArena | undefined;
    const fresh = old ? arena.carryOver(old) : undefined;
    arena.initialise(this.seeds, fresh);
    this.#disposePlans();
    old?.dispose();
    this.arena = arena;
    this.topology = topology;
    this.groups = groups;
    this.parameterCount = training.graph.parameterCount();
    this.#training = { executable, control, metrics };
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
      { buffer: metrics, offset: 0, elements: steps * this.replicas * 4 },
      { buffer: control.buffer, offset: 0, elements: CONTROL.seeds, words: true },
    ]);
    const counters = new Uint32Array(words!.buffer);
    const fault = counters[CONTROL.fault]!;
    return {
      metrics: Array.from({ length: steps }, (_, i) => this.#metricsRow(table!, i)),
      fault: fault === 0 ? null : fault - 1,
    };
  }

  #metricsRow(table: Float32Array, row: number): StepMetrics {
    const out: StepMetrics = { loss: [], correct: [], count: [] };
    for (let r = 0; r < this.replicas; r++) {
      const at = (row * this.replicas + r) * 4;
      out.loss.push(table[at]!);
      out.correct.push(table[at + 1]!);
      out.count.push(table[at + 2]!);
    }
    return out;
  }

  /**
   * Loss and accuracy over a whole part of the data, for each replica.
   *
   * @param alphas By column, as in a schedule row.
   */
  async evaluate(split: Split, alphas: readonly number[]): Promise<StepMetrics> {
    const e = this.#evaluators.get(split) ?? (await this.#makeEvaluator(split));
    this.#evaluators.set(split, e);
    e.control.write(0, e.batches, (out, at) => {
      alphas.forEach((a, i) => {
        out[at + i] = a;
      });
    });
    this.backend.run(e.executable, e.batches);
    const table = await this.backend.readFloats(e.metrics, 0, e.batches * this.replicas * 4);
    const total: StepMetrics = {
      loss: this.seeds.map(() => 0),
      correct: this.seeds.map(() => 0),
      count: this.seeds.map(() => 0),
    };
    for (let i = 0; i < e.batches; i++) {
      const row = this.#metricsRow(table, i);
      for (let r = 0; r < this.replicas; r++) {
        total.loss[r]! += row.loss[r]! * row.count[r]!;
        total.correct[r]! += row.correct[r]!;
        total.count[r]! += row.count[r]!;
      }
    }
    total.loss = total.loss.map((l, r) => l / total.count[r]!);
    return total;
  }

  async #makeEvaluator(split: Split): Promise<Evaluator> {
    const data = this.dataOf(split);
    const batch = Math.min(data.size, Math.max(256, Math.ceil(data.size / MAX_CHUNK)));
    const batches = Math.ceil(data.size / batch);
    const graph = new Graph();
    const control = controlTensor(graph);
    const source = { ...data.rows, batch, mode: 'sequential' } as const;
    const { x, labels } = batchOf(graph, control, this.input, source);
    const { logits } = evaluationForward(graph, control, this.topology, x);
    const { rows } = addLoss(graph, this.#experiment.loss, logits, labels);
    const table = graph.create('metrics', [4], { role: 'external', replicated: false });
    graph.apply('metrics_reduce', [rows, control, table]);
    const plan = makePlan(`evaluate-${split}`, graph, this.replicas, {}, this.arena);
    const columns = scheduleColumns(alphaColumns(this.topology.seeds), 0);
    const buffer = new ControlBuffer(this.backend, batches, columns, this.seeds);
    const metrics = this.backend.createBuffer('metrics', batches * this.replicas * 4);
    const executable = await this.backend.prepare(plan, {
      buffers: {
        ...this.arena.buffers,
        control: buffer.buffer,
        metrics,
        ...data.buffers,
      },
      scheduleBase: buffer.scheduleBase,
      scheduleColumns: columns,
    });
    return { executable, control: buffer, metrics, batches };
  }

  /**
   * Logits of given rows, replica 0, in storage order [rows, padded classes].
   *
   * @param rows Row-major [n, ...input]; the plan is kept while n stays the same.
   */
  async predict(
    rows: Float32Array,
    alphas: readonly number[],
  ): Promise<{ logits: Float32Array; stride: number }> {
    const n = rows.length / numel(this.input);
    if (this.#predictor?.rows !== n) {
      this.#disposePredictor();
      this.#predictor = await this.#makePredictor(n);
    }
    const { executable, control, x } = this.#predictor;
    const shape = [n, ...this.input];
    const packed = pack(rows, shape, padLast(shape, 1));
    this.backend.writeFloats(x, packed);
    control.write(0, 1, (out, at) => {
      alphas.forEach((a, i) => {
        out[at + i] = a;
      });
    });
    this.backend.run(executable, 1);
    const logits = await executable.readOutput('logits');
    const stride = executable.plan.outputs['logits']!.padded[1]!;
    return { logits: logits.subarray(0, n * stride), stride };
  }

  async #makePredictor(rows: number) {
    const graph = new Graph();
    const control = controlTensor(graph);
    const x = graph.create('grid', [rows, ...this.input], { role: 'external' });
    const { logits } = evaluationForward(graph, control, this.topology, x);
    const plan = makePlan(
      'predict',
      graph,
      1,
      { logits },
      {
        parameters: this.arena.parameters,
        elements: this.arena.elements,
      },
    );
    const columns = scheduleColumns(alphaColumns(this.topology.seeds), 0);
    const buffer = new ControlBuffer(this.backend, 1, columns, this.seeds.slice(0, 1));
    const grid = this.backend.createBuffer('grid', numel(x.padded));
    const executable = await this.backend.prepare(plan, {
      buffers: { ...this.arena.buffers, control: buffer.buffer, grid },
      scheduleBase: buffer.scheduleBase,
      scheduleColumns: columns,
    });
    return { executable, control: buffer, x: grid, rows };
  }

  exportTensors(): Promise<NamedTensors> {
    return this.arena.exportTensors();
  }

  #require(): TrainingPlan {
    if (!this.#training) throw new Error('Cannot train: no topology was set');
    return this.#training;
  }

  #disposePredictor(): void {
    if (!this.#predictor) return;
    this.#predictor.executable.dispose();
    this.#predictor.control.dispose();
    this.backend.destroyBuffer(this.#predictor.x);
    this.#predictor = null;
  }

  #disposePlans(): void {
    const plans = [...this.#evaluators.values(), ...(this.#training ? [this.#training] : [])];
    for (const p of plans) {
      p.executable.dispose();
      p.control.dispose();
      this.backend.destroyBuffer(p.metrics);
    }
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
