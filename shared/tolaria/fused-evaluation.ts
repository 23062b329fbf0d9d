/**
 * One network at many settings in one plan: each setting is a replica with its own alphas and, where
 * wanted, its own weights; a fixed part of the data streams through all of them once. Nothing that
 * trains is written.
 */
import type { Experiment } from '../contracts/experiment.ts';
import { scheduleColumns } from '../engine/kernels/control.ts';
import type { DeviceBuffer, Executable } from '../engine/plan/backend.ts';
import { Graph } from '../engine/plan/graph.ts';
import { makePlan, type PlannedParameter } from '../engine/plan/plan.ts';
import { numel } from '../engine/plan/shape.ts';
import {
  alphaColumns,
  batchOf,
  controlTensor,
  evaluationForward,
  type Topology,
} from '../kasmina/growing-network.ts';
import { addLoss, targetsOf } from '../nn/losses.ts';
import { normStates } from '../nn/norm-layers.ts';
import { ControlBuffer } from './control-buffer.ts';
import type { NetworkRuntime, Split } from './network-runtime.ts';

/** Most settings of one pass; more of them are evaluated in several. */
export const MAX_POINTS = 128;
/** Most elements of one activation over all settings and rows of a batch. */
const MAX_ELEMENTS = 2 ** 22;
const MAX_BATCH = 256;

export interface FusedOptions {
  topology: Topology;
  /** Settings of one pass, at most {@link MAX_POINTS}. */
  points: number;
  split: Split;
  /** `shared`: all settings read the weights of one replica; `own`: each has a copy of its own. */
  weights: 'shared' | 'own';
}

interface Made {
  executable: Executable;
  control: ControlBuffer;
  metrics: DeviceBuffer;
  /** The weights that are read; null: those of the run itself. */
  weights: DeviceBuffer | null;
  /** Running statistics of one replica, where the run's own are those of several. */
  states: Readonly<Record<string, DeviceBuffer>>;
}

export class FusedEvaluation {
  /** Rows of data that each setting is evaluated on. */
  readonly rows: number;
  readonly points: number;
  readonly weights: DeviceBuffer | null;
  readonly #runtime: NetworkRuntime;
  readonly #made: Made;
  readonly #batches: number;

  private constructor(
    runtime: NetworkRuntime,
    points: number,
    rows: number,
    batches: number,
    made: Made,
  ) {
    this.#runtime = runtime;
    this.points = points;
    this.rows = rows;
    this.#batches = batches;
    this.#made = made;
    this.weights = made.weights;
  }

  static async create(
    runtime: NetworkRuntime,
    experiment: Experiment,
    { points, split, topology, weights: mode }: FusedOptions,
  ): Promise<FusedEvaluation> {
    const { arena, backend } = runtime;
    const data = runtime.dataOf(split);
    const fitting = Math.floor(MAX_ELEMENTS / (points * widestRow(topology)));
    const batch = Math.max(1, Math.min(data.size, MAX_BATCH, fitting));
    const batches = Math.ceil(data.size / batch);
    const graph = new Graph();
    const control = controlTensor(graph);
    const source = { ...data.rows, batch, mode: 'sequential' } as const;
    const { x, labels } = batchOf(graph, control, topology.input, source);
    const { logits } = evaluationForward(graph, control, topology, x);
    const { rows } = addLoss(graph, experiment.loss, logits, targetsOf(graph, logits, x, labels));
    const table = graph.create('metrics', [4], { role: 'external', replicated: false });
    graph.apply('metrics_reduce', [rows, control, table]);
    const states = normStates(graph);
    // All settings read the running statistics of one replica.
    for (const t of graph.tensors) if (states.some((s) => s.name === t.name)) t.replicated = false;
    const { parameters, elements } = arena;
    const plan =
      mode === 'shared'
        ? makePlan('alphas', graph, points, {}, { parameters, elements, shared: true })
        : makePlan('candidates', graph, points);
    const columns = scheduleColumns(alphaColumns(topology.seeds), 0);
    const noSeeds = new Array<number>(points).fill(0);
    const made: Omit<Made, 'executable'> = {
      control: new ControlBuffer(backend, batches, columns, noSeeds),
      metrics: backend.createBuffer('fused_metrics', batches * points * 4),
      weights:
        mode === 'own'
          ? backend.createBuffer('fused_weights', points * plan.parameterElements)
          : runtime.replicas > 1
            ? backend.createBuffer('fused_weights', elements)
            : null,
      states: Object.fromEntries(
        states
          .filter(() => runtime.replicas > 1)
          .map((s) => [s.name, backend.createBuffer(`fused_${s.name}`, numel(s.padded))]),
      ),
    };
    try {
      const executable = await backend.prepare(plan, {
        buffers: {
          ...arena.buffers,
          ...made.states,
          ...(made.weights ? { parameters: made.weights } : {}),
          control: made.control.buffer,
          metrics: made.metrics,
          ...data.buffers,
        },
        scheduleBase: made.control.scheduleBase,
        scheduleColumns: columns,
      });
      return new FusedEvaluation(runtime, points, data.size, batches, { ...made, executable });
    } catch (error) {
      free(runtime, made);
      throw error;
    }
  }

  /** Goes on with the running statistics of another replica. */
  loadStates(replica: number): void {
    const { arena, backend } = this.#runtime;
    for (const [name, state] of Object.entries(this.#made.states)) {
      backend.copy(arena.buffers[name]!, replica * state.elements, state, 0, state.elements);
    }
  }

  /** Layout of the weights of one setting, where each has its own. */
  get layout(): { parameters: readonly PlannedParameter[]; elements: number } {
    const { parameters, parameterElements } = this.#made.executable.plan;
    return { parameters, elements: parameterElements };
  }

  /** Mean loss over the rows at each setting. @param alphas By setting, then by column. */
  async losses(alphas: readonly (readonly number[])[]): Promise<number[]> {
    const { backend } = this.#runtime;
    const { control, executable, metrics } = this.#made;
    control.writeRows(0, this.#batches, (out, at, _step, r) => out.set(alphas[r]!, at));
    backend.run(executable, this.#batches);
    const numbers = await backend.readFloats(metrics, 0, this.#batches * this.points * 4);
    return alphas.map((_, p) => {
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
    this.#made.executable.dispose();
    free(this.#runtime, this.#made);
  }
}

function free({ backend }: NetworkRuntime, made: Omit<Made, 'executable'>): void {
  made.control.dispose();
  backend.destroyBuffer(made.metrics);
  if (made.weights) backend.destroyBuffer(made.weights);
  for (const state of Object.values(made.states)) backend.destroyBuffer(state);
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
