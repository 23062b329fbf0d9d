/** The logits of rows that are no part of the data, from replica 0 of a network. */
import { scheduleColumns } from '../engine/kernels/control.ts';
import type { Backend, DeviceBuffer, Executable } from '../engine/plan/backend.ts';
import { Graph } from '../engine/plan/graph.ts';
import { makePlan } from '../engine/plan/plan.ts';
import { numel, pack, padLast } from '../engine/plan/shape.ts';
import {
  alphaColumns,
  controlTensor,
  predictionForward,
  type Topology,
} from '../kasmina/growing-network.ts';
import { ControlBuffer } from './control-buffer.ts';
import { writeAlphas } from './network-plans.ts';
import type { TrainingArena } from './training-arena.ts';

/** Logits in storage order [rows, padded classes], and the padded number of classes. */
export interface Prediction {
  logits: Float32Array;
  stride: number;
}

export class Predictor {
  /** Rows of a call. */
  readonly rows: number;
  #backend: Backend;
  #input: readonly number[];
  #executable: Executable;
  #control: ControlBuffer;
  #x: DeviceBuffer;

  private constructor(
    backend: Backend,
    rows: number,
    input: readonly number[],
    made: { executable: Executable; control: ControlBuffer; x: DeviceBuffer },
  ) {
    this.#backend = backend;
    this.rows = rows;
    this.#input = input;
    this.#executable = made.executable;
    this.#control = made.control;
    this.#x = made.x;
  }

  /** @param seed Of replica 0. */
  static async create(
    backend: Backend,
    arena: TrainingArena,
    topology: Topology,
    rows: number,
    seed: number,
  ): Promise<Predictor> {
    const graph = new Graph();
    const tensor = controlTensor(graph);
    const input = graph.create('grid', [rows, ...topology.input], { role: 'external' });
    const { logits } = predictionForward(graph, tensor, topology, input);
    const { elements, parameters } = arena;
    const plan = makePlan('predict', graph, 1, { logits }, { parameters, elements });
    const columns = scheduleColumns(alphaColumns(topology.seeds), 0);
    const control = new ControlBuffer(backend, 1, columns, [seed]);
    const x = backend.createBuffer('grid', numel(input.padded));
    const executable = await backend.prepare(plan, {
      buffers: { ...arena.buffers, control: control.buffer, grid: x },
      scheduleBase: control.scheduleBase,
      scheduleColumns: columns,
    });
    return new Predictor(backend, rows, topology.input, { executable, control, x });
  }

  /**
   * @param values Row-major [rows, ...input].
   * @param alphas By column, as in a schedule row.
   */
  async predict(values: Float32Array, alphas: readonly number[]): Promise<Prediction> {
    const { rows } = this;
    const shape = [rows, ...this.#input];
    this.#backend.writeFloats(this.#x, pack(values, shape, padLast(shape, 1)));
    writeAlphas(this.#control, 1, alphas);
    this.#backend.run(this.#executable, 1);
    const logits = await this.#executable.readOutput('logits');
    const stride = this.#executable.plan.outputs['logits']!.padded[1]!;
    return { logits: logits.subarray(0, rows * stride), stride };
  }

  dispose(): void {
    this.#executable.dispose();
    this.#control.dispose();
    this.#backend.destroyBuffer(this.#x);
  }
}
