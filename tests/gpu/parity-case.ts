/**
 * A parity case as data: a graph, the numbers that go in, and how close a backend must come to the
 * float64 reference. The graph goes through shapes, autodiff, fusion and the memory planner, so a
 * case covers those too.
 */
import { RandomStream } from '../../shared/base/random.ts';
import {
  CONTROL,
  controlWords,
  scheduleBase,
  scheduleColumns,
} from '../../shared/engine/kernels/control.ts';
import { Graph, type Tensor } from '../../shared/engine/plan/graph.ts';
import type { Numerics } from '../../shared/engine/plan/numerics.ts';
import { numel, pack, roundUp } from '../../shared/engine/plan/shape.ts';

/**
 * `exact`: the float32 nearest to the reference, bit for bit. `relative`: the largest deviation is
 * at most `factor` float32 epsilons (2^-23) of the largest magnitude in the reference's result.
 */
export type Tolerance = { kind: 'exact' } | { kind: 'relative'; factor: number };

export const EXACT: Tolerance = { kind: 'exact' };
export const relative = (factor: number): Tolerance => ({ kind: 'relative', factor });

export interface ParityCase {
  /** Path-like, unique, for example `linear/9x7x17/relu`. */
  readonly name: string;
  readonly tolerance: Tolerance;
  /** One seed per replica. @default {[1]} */
  readonly seeds?: readonly number[];
  /** Runs of the plan. @default {1} */
  readonly steps?: number;
  /** Buffers compared after the run besides the outputs: gradients, parameters, metrics, … */
  readonly buffers?: readonly string[];
  /** Buffers compared bit for bit against the reference's words: control. */
  readonly words?: readonly string[];
  /** Numeric class of the products. @default {'f32'} */
  readonly numerics?: Numerics;
  /** Check gradients by central differences of the loss; the graph has an output `rows`. */
  readonly differences?: boolean;
  /** Each replica must equal, bit for bit, a run of its seed alone. */
  readonly twins?: boolean;
  /**
   * The same network without its seed: logits and the gradients of the parameters that both have
   * must be equal to the last bit.
   */
  readonly host?: ParityCase['build'];
  /** Builds the graph; returns the tensors to compare, by name. */
  build(b: CaseBuilder): Record<string, Tensor>;
}

/** Value of an element from its index in logical order and a source of random numbers. */
export type Fill = (random: RandomStream, index: number) => number;

export const normal: Fill = (random) => random.normal();
export const constant =
  (value: number): Fill =>
  () =>
    value;
/** Small integers, so that equal neighbours are frequent. */
export const integers =
  (n: number): Fill =>
  (random) =>
    random.integer(n);

/** A schedule row: blend weights, then the numbers of each parameter group. */
export interface ScheduleRow {
  alphas?: readonly number[];
  /** Per group: learning rate, 1 / (1 - beta1^age), 1 / (1 - beta2^age), weight decay. */
  groups?: readonly (readonly [number, number, number, number])[];
}

export interface ControlOptions {
  /** Step the first run will be. @default {0} */
  step?: number;
  /** Step that was the last one. @default {step} */
  current?: number;
  /** Rows of the schedule and of the metrics table. @default {1} */
  chunk?: number;
  /** Row of a step; may differ by replica through its seed. */
  row?: (step: number, seed: number) => ScheduleRow;
}

export class CaseBuilder {
  readonly graph = new Graph();
  readonly seeds: readonly number[];
  /** Contents of the external buffers, all replicas, by name. */
  readonly data = new Map<string, Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>();
  readonly fills = new Map<string, Fill>();
  columns = 4;

  constructor(seeds: readonly number[]) {
    this.seeds = seeds;
  }

