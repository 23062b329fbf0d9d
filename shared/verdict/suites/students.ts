/** The student-teacher task and its students as replicas of one network. */
import { RandomStream } from '../../base/random.ts';
import { differentiate } from '../../engine/plan/autodiff.ts';
import type { Backend, DeviceBuffer } from '../../engine/plan/backend.ts';
import type { Graph } from '../../engine/plan/graph.ts';
import { roundUp } from '../../engine/plan/shape.ts';
import { noStatistics, ReplicaNet } from './replica-net.ts';
import { FEATURES, type Student, type Task } from './student-teacher-growth.ts';

const ROWS = 1000;
/** Units of the widest student. */
export const FULL = 10;
/** Students of each teacher. */
export const REPEATS = 3;
const SGD = { kind: 'sgd', learningRate: 0.1, momentum: 0, weightDecay: 0 } as const;
/**
 * Added to every pre-activation. At a pre-activation of exactly 0 the source's ReLU lets the gradient
 * through and ours does not; a new unit without input weights would stay dead for ever.
 */
const ABOVE_ZERO = 1e-30;

/** One teacher and one set of first values; arms of a pair start from the same student. */
export interface Pair {
  teacher: number;
  task: Task;
  seed: number;
}

export function pairsOf(teachers: number): Pair[] {
  const random = new RandomStream(1, 'student-teacher/inputs');
  const x = Array.from({ length: ROWS }, () =>
    Float64Array.from({ length: FEATURES }, () => Math.fround(random.normal())),
  );
  return Array.from({ length: teachers }, (_, t) => {
    const weights = new RandomStream(t + 1, 'student-teacher/teacher');
    const matrix = () =>
      Array.from({ length: FEATURES }, () =>
        Array.from({ length: FEATURES }, () => 2 * weights.uniform() - 1),
      );
    const teacher: Student = { fanIn: matrix(), fanOut: matrix() };
    const y = x.map((row) => forward(teacher, row));
    return Array.from({ length: REPEATS }, (_r, r) => ({
      teacher: t,
      task: { x, y },
      seed: 1000 * (t + 1) + r,
    }));
  }).flat();
}

function forward({ fanIn, fanOut }: Student, row: Float64Array): Float64Array {
  const out = new Float64Array(FEATURES);
  for (let u = 0; u < fanOut.length; u++) {
    let z = 0;
    for (let f = 0; f < FEATURES; f++) z += row[f]! * fanIn[f]![u]!;
    if (z > 0) for (let o = 0; o < FEATURES; o++) out[o]! += z * fanOut[u]![o]!;
  }
  return out.map(Math.fround);
}

/** Students of one width, trained together. */
export class Students {
  #backend: Backend;
  #pairs: readonly Pair[];
  #externals: Record<string, DeviceBuffer> = {};
  #net: ReplicaNet | null = null;
  #units = 0;

  constructor(backend: Backend, pairs: readonly Pair[]) {
    this.#backend = backend;
    this.#pairs = pairs;
    const stride = roundUp(FEATURES, 4);
    const upload = (name: string, rows: readonly Float64Array[], sign: number) => {
      const data = new Float32Array(rows.length * stride);
      rows.forEach((row, i) => {
        for (let f = 0; f < FEATURES; f++) data[i * stride + f] = sign * row[f]!;
      });
      const buffer = backend.createBuffer(name, data.length);
      backend.writeFloats(buffer, data);
      this.#externals[name] = buffer;
    };
    upload('x', pairs[0]!.task.x, 1);
    upload(
      'negative_targets',
      pairs.flatMap((p) => p.task.y),
      -1,
    );
    const zeroed = (name: string, size: number, value = 0) => {
      const buffer = backend.createBuffer(name, size);
      backend.writeFloats(buffer, new Float32Array(size).fill(value));
      this.#externals[name] = buffer;
    };
    zeroed('no_rows', 16 * pairs.length);
    // As large as the widest student needs; narrower ones read its beginning.
    zeroed('above_zero', pairs.length * ROWS * roundUp(FULL, 4), ABOVE_ZERO);
  }

  /** Makes the networks of `units` hidden units; `students` are their values, absent: first ones. */
  async resize(units: number, students?: readonly Student[]): Promise<void> {
    const old = this.#net;
    this.#units = units;
    this.#net = await ReplicaNet.create({
      backend: this.#backend,
      seeds: this.#pairs.map((p) => p.seed),
      optimizer: SGD,
      externals: this.#externals,
      build: (graph) => buildStep(graph, units),
    });
    old?.dispose();
    if (!students) return;
    await this.#net.write({
      fan_in: Float32Array.from(students.flatMap((s) => s.fanIn.flat())),
      fan_out: Float32Array.from(students.flatMap((s) => s.fanOut.flat())),
    });
  }

  train(
    first: number,
    end: number,
    stop: AbortSignal,
    onStep: (step: number) => void,
  ): Promise<void> {
    return this.#net!.train(first, end, stop, onStep);
  }

  async read(): Promise<Student[]> {
    const fanIn = await this.#net!.read('fan_in');
    const fanOut = await this.#net!.read('fan_out');
    const units = this.#units;
    const rows = (data: Float32Array, at: number, n: number, width: number) =>
      Array.from({ length: n }, (_, i) => [...data.subarray(at + i * width, at + (i + 1) * width)]);
    return this.#pairs.map((_, r) => ({
      fanIn: rows(fanIn, r * FEATURES * units, FEATURES, units),
      fanOut: rows(fanOut, r * FEATURES * units, units, FEATURES),
    }));
  }

  dispose(): void {
    this.#net?.dispose();
    for (const buffer of Object.values(this.#externals)) this.#backend.destroyBuffer(buffer);
  }
}

/** y = relu(x W1 + tiny) W2, loss = mean over rows and outputs of (y - target)^2. */
function buildStep(graph: Graph, units: number) {
  const shared = { role: 'external', replicated: false } as const;
  const x = graph.create('x', [ROWS, FEATURES], shared);
  const targets = graph.create('negative_targets', [ROWS, FEATURES], { role: 'external' });
  const aboveZero = graph.create('above_zero', [ROWS, units], { role: 'external' });
  const w1 = graph.parameter('fan_in', [FEATURES, units], 2, {
    ...{ kind: 'xavier', fanIn: FEATURES, fanOut: units },
  });
  const w2 = graph.parameter('fan_out', [units, FEATURES], 2, {
    ...{ kind: 'xavier', fanIn: units, fanOut: FEATURES },
  });
  const product = graph.one('linear', [x, w1], {}, 'product');
  const z = graph.one('add', [product, aboveZero], {}, 'z');
  const h = graph.one('activation', [z], { kind: 'relu' }, 'h');
  const y = graph.one('linear', [h, w2], {}, 'y');
  const error = graph.one('add', [y, targets], {}, 'error');
  const dy = graph.one('scale', [error], { factor: 2 / (ROWS * FEATURES) }, 'dy');
  differentiate(graph, new Map([[y.id, dy]]), new Set([w1.id, w2.id]));
  return { rowStats: noStatistics(graph) };
}
