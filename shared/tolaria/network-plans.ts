/**
 * Plans of a network with the buffers they need: one that trains it, and one that sends a part of
 * the data through it. Whose network it is, and where its weights come from, is the caller's.
 */
import type { Experiment } from '../contracts/experiment.ts';
import { scheduleColumns } from '../engine/kernels/control.ts';
import type { Backend, DeviceBuffer, Executable } from '../engine/plan/backend.ts';
import { Graph } from '../engine/plan/graph.ts';
import { makePlan } from '../engine/plan/plan.ts';
import {
  addOptimizer,
  alphaColumns,
  batchOf,
  controlTensor,
  evaluationForward,
  type Topology,
  trainingGraph,
} from '../kasmina/growing-network.ts';
import { addLoss, targetsOf } from '../nn/losses.ts';
import { ControlBuffer } from './control-buffer.ts';
import type { DeviceData } from './device-data.ts';
import { scheduleGroupOf, scheduleGroups } from './schedule.ts';
import { TrainingArena } from './training-arena.ts';

/** Most steps between two writes of the schedule table. */
export const MAX_CHUNK = 64;
/** Numbers of one row of a metrics table: loss, correct, count, and one unused. */
export const METRICS = 4;

/** What a plan runs with. */
export interface PreparedPlan {
  executable: Executable;
  control: ControlBuffer;
  /** [runs, replicas, METRICS]. */
  metrics: DeviceBuffer;
}

export interface TrainingPlan extends PreparedPlan {
  arena: TrainingArena;
  /** Trainable values of one replica. */
  parameterCount: number;
}

export interface EvaluationPlan extends PreparedPlan {
  /** Runs that see each row of the data once. */
  batches: number;
}

/** Whose plan it is. */
interface PlanOwner {
  /** Names the plan in error messages and traces. */
  name: string;
  backend: Backend;
  experiment: Experiment;
  topology: Topology;
  data: DeviceData;
  /** Seed of each replica, from which it draws batches and dropout. */
  seeds: readonly number[];
}

/**
 * Prepares training steps; the arena's values are still to be set.
 *
 * @param groups Parameter groups of the schedule: the host's and one of each seed.
 */
export async function prepareTraining(
  { backend, data, experiment, name, seeds, topology }: PlanOwner,
  groups: number,
): Promise<TrainingPlan> {
  const { batchSize, labelSmoothing, loss, microBatches, optimizer } = experiment;
  const source = { ...data.rows, batch: batchSize, mode: 'shuffle' } as const;
  const options = { smoothing: labelSmoothing, microBatches };
  const training = trainingGraph(topology, source, loss, options);
  const layout = addOptimizer(training, optimizer, topology.seeds);
  const plan = makePlan(name, training.graph, seeds.length);
  const arena = new TrainingArena(backend, layout, seeds.length, {
    groupOf: (p) => scheduleGroupOf(p, optimizer),
    states: training.states,
  });
  const columns = scheduleColumns(alphaColumns(topology.seeds), scheduleGroups(groups, optimizer));
  const control = new ControlBuffer(backend, MAX_CHUNK, columns, seeds);
  const metrics = backend.createBuffer('metrics', MAX_CHUNK * seeds.length * METRICS);
  try {
    const executable = await backend.prepare(plan, {
      buffers: { ...arena.buffers, control: control.buffer, metrics, ...data.buffers },
      scheduleBase: control.scheduleBase,
      scheduleColumns: columns,
    });
    const parameterCount = training.graph.parameterCount();
    return { arena, control, executable, metrics, parameterCount };
  } catch (error) {
    arena.dispose();
    control.dispose();
    backend.destroyBuffer(metrics);
    throw error;
  }
}

/**
 * Prepares a pass over a whole part of the data, row by row in order.
 *
 * @param arena Holds the weights and running statistics that are read.
 * @param minBatch Rows of a batch, unless there are fewer, or more are needed to be done in
 *   MAX_CHUNK batches.
 */
export async function prepareEvaluation(
  { backend, data, experiment, name, seeds, topology }: PlanOwner,
  arena: TrainingArena,
  minBatch: number,
): Promise<EvaluationPlan> {
  const batch = Math.min(data.size, Math.max(minBatch, Math.ceil(data.size / MAX_CHUNK)));
  const batches = Math.ceil(data.size / batch);
  const graph = new Graph();
  const tensor = controlTensor(graph);
  const source = { ...data.rows, batch, mode: 'sequential' } as const;
  const { x, labels } = batchOf(graph, tensor, topology.input, source);
  const { logits } = evaluationForward(graph, tensor, topology, x);
  const { rows } = addLoss(graph, experiment.loss, logits, targetsOf(graph, logits, x, labels));
  const table = graph.create('metrics', [METRICS], { role: 'external', replicated: false });
  graph.apply('metrics_reduce', [rows, tensor, table]);
  const plan = makePlan(name, graph, seeds.length, {}, arena);
  const columns = scheduleColumns(alphaColumns(topology.seeds), 0);
  const control = new ControlBuffer(backend, batches, columns, seeds);
  const metrics = backend.createBuffer('metrics', batches * seeds.length * METRICS);
  const executable = await backend.prepare(plan, {
    buffers: { ...arena.buffers, control: control.buffer, metrics, ...data.buffers },
    scheduleBase: control.scheduleBase,
    scheduleColumns: columns,
  });
  return { executable, control, metrics, batches };
}

/** The same alphas, by column, for the next `runs` runs, which count from step 0. */
export function writeAlphas(control: ControlBuffer, runs: number, alphas: readonly number[]): void {
  control.write(0, runs, (out, at) => {
    alphas.forEach((a, i) => {
      out[at + i] = a;
    });
  });
}

/** Frees a plan; the arena it read is its owner's. */
export function disposePlan(
  backend: Backend,
  { control, executable, metrics }: PreparedPlan,
): void {
  executable.dispose();
  control.dispose();
  backend.destroyBuffer(metrics);
}

/** One step's numbers, or one evaluation's, for each replica. */
export interface StepMetrics {
  loss: number[];
  correct: number[];
  count: number[];
}

/** One row of a metrics table. */
export function metricsRow(table: Float32Array, row: number, replicas: number): StepMetrics {
  const out: StepMetrics = { loss: [], correct: [], count: [] };
  for (let r = 0; r < replicas; r++) {
    const at = (row * replicas + r) * METRICS;
    out.loss.push(table[at]!);
    out.correct.push(table[at + 1]!);
    out.count.push(table[at + 2]!);
  }
  return out;
}

/** Sums of the batches of one evaluation; the loss is the mean over all rows. */
export function metricsOf(table: Float32Array, batches: number, replicas: number): StepMetrics {
  const zeros = () => new Array<number>(replicas).fill(0);
  const total: StepMetrics = { loss: zeros(), correct: zeros(), count: zeros() };
  for (let i = 0; i < batches; i++) {
    const row = metricsRow(table, i, replicas);
    for (let r = 0; r < replicas; r++) {
      total.loss[r]! += row.loss[r]! * row.count[r]!;
      total.correct[r]! += row.correct[r]!;
      total.count[r]! += row.count[r]!;
    }
  }
  total.loss = total.loss.map((l, r) => l / total.count[r]!);
  return total;
}
