/**
 * The standard workloads as plans on this engine, from data in channels-first order: matrix
 * products, a Linear layer, a convolution with its gradients, and three training steps. The ids,
 * sizes and data are those of the peers harness, so that its columns can stand beside ours.
 */
import type { Backend, DeviceBuffer, Executable } from '#shared/engine/plan/backend.ts';
import { Graph, type Tensor } from '#shared/engine/plan/graph.ts';
import { makePlan } from '#shared/engine/plan/plan.ts';
import { pack } from '#shared/engine/plan/shape.ts';
import { activation, conv2d, linear } from '#shared/nn/layers.ts';
import { FixedStep } from './fixed-step.ts';
import { permuted } from './permuted.ts';

/** Sizes of a workload; which are there depends on `kind`. */
export interface WorkloadSpec {
  kind: string;
  n?: number;
  b?: number;
  i?: number;
  o?: number;
  N?: number;
  C?: number;
  O?: number;
  H?: number;
  c1?: number;
  c2?: number;
  d?: number;
  dims?: readonly number[];
  inf?: boolean;
}

/** Parameters in order: weight, bias, weight, bias, … */
export interface WorkloadData {
  a?: Float32Array;
  b?: Float32Array;
  x?: Float32Array;
  w?: Float32Array;
  g?: Float32Array;
  y?: ArrayLike<number>;
  P?: readonly { shape: readonly number[]; v: Float32Array }[];
}

/** A workload ready to run. */
export interface Workload {
  executable: Executable;
  dispatches: number;
  /** `n` iterations, resolved when the device is done. */
  run(n: number): Promise<void>;
  /** `n` training steps, the loss read back after every one. */
  runLoss?(n: number): Promise<number[]>;
  /** A few outputs, or the losses of the first five steps; to be called first. */
  check(): Promise<number[]>;
  dispose(): void;
}

/** Null: not a workload that this engine's column has. */
export async function openWorkload(
  backend: Backend,
  spec: WorkloadSpec,
  data: WorkloadData,
): Promise<Workload | null> {
  if (spec.inf) return null;
  switch (spec.kind) {
    case 'mm':
    case 'lin':
      return await dense(backend, spec, data);
    case 'conv':
    case 'convfb':
      return await convolution(backend, spec, data);
    case 'mlp':
    case 'cnn':
      return await training(backend, spec, data);
    default:
      return null;
  }
}

/** A plan without parameters: external inputs by name, with their logical values. */
class Product {
  readonly graph = new Graph();
  #backend: Backend;
  #buffers: Record<string, DeviceBuffer> = {};

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  input(name: string, shape: readonly number[], values: Float32Array): Tensor {
    const t = this.graph.create(name, shape, { role: 'external', replicated: false });
    const packed = pack(values, t.shape, t.padded);
    this.#buffers[name] = this.#backend.createBuffer(name, packed.length);
    this.#backend.writeFloats(this.#buffers[name]!, packed);
    return t;
  }

