/**
 * Many networks of one shape, trained in the same dispatches by a graph of the caller's making: what
 * the suites need that the trainer does not offer (targets that are no classes, objectives of their
 * own). Everything else is the engine's: autodiff, planner, kernels, optimizer, replica axis.
 */
import type { OptimizerSpec } from '../../contracts/experiment.ts';
import { CONTROL, scheduleColumns } from '../../engine/kernels/control.ts';
import type { Backend, DeviceBuffer, Executable } from '../../engine/plan/backend.ts';
import { Graph, type Tensor } from '../../engine/plan/graph.ts';
import { makePlan } from '../../engine/plan/plan.ts';
import {
  addOptimizer,
  alphaColumns,
  batchOf,
  controlTensor,
} from '../../kasmina/growing-network.ts';
import type { GraftedSeed } from '../../kasmina/kasmina-layer.ts';
import { ControlBuffer } from '../../tolaria/control-buffer.ts';
import type { DeviceData } from '../../tolaria/device-data.ts';
import { fillRow, type ParameterGroup } from '../../tolaria/schedule.ts';
import { type NamedTensors, TrainingArena } from '../../tolaria/training-arena.ts';
import { planFlops } from '../flops.ts';

/** Steps between two writes of the schedule table. */
const CHUNK = 50;
/** Rows evaluated at a time; what the last batch has too many does not count. */
const EVALUATION_ROWS = 250;

export interface StepGraph {
  /** Row statistics of the loss, [B, 4]; for objectives without one, {@link noStatistics}. */
  rowStats: Tensor;
}

export interface ReplicaNetOptions {
  backend: Backend;
  /** One for each network; data order and first values derive from it. */
  seeds: readonly number[];
  optimizer: OptimizerSpec;
  /** Buffers of the graph's external tensors, by name. */
  externals: Readonly<Record<string, DeviceBuffer>>;
  /** Seeds of the graph that are blended in at full weight. @default {none} */
  grafts?: readonly GraftedSeed[];
  /** Adds forward, loss and gradients of one step. */
  build(graph: Graph, control: Tensor): StepGraph;
}

/** Row statistics for an objective that reports none; bind a zeroed buffer named `no_rows`. */
export function noStatistics(graph: Graph): Tensor {
  return graph.create('no_rows', [4, 4], { role: 'external', padded: [4, 4] });
}

/** Host and seeds. Suites with seeds train by plain SGD, to which the age of a group is nothing. */
function groupsOf({ grafts = [] }: ReplicaNetOptions): ParameterGroup[] {
  return [null, ...grafts].map(() => ({ bornStep: 0 }));
}

export class ReplicaNet {
  readonly arena: TrainingArena;
  readonly backend: Backend;
  readonly seeds: readonly number[];
  /** Operations of one step of one network. */
  readonly flopsPerStep: number;
  #optimizer: OptimizerSpec;
  #groups: readonly ParameterGroup[];
  #alphas: readonly number[];
  #executable: Executable;
  #control: ControlBuffer;
  #metrics: DeviceBuffer;

  private constructor(
    options: ReplicaNetOptions,
    arena: TrainingArena,
    executable: Executable,
    control: ControlBuffer,
    metrics: DeviceBuffer,
  ) {
    this.backend = options.backend;
    this.seeds = options.seeds;
    this.arena = arena;
    this.flopsPerStep = planFlops(executable.plan);
    this.#optimizer = options.optimizer;
    this.#groups = groupsOf(options);
    this.#alphas = new Array<number>(alphaColumns(options.grafts ?? [])).fill(1);
    this.#executable = executable;
    this.#control = control;
    this.#metrics = metrics;
  }

  static async create(options: ReplicaNetOptions): Promise<ReplicaNet> {
    const { backend, build, externals, grafts = [], optimizer, seeds } = options;
    const graph = new Graph();
    const control = controlTensor(graph);
    const { rowStats } = build(graph, control);
    const training = { graph, control, rowStats } as Parameters<typeof addOptimizer>[0];
    const layout = addOptimizer(training, optimizer, grafts);
    const plan = makePlan('train', graph, seeds.length);
    const arena = new TrainingArena(backend, layout, seeds.length);
    const columns = scheduleColumns(alphaColumns(grafts), groupsOf(options).length);
    const buffer = new ControlBuffer(backend, CHUNK, columns, seeds);
    const metrics = backend.createBuffer('metrics', CHUNK * seeds.length * 4);
    const executable = await backend.prepare(plan, {
      buffers: { ...arena.buffers, ...externals, control: buffer.buffer, metrics },
      scheduleBase: buffer.scheduleBase,
      scheduleColumns: columns,
    });
    arena.initialise(seeds);
    return new ReplicaNet(options, arena, executable, buffer, metrics);
  }