  #external(
    name: string,
    shape: readonly number[],
    values: (seed: number) => ArrayLike<number>,
    options: { dtype?: 'f32' | 'u32'; padded?: readonly number[]; replicated?: boolean },
  ): Tensor {
    const t = this.graph.create(name, shape, { ...options, role: 'external' });
    const size = numel(t.padded);
    const owners = t.replicated ? this.seeds : [0];
    const all =
      t.dtype === 'u32'
        ? new Uint32Array(size * owners.length)
        : new Float32Array(size * owners.length);
    owners.forEach((seed, r) => {
      const own = values(seed);
      all.set(t.dtype === 'u32' ? own : pack(own, shape, t.padded), r * size);
    });
    this.data.set(name, all);
    return t;
  }

  /** Floats of every replica's own, such as an activation that a previous layer left. */
  input(name: string, shape: readonly number[], fill: Fill = normal): Tensor {
    return this.#external(name, shape, (seed) => draw(seed, name, shape, fill), {});
  }

  /** Floats that all replicas read. */
  shared(name: string, shape: readonly number[], fill: Fill = normal): Tensor {
    const values = (seed: number) => draw(seed, name, shape, fill);
    return this.#external(name, shape, values, { replicated: false });
  }

  /** Words that all replicas read. */
  words(name: string, shape: readonly number[], values: readonly number[]): Tensor {
    const options = { dtype: 'u32', padded: shape, replicated: false } as const;
    return this.#external(name, shape, () => values, options);
  }

  /** One class per row, of every replica's own. @param last Label of the last row. */
  labels(batch: number, classes: number, last?: number): Tensor {
    const values = (seed: number) => {
      const own = draw(seed, 'labels', [batch], integers(classes));
      if (last !== undefined) own[batch - 1] = last;
      return own;
    };
    return this.#external('labels', [batch], values, { dtype: 'u32', padded: [batch] });
  }

  /**
   * A weight [...inputs, outputs], drawn with variance 1 / inputs.
   *
   * @param paddedAxes 1 for the weight of a convolution with groups.
   */
  weight(name: string, shape: readonly number[], group = 0, paddedAxes: 1 | 2 = 2): Tensor {
    const fanIn = numel(shape.slice(0, -1));
    const init = { kind: 'xavier', fanIn, fanOut: 1 } as const;
    this.fills.set(name, (random) => random.normal() / Math.sqrt(fanIn));
    return this.graph.parameter(name, shape, paddedAxes, init, group);
  }

  bias(name: string, n: number, group = 0): Tensor {
    this.fills.set(name, (random) => 0.5 * random.normal());
    return this.graph.parameter(name, [n], 1, { kind: 'zeros', fanIn: 1, fanOut: 1 }, group);
  }

  /** The control buffer; also makes the metrics table's size known. */
  control({ step = 0, current = step, chunk = 1, row = () => ({}) }: ControlOptions = {}): Tensor {
    const rows = Array.from({ length: chunk }, (_, i) =>
      this.seeds.map((seed) => row(step + i, seed)),
    ).flat();
    const alphas = Math.max(...rows.map((r) => r.alphas?.length ?? 0));
    const groups = Math.max(...rows.map((r) => r.groups?.length ?? 0));
    this.columns = Math.max(4, scheduleColumns(alphas, groups));
    const replicas = this.seeds.length;
    const base = scheduleBase(replicas);
    const words = new Uint32Array(controlWords(replicas, chunk, this.columns));
    words[CONTROL.next] = step;
    words[CONTROL.step] = current;
    words[CONTROL.chunkStart] = step;
    words.set(this.seeds, CONTROL.seeds);
    const floats = new Float32Array(words.buffer);
    rows.forEach((r, i) => {
      const at = base + i * this.columns;
      floats.set(r.alphas ?? [], at);
      floats.set((r.groups ?? []).flat(), at + roundUp(alphas, 4));
    });
    const t = this.graph.create('control', [words.length], {
      ...{ dtype: 'u32', padded: [words.length], role: 'external', replicated: false },
    });
    this.data.set('control', words);
    return t;
  }

  /** The metrics table [chunk][R][4]. */
  metrics(chunk = 1): Tensor {
    const values = () => new Float32Array(chunk * this.seeds.length * 4);
    const shape = [chunk * this.seeds.length, 4];
    return this.#external('metrics', shape, values, { replicated: false });
  }

  /** An arena the size of the parameters; call it when all parameters are there. */
  arena(name: string, elements: number, fill?: Fill): Tensor {
    const t = this.graph.create(name, [elements], { role: 'external' });
    if (name === 'parameters' || name === 'gradients') return t;
    const all = this.seeds.flatMap((seed) =>
      fill ? draw(seed, name, [elements], fill) : new Array<number>(elements).fill(0),
    );
    this.data.set(name, new Float32Array(all));
    return t;
  }
}

/** Values in logical order; the same for the same seed and name, whatever else the case draws. */
export function draw(seed: number, name: string, shape: readonly number[], fill: Fill): number[] {
  const random = new RandomStream(seed, `case/${name}`);
  return Array.from({ length: numel(shape) }, (_, i) => fill(random, i));
}

/** A host's output that an earlier dispatch made, as fusion of a seed's blend requires. */
export function host(b: CaseBuilder, shape: readonly number[]): Tensor {
  return b.graph.one('scale', [b.input('z', shape)], { factor: 1 }, 'host');
}
