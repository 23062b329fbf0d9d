/**
 * A training step on one fixed batch: what the benchmarks time. The same layers, autodiff, fusion,
 * planner and kernels as in a run; only the gather is missing, and the loss advances the step.
 */
import { CONTROL, scheduleColumns } from '#shared/engine/kernels/control.ts';
import { differentiate } from '#shared/engine/plan/autodiff.ts';
import type { Backend, DeviceBuffer, Executable } from '#shared/engine/plan/backend.ts';
import { Graph, type Tensor } from '#shared/engine/plan/graph.ts';
import { layoutParameters, makePlan } from '#shared/engine/plan/plan.ts';
import { pack } from '#shared/engine/plan/shape.ts';
import { ControlBuffer } from '#shared/tolaria/control-buffer.ts';
import { fillRow } from '#shared/tolaria/schedule.ts';

const ADAM = { kind: 'adam', learningRate: 1e-3, beta1: 0.9, beta2: 0.999 } as const;
const OPTIMIZER = { ...ADAM, epsilon: 1e-8, weightDecay: 0 } as const;
/** Steps between two writes of the schedule. */
const CHUNK = 4096;
const COLUMNS = scheduleColumns(4, 1);

export interface FixedStepSpec {
  name: string;
  replicas: number;
  /** Logical shape of the batch, rows first. */
  input: readonly number[];
  classes: number;
  /** Builds the network and returns its logits. */
  model(graph: Graph, x: Tensor): Tensor;
  /** Logical values, all replicas the same. */
  x: Float32Array;
  labels: ArrayLike<number>;
  /** Logical values of a parameter. */
  parameter(name: string, shape: readonly number[]): Float32Array;
}

export class FixedStep {
  readonly executable: Executable;
  /** Step the next run will be. */
  step = 0;
  #backend: Backend;
  #control: ControlBuffer;
  #buffers: DeviceBuffer[];
  #metrics: DeviceBuffer;
  #replicas: number;
  #chunkStart = -CHUNK;

  private constructor(
    backend: Backend,
    executable: Executable,
    control: ControlBuffer,
    buffers: Record<string, DeviceBuffer>,
    replicas: number,
  ) {
    this.#backend = backend;
    this.executable = executable;
    this.#control = control;
    this.#buffers = Object.values(buffers);
    this.#metrics = buffers['metrics']!;
    this.#replicas = replicas;
  }

  static async create(backend: Backend, spec: FixedStepSpec): Promise<FixedStep> {
    const { replicas } = spec;
    const [batch] = spec.input as [number];
    const graph = new Graph();
    const external = (name: string, shape: readonly number[], words = false, padded = shape) =>
      graph.create(name, shape, {
        ...(words || padded !== shape ? { padded } : {}),
        ...{ role: 'external', dtype: words ? 'u32' : 'f32', replicated: false },
      });
    const x = external('x', spec.input);
    const labels = external('labels', [batch], true);
    const control = external('control', [CONTROL.seeds], true);
    const logits = spec.model(graph, x);
    const [rows, dLogits] = graph.apply('softmax_cross_entropy', [logits, labels, control]);
    const wanted = new Set(graph.parameters.map((p) => p.tensorId));
    differentiate(graph, new Map([[logits.id, dLogits!]]), wanted);
    const { elements } = layoutParameters(graph);
    const arena = (name: string) =>
      graph.create(name, [elements], { role: 'external', padded: [elements] });
    const state = ['parameters', 'gradients', 'moment1', 'moment2'];
    const groups = external('groups', [elements / 64], true);
    const metrics = external('metrics', [4]);
    const inputs = [...state.map(arena), groups, control, rows!, metrics];
    const { kind, beta1, beta2, epsilon } = OPTIMIZER;
    graph.apply('adam_update', inputs, { kind, beta1, beta2, epsilon, clipNorm: 0, alphas: 1 });
    const plan = makePlan(spec.name, graph, replicas);

    const seeds = Array.from({ length: replicas }, (_, r) => r + 1);
    const table = new ControlBuffer(backend, CHUNK, COLUMNS, seeds);
    const buffers: Record<string, DeviceBuffer> = {
      x: backend.createBuffer(
        'x',
        x.padded.reduce((a, b) => a * b, 1),
      ),
      labels: backend.createBuffer('labels', batch),
      groups: backend.createBuffer('groups', elements / 64),
      metrics: backend.createBuffer('metrics', CHUNK * replicas * 4),
    };
    for (const name of state) buffers[name] = backend.createBuffer(name, replicas * elements);
    backend.writeFloats(buffers['x']!, pack(spec.x, x.shape, x.padded));
    backend.writeWords(buffers['labels']!, Uint32Array.from(spec.labels));
    const values = new Float32Array(replicas * elements);
    for (const p of plan.parameters) {
      const packed = pack(spec.parameter(p.name, p.shape), p.shape, p.padded);
      for (let r = 0; r < replicas; r++) values.set(packed, r * elements + p.offset);
    }
    backend.writeFloats(buffers['parameters']!, values);
    const executable = await backend.prepare(plan, {
      buffers: { ...buffers, control: table.buffer },
      scheduleBase: table.scheduleBase,
      scheduleColumns: table.scheduleColumns,
    });
    return new FixedStep(backend, executable, table, buffers, replicas);
  }

  /** Submits `steps` steps; returns before the device is done. */
  submit(steps: number): void {
    for (let left = steps; left > 0; ) {
      if (this.step >= this.#chunkStart + CHUNK) this.#schedule();
      const now = Math.min(left, this.#chunkStart + CHUNK - this.step);
      this.#backend.run(this.executable, now);
      this.step += now;
      left -= now;
    }
  }

  #schedule(): void {
    const row = { alphas: [1], learningRate: ADAM.learningRate };
    const groups = [{ bornStep: 0 }];
    this.#chunkStart = this.step;
    this.#control.write(this.step, CHUNK, (out, at, step) =>
      fillRow(out, at, row, step, groups, OPTIMIZER),
    );
  }

  async run(steps: number): Promise<void> {
    this.submit(steps);
    await this.#backend.idle();
  }

  /** Trains step by step and reads the first replica's loss after each one. */
  async losses(steps: number): Promise<number[]> {
    const losses: number[] = [];
    for (let i = 0; i < steps; i++) {
      this.submit(1);
      const row = (this.step - 1 - this.#chunkStart) * this.#replicas * 4;
      losses.push((await this.#backend.readFloats(this.#metrics, row, 4))[0]!);
    }
    return losses;
  }

  dispose(): void {
    this.executable.dispose();
    this.#control.dispose();
    for (const buffer of this.#buffers) this.#backend.destroyBuffer(buffer);
  }
}