  /**
   * Trains from step `first` to before `end`.
   *
   * @param onStep Told of every fiftieth step.
   *
   * @throws {Error} If a gradient was not finite.
   */
  async train(
    first: number,
    end: number,
    stop?: AbortSignal,
    onStep?: (step: number) => void,
  ): Promise<void> {
    for (let step = first; step < end && !stop?.aborted; step += CHUNK) {
      const steps = Math.min(CHUNK, end - step);
      this.#control.write(step, steps, (out, at, s) => {
        const row = { alphas: this.#alphas, learningRate: this.#optimizer.learningRate };
        fillRow(out, at, row, s, this.#groups, this.#optimizer);
      });
      onStep?.(step);
      this.backend.run(this.#executable, steps);
      const words = await this.backend.readWords(this.#control.buffer, 0, CONTROL.seeds);
      if (words[CONTROL.fault] !== 0) {
        throw new Error(
          `Cannot go on: a gradient was not finite at step ${words[CONTROL.fault]! - 1}`,
        );
      }
    }
  }

  /** Parameters and moments by name, as an arena exports them. */
  export(): Promise<NamedTensors> {
    return this.arena.exportTensors();
  }

  /** Values of one parameter, all networks, [R][...shape] row-major. */
  async read(name: string): Promise<Float32Array<ArrayBuffer>> {
    const tensors = await this.export();
    const found = tensors.get(name);
    if (!found) throw new RangeError(`Cannot read parameter "${name}": there is none`);
    return found.data;
  }

  /** Replaces parameters by name; their moments stay. */
  async write(values: Readonly<Record<string, Float32Array<ArrayBuffer>>>): Promise<void> {
    const tensors = await this.arena.exportTensors();
    for (const [name, data] of Object.entries(values)) {
      const known = tensors.get(name);
      if (!known) throw new RangeError(`Cannot write parameter "${name}": there is none`);
      tensors.set(name, { shape: known.shape, data });
    }
    this.arena.importTensors(tensors);
  }

  /**
   * Accuracy of each network on a part of the data.
   *
   * @param build Adds the forward pass; x [batch, ...input].
   */
  async accuracy(
    data: DeviceData,
    input: readonly number[],
    build: (graph: Graph, x: Tensor) => Tensor,
  ): Promise<number[]> {
    const { arena, backend, seeds } = this;
    const graph = new Graph();
    const control = controlTensor(graph);
    const batch = Math.min(data.size, EVALUATION_ROWS);
    const batches = Math.ceil(data.size / batch);
    const { x, labels } = batchOf(graph, control, input, {
      ...{ size: data.size, batch, mode: 'sequential' },
    });
    const [rowStats] = graph.apply('softmax_cross_entropy', [build(graph, x), labels], {}, 'loss');
    const table = graph.create('metrics', [4], { role: 'external', replicated: false });
    graph.apply('metrics_reduce', [rowStats!, control, table]);
    const plan = makePlan('evaluate', graph, seeds.length, {}, arena);
    const columns = scheduleColumns(4, 0);
    const buffer = new ControlBuffer(backend, batches, columns, seeds);
    const metrics = backend.createBuffer('metrics', batches * seeds.length * 4);
    const executable = await backend.prepare(plan, {
      buffers: {
        ...arena.buffers,
        ...{ control: buffer.buffer, metrics, dataset_x: data.x, dataset_y: data.y },
      },
      scheduleBase: buffer.scheduleBase,
      scheduleColumns: columns,
    });
    buffer.write(0, batches, (out, at) => {
      out[at] = 1;
    });
    backend.run(executable, batches);
    const rows = await backend.readFloats(metrics, 0, batches * seeds.length * 4);
    executable.dispose();
    buffer.dispose();
    backend.destroyBuffer(metrics);
    return seeds.map((_, r) => {
      let correct = 0;
      for (let i = 0; i < batches; i++) correct += rows[(i * seeds.length + r) * 4 + 1]!;
      return correct / data.size;
    });
  }

  dispose(): void {
    this.#executable.dispose();
    this.#control.dispose();
    this.backend.destroyBuffer(this.#metrics);
    this.arena.dispose();
  }
}