  /** @param checked First element of the first output and last element of the last. */
  async open(name: string, outputs: readonly Tensor[], last: number): Promise<Workload> {
    const backend = this.#backend;
    const named = Object.fromEntries(outputs.map((t, i) => [String(i), t]));
    const plan = makePlan(name, this.graph, 1, named);
    const bindings = { buffers: this.#buffers, scheduleBase: 12, scheduleColumns: 4 };
    const executable: Executable = await backend.prepare(plan, bindings);
    return {
      executable,
      dispatches: executable.dispatchCount,
      async run(n) {
        backend.run(executable, n);
        await backend.idle();
      },
      async check() {
        backend.run(executable, 1);
        const first = await executable.readOutput('0');
        const end = await executable.readOutput(String(last));
        return [first[0]!, end.at(-1)!];
      },
      dispose: () => {
        executable.dispose();
        for (const buffer of Object.values(this.#buffers)) backend.destroyBuffer(buffer);
      },
    };
  }
}

async function dense(backend: Backend, s: WorkloadSpec, d: WorkloadData): Promise<Workload> {
  const p = new Product(backend);
  const [rows, inner, columns] = s.kind === 'mm' ? [s.n!, s.n!, s.n!] : [s.b!, s.i!, s.o!];
  const x = p.input('x', [rows, inner], (s.kind === 'mm' ? d.a : d.x)!);
  const w = p.input('w', [inner, columns], (s.kind === 'mm' ? d.b : d.w)!);
  const bias = s.kind === 'lin' ? [p.input('bias', [columns], d.b!)] : [];
  return await p.open(s.kind, [p.graph.one('linear', [x, w, ...bias])], 0);
}

async function convolution(backend: Backend, s: WorkloadSpec, d: WorkloadData): Promise<Workload> {
  const [n, c, o, h] = [s.N!, s.C!, s.O!, s.H!];
  const p = new Product(backend);
  const x = p.input('x', [n, h, h, c], permuted(d.x!, [n, c, h, h], [0, 2, 3, 1]));
  const w = p.input('w', [3, 3, c, o], permuted(d.w!, [o, c, 3, 3], [2, 3, 1, 0]));
  const attrs = { stride: 1, padding: 1 };
  const y = p.graph.one('conv2d', [x, w], attrs);
  if (s.kind === 'conv') return await p.open('conv', [y], 0);
  const dy = p.input('dy', [n, h, h, o], permuted(d.g!, [n, o, h, h], [0, 2, 3, 1]));
  const dx = p.graph.one('conv2d_grad_input', [dy, w], { ...attrs, height: h, width: h });
  const partials = Math.min(8, n);
  const kernel = { kernelHeight: 3, kernelWidth: 3, partials };
  const partial = p.graph.one('conv2d_grad_weight', [x, dy], { ...attrs, ...kernel });
  const [dw, db] = p.graph.apply('reduce_partials', [partial], { ...kernel, bias: true });
  return await p.open('conv', [dx, dw!, db!, y], 1);
}

/** Logical values of a parameter, from channels-first order. */
type ParameterValues = (name: string) => Float32Array;

async function training(backend: Backend, s: WorkloadSpec, d: WorkloadData): Promise<Workload> {
  const mlp = s.kind === 'mlp';
  const dims = mlp ? s.dims! : [];
  const classes = mlp ? dims.at(-1)! : s.o!;
  const step = await FixedStep.create(backend, {
    name: s.kind,
    replicas: 1,
    input: mlp ? [s.b!, dims[0]!] : [s.b!, s.H!, s.H!, 1],
    classes,
    x: d.x!,
    labels: d.y!,
    model: mlp ? (g, x) => mlpModel(g, x, dims) : (g, x) => cnnModel(g, x, s),
    parameter: parametersOf(s, d),
  });
  return {
    executable: step.executable,
    dispatches: step.executable.dispatchCount,
    run: (n) => step.run(n),
    runLoss: (n) => step.losses(n),
    check: () => step.losses(5),
    dispose: () => step.dispose(),
  };
}

export function mlpModel(graph: Graph, x: Tensor, dims: readonly number[]): Tensor {
  let h = x;
  for (let i = 1; i < dims.length; i++) {
    h = linear(graph, h, `fc${i}`, dims[i]!);
    if (i + 1 < dims.length) h = activation(graph, h, 'relu');
  }
  return h;
}

function cnnModel(graph: Graph, x: Tensor, s: WorkloadSpec): Tensor {
  const window = { stride: 1, padding: 1 };
  const pool = { size: 2, stride: 2 };
  const c1 = activation(graph, conv2d(graph, x, 'conv1', s.c1!, 3, window), 'relu');
  const p1 = graph.one('max_pool', [c1], pool, 'pool1');
  const c2 = activation(graph, conv2d(graph, p1, 'conv2', s.c2!, 3, window), 'relu');
  const p2 = graph.one('max_pool', [c2], pool, 'pool2');
  const h = activation(graph, linear(graph, p2, 'fc1', s.d!), 'relu');
  return linear(graph, h, 'fc2', s.o!);
}

function parametersOf(s: WorkloadSpec, d: WorkloadData): ParameterValues {
  const at = (i: number) => d.P![i]!.v;
  if (s.kind === 'mlp') {
    return (name) => {
      const layer = Number(name.match(/^fc(\d+)\./)![1]) - 1;
      return at(2 * layer + (name.endsWith('.bias') ? 1 : 0));
    };
  }
  const convWeight = (i: number, outputs: number, inputs: number) =>
    permuted(at(i), [outputs, inputs, 3, 3], [2, 3, 1, 0]);
  const values: Record<string, Float32Array> = {
    'conv1.weight': convWeight(0, s.c1!, 1),
    'conv1.bias': at(1),
    'conv2.weight': convWeight(2, s.c2!, s.c1!),
    'conv2.bias': at(3),
    'fc1.weight': permuted(at(4), [s.c2!, s.H! / 4, s.H! / 4, s.d!], [1, 2, 0, 3]),
    'fc1.bias': at(5),
    'fc2.weight': at(6),
    'fc2.bias': at(7),
  };
  return (name) => values[name]!;
}
