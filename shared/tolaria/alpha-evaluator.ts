/**
 * The loss of one network at many settings of its seeds' alphas: each setting is a replica of one
 * plan, all replicas read the same weights, and a fixed part of the data streams through them once.
 * Training is not touched: nothing but the parameters is read.
 */
import type { Experiment } from '../contracts/experiment.ts';
import { scheduleColumns } from '../engine/kernels/control.ts';
import type { DeviceBuffer, Executable } from '../engine/plan/backend.ts';
import { Graph } from '../engine/plan/graph.ts';
import { makePlan } from '../engine/plan/plan.ts';
import { numel } from '../engine/plan/shape.ts';
import {
  alphaColumns,
  batchOf,
  controlTensor,
  evaluationForward,
  type Topology,
} from '../kasmina/growing-network.ts';
import type { GraftedSeed } from '../kasmina/kasmina-layer.ts';
import { ControlBuffer } from './control-buffer.ts';
import type { NetworkRuntime, Split } from './network-runtime.ts';

/** Most settings of one pass; more of them are evaluated in several. */
export const MAX_POINTS = 128;
/** Most elements of one activation over all settings and rows of a batch. */
const MAX_ELEMENTS = 2 ** 22;
const MAX_BATCH = 256;

/** Alpha of each seed by its id; seeds that are not named are out (alpha 0). */
export type AlphaSetting = ReadonlyMap<string, number>;

/** Evaluates one topology; make a new one when it changes. */
export class AlphaEvaluator {
  /** Seeds whose alphas can be set: all of the topology. */
  readonly seeds: readonly GraftedSeed[];
  /** Rows of data a setting is evaluated on. */
  readonly rows: number;
  readonly points: number;
  #runtime: NetworkRuntime;
  #executable: Executable;
  #control: ControlBuffer;
  #metrics: DeviceBuffer;
  /** Weights of one replica of the run; null where the run has only one. */
  #weights: DeviceBuffer | null;
  #batches: number;

  private constructor(
    runtime: NetworkRuntime,
    seeds: readonly GraftedSeed[],
    points: number,
    rows: number,
    batches: number,
    made: {
      executable: Executable;
      control: ControlBuffer;
      metrics: DeviceBuffer;
      weights: DeviceBuffer | null;
    },
  ) {
    this.#runtime = runtime;
    this.seeds = seeds;
    this.points = points;
    this.rows = rows;
    this.#batches = batches;
    this.#executable = made.executable;
    this.#control = made.control;
    this.#metrics = made.metrics;
    this.#weights = made.weights;
  }

  /** @param points Settings of one pass, at most {@link MAX_POINTS}. */
  static async create(
    runtime: NetworkRuntime,
    experiment: Experiment,
    points: number,
    split: Split = 'validation',
  ): Promise<AlphaEvaluator> {
    const { arena, backend } = runtime;
    const seeds = runtime.topology.seeds.map(
      (seed, i): GraftedSeed => ({ ...seed, stage: 'BLENDING', alphaColumn: i + 1 }),
    );
    const topology = { ...runtime.topology, seeds };
    const data = runtime.dataOf(split);
    const perRow = widestRow(topology);
    const fitting = Math.floor(MAX_ELEMENTS / (points * perRow));
    const batch = Math.max(1, Math.min(data.size, MAX_BATCH, fitting));
    const batches = Math.ceil(data.size / batch);
    const graph = new Graph();
    const control = controlTensor(graph);
    const source = { size: data.size, batch, mode: 'sequential' } as const;
    const { x, labels } = batchOf(graph, control, topology.input, source);
    const { logits } = evaluationForward(graph, control, topology, x);
    const op = experiment.loss === 'mse' ? 'mse' : 'softmax_cross_entropy';
    const [rowStats] = graph.apply(op, [logits, labels], {}, 'loss');
    const table = graph.create('metrics', [4], { role: 'external', replicated: false });
    graph.apply('metrics_reduce', [rowStats!, control, table]);
    const plan = makePlan('alphas', graph, points, {}, { ...arenaOf(arena), shared: true });
    const columns = scheduleColumns(alphaColumns(seeds), 0);
    const noSeeds = new Array<number>(points).fill(0);
    const buffer = new ControlBuffer(backend, batches, columns, noSeeds);
    const metrics = backend.createBuffer('alpha_metrics', batches * points * 4);
    const weights =
      runtime.replicas > 1 ? backend.createBuffer('alpha_weights', arena.elements) : null;
    try {
      const executable = await backend.prepare(plan, {
        buffers: {
          ...arena.buffers,
          ...(weights ? { parameters: weights } : {}),
          control: buffer.buffer,
          metrics,
          dataset_x: data.x,
          dataset_y: data.y,
        },
        scheduleBase: buffer.scheduleBase,
        scheduleColumns: columns,
      });
      const made = { executable, control: buffer, metrics, weights };
      return new AlphaEvaluator(runtime, seeds, points, data.size, batches, made);
    } catch (error) {
      buffer.dispose();
      backend.destroyBuffer(metrics);
      if (weights) backend.destroyBuffer(weights);
      throw error;
    }
  }

  /** Mean loss over rows and over the run's replicas at each setting; NaN where it is not finite. */
  async losses(settings: readonly AlphaSetting[]): Promise<number[]> {
    const out = new Array<number>(settings.length).fill(0);
    for (let first = 0; first < settings.length; first += this.points) {
      const some = settings.slice(first, first + this.points);
      const table = Array.from({ length: this.points }, (_, i) =>
        this.#row(some[Math.min(i, some.length - 1)]!),
      );
      for (let r = 0; r < this.#runtime.replicas; r++) {
        const sums = await this.#pass(r, table);
        some.forEach((_, i) => {
          out[first + i]! += sums[i]! / this.#runtime.replicas;
        });
      }
    }
    return out;
  }

  #row(setting: AlphaSetting): number[] {
    return [1, ...this.seeds.map((seed) => setting.get(seed.seedId) ?? 0)];
  }

  /** Mean loss at each point of the table, for one replica of the run. */
  async #pass(replica: number, table: readonly (readonly number[])[]): Promise<number[]> {
    const { arena, backend } = this.#runtime;
    if (this.#weights) {
      const from = replica * arena.elements;
      backend.copy(arena.buffers.parameters, from, this.#weights, 0, arena.elements);
    }
    this.#control.writeByReplica(0, this.#batches, table);
    backend.run(this.#executable, this.#batches);
    const numbers = await backend.readFloats(this.#metrics, 0, this.#batches * this.points * 4);
    return table.map((_, p) => {
      let loss = 0;
      let count = 0;
      for (let b = 0; b < this.#batches; b++) {
        const at = (b * this.points + p) * 4;
        loss += numbers[at]! * numbers[at + 2]!;
        count += numbers[at + 2]!;
      }
      return loss / count;
    });
  }

  dispose(): void {
    const { backend } = this.#runtime;
    this.#executable.dispose();
    this.#control.dispose();
    backend.destroyBuffer(this.#metrics);
    if (this.#weights) backend.destroyBuffer(this.#weights);
  }
}

function arenaOf({ parameters, elements }: NetworkRuntime['arena']) {
  return { parameters, elements };
}

/** Stored elements of the largest activation of one row. */
function widestRow(topology: Topology): number {
  const graph = new Graph();
  const control = controlTensor(graph);
  const x = graph.create('x', [1, ...topology.input], { role: 'external' });
  evaluationForward(graph, control, topology, x);
  const sizes = graph.tensors.filter((t) => t.role === 'activation').map((t) => numel(t.padded));
  return Math.max(1, ...sizes);
}
