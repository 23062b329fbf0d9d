/**
 * Cascade-correlation as replicas: all candidates of all trials in one dispatch, all outputs in
 * another.
 *
 * Source: Fahlman & Lebiere 1990, "The cascade-correlation learning architecture".
 */
import { z } from 'zod';
import { RandomStream } from '../../base/random.ts';
import type { OptimizerSpec } from '../../contracts/experiment.ts';
import type { DataPart } from '../../data/dataset.ts';
import { BENCHMARK_RADIUS } from '../../data/generators/spirals.ts';
import { differentiate } from '../../engine/plan/autodiff.ts';
import type { Backend, DeviceBuffer } from '../../engine/plan/backend.ts';
import type { Graph } from '../../engine/plan/graph.ts';
import { roundUp } from '../../engine/plan/shape.ts';
import { linear } from '../../nn/layers.ts';
import { noStatistics, ReplicaNet } from './replica-net.ts';
import type { SuiteOptions } from './suite.ts';

const POOL = 8;
const CANDIDATE_STEPS = 300;
const OUTPUT_STEPS = 200;
/** First weights of a candidate, uniform in +- this. */
const CANDIDATE_RANGE = 1;

/**
 * Pull of weights towards 0, added to the gradient of the mean over rows. Without it units and outputs
 * grow as steep as their steps allow, and fill the gaps between the points by chance. Chosen on the
 * points a quarter of the way between those of the task, which no figure is taken from. The output's
 * is shared by two logits of half the weight each.
 */
const CANDIDATE_DECAY = 2e-3;
const OUTPUT_DECAY = 6e-4;

export const adam = (learningRate: number, weightDecay = 0): OptimizerSpec => ({
  ...{ kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  ...{ weightDecay, learningRate },
});
const CANDIDATE_OPTIMIZER = adam(0.1, CANDIDATE_DECAY);
const OUTPUT_OPTIMIZER = adam(0.1, OUTPUT_DECAY);

/** One network: frozen units over inputs and units before, and a logistic output over all. */
export interface Trial {
  seed: number;
  /** units[k] has a weight for each of the 2 + k columns, then a bias. */
  units: number[][];
  /** Weights of the class difference over all columns, then a bias. */
  output: number[];
  /** Inputs and unit outputs of the training rows, by column. */
  columns: Float64Array[];
  /** Optimizer steps so far, candidates and outputs. */
  epochs: number;
  isSolved: boolean;
}

/** Coordinates as the source has them, out to a radius of 6.5; the data are scaled to 1. */
export function columnsOf({ size, x }: DataPart): Float64Array[] {
  return [0, 1].map((f) =>
    Float64Array.from({ length: size }, (_, i) => BENCHMARK_RADIUS * x[2 * i + f]!),
  );
}

function weighted(columns: readonly Float64Array[], weights: readonly number[]): Float64Array {
  const out = new Float64Array(columns[0]!.length).fill(weights.at(-1)!);
  columns.forEach((column, k) => {
    const weight = weights[k]!;
    for (let i = 0; i < out.length; i++) out[i]! += weight * column[i]!;
  });
  return out;
}

/** A trial as it is kept; what it computes of the rows is made anew, to the same bits. */
export const KeptTrial = z.object({
  seed: z.number(),
  units: z.array(z.array(z.number())),
  output: z.array(z.number()),
  epochs: z.number(),
  isSolved: z.boolean(),
});
export type KeptTrial = z.infer<typeof KeptTrial>;

export function keptTrial({ epochs, isSolved, output, seed, units }: Trial): KeptTrial {
  return { epochs, isSolved, output, seed, units };
}

export function restoredTrial(kept: KeptTrial, train: DataPart): Trial {
  return { ...kept, columns: allColumns(kept.units, train) };
}

/** Inputs and what the units make of them, in order. */
function allColumns(units: readonly number[][], part: DataPart): Float64Array[] {
  const columns = columnsOf(part);
  for (const unit of units) columns.push(unitOutput(columns, unit));
  return columns;
}

const unitOutput = (columns: readonly Float64Array[], weights: readonly number[]) =>
  weighted(columns, weights).map(Math.tanh);

/** Share of rows on the right side. */
function accuracyOf(score: Float64Array, { size, y }: DataPart): number {
  let right = 0;
  for (let i = 0; i < size; i++) if (score[i]! > 0 === (y[i] === 1)) right++;
  return right / size;
}

export function testAccuracy(trial: Pick<Trial, 'output' | 'units'>, part: DataPart): number {
  return accuracyOf(weighted(allColumns(trial.units, part), trial.output), part);
}

/** Residual of the logistic output, its mean taken off. */
function residualOf({ columns, output }: Trial, { size, y }: DataPart): Float64Array {
  const error = weighted(columns, output).map((z, i) => y[i]! - 1 / (1 + Math.exp(-z)));
  const mean = error.reduce((a, b) => a + b, 0) / size;
  return error.map((e) => e - mean);
}

/** A device table [R][rows][columns], padded, from columns of each network. */
function upload(
  backend: Backend,
  name: string,
  tables: readonly (readonly Float64Array[])[],
): DeviceBuffer {
  const rows = tables[0]![0]!.length;
  const stride = roundUp(tables[0]!.length, 4);
  const data = new Float32Array(tables.length * rows * stride);
  tables.forEach((columns, r) => {
    columns.forEach((column, k) => {
      for (let i = 0; i < rows; i++) data[(r * rows + i) * stride + k] = column[i]!;
    });
  });
  const buffer = backend.createBuffer(name, data.length);
  backend.writeFloats(buffer, data);
  return buffer;
}

/** [R] rows of weights and bias of the layer `unit`, one output each. */
async function weightsOf(net: ReplicaNet, inputs: number, outputs: number): Promise<number[][][]> {
  const weight = await net.read('unit.weight');
  const bias = await net.read('unit.bias');
  return net.seeds.map((_, r) =>
    Array.from({ length: outputs }, (_o, o) => [
      ...Array.from({ length: inputs }, (_i, i) => weight[(r * inputs + i) * outputs + o]!),
      bias[r * outputs + o]!,
    ]),
  );
}

export class Cascade {
  #backend: Backend;
  #train: DataPart;
  #stop: AbortSignal;
  #labels: DeviceBuffer;

  constructor({ bench, stop }: SuiteOptions, train: DataPart) {
    this.#backend = bench.backend;
    this.#train = train;
    this.#stop = stop;
    this.#labels = this.#backend.createBuffer('labels', roundUp(train.size, 4));
    this.#backend.writeWords(this.#labels, train.y);
  }

  /** Trains the outputs of the trials anew, from where they stand. */
  async trainOutputs(trials: readonly Trial[]): Promise<void> {
    const inputs = trials[0]!.columns.length;
    const { size } = this.#train;
    const x = upload(
      this.#backend,
      'x',
      trials.map((t) => t.columns),
    );
    const net = await ReplicaNet.create({
      ...{ backend: this.#backend, optimizer: OUTPUT_OPTIMIZER },
      seeds: trials.map((t) => t.seed),
      externals: { x, labels: this.#labels },
      build(graph) {
        const { labels, table } = tablesOf(graph, size, inputs);
        const logits = linear(graph, table, 'unit', 2, { init: 'zeros' });
        const [rowStats, dLogits] = graph.apply(
          'softmax_cross_entropy',
          [logits, labels],
          {},
          'loss',
        );
        differentiate(
          graph,
          new Map([[logits.id, dLogits!]]),
          new Set(graph.parameters.map((p) => p.tensorId)),
        );
        return { rowStats: rowStats! };
      },
    });
    const weight = new Float32Array(trials.length * inputs * 2);
    const bias = new Float32Array(trials.length * 2);
    // The difference of two logits is what counts: half of it for each, opposite in sign.
    trials.forEach(({ output }, r) => {
      for (let i = 0; i < inputs; i++) {
        // The newest unit has no weight yet.
        const w = i < output.length - 1 ? output[i]! / 2 : 0;
        weight[(r * inputs + i) * 2] = -w;
        weight[(r * inputs + i) * 2 + 1] = w;
      }
      bias[r * 2] = -output.at(-1)! / 2;
      bias[r * 2 + 1] = output.at(-1)! / 2;
    });
    await net.write({ 'unit.weight': weight, 'unit.bias': bias });
    await net.train(0, OUTPUT_STEPS, this.#stop);
    const trained = await weightsOf(net, inputs, 2);
    trials.forEach((trial, r) => {
      const [zero, one] = trained[r]! as [number[], number[]];
      trial.output = one.map((w, i) => w - zero[i]!);
      trial.epochs += OUTPUT_STEPS;
      const score = weighted(trial.columns, trial.output);
      trial.isSolved = accuracyOf(score, this.#train) === 1;
    });
    net.dispose();
    this.#backend.destroyBuffer(x);
  }

  /** Gives each trial the unit of its pool that follows the residual best. */
  async addUnits(trials: readonly Trial[]): Promise<void> {
    const inputs = trials[0]!.columns.length;
    const { size } = this.#train;
    const residuals = trials.map((t) => residualOf(t, this.#train));
    const pool = trials.flatMap((trial, t) =>
      Array.from({ length: POOL }, (_, c) => ({ trial, residual: residuals[t]!, c })),
    );
    const x = upload(
      this.#backend,
      'x',
      pool.map((p) => p.trial.columns),
    );
    const slope = upload(
      this.#backend,
      'slope',
      pool.map((p) => [p.residual.map((e) => -e / size)]),
    );
    const rows = this.#backend.createBuffer('no_rows', 16 * pool.length);
    this.#backend.writeFloats(rows, new Float32Array(16 * pool.length));
    const net = await ReplicaNet.create({
      ...{ backend: this.#backend, optimizer: CANDIDATE_OPTIMIZER },
      seeds: pool.map((p) => p.trial.seed * POOL + p.c),
      externals: { x, slope, no_rows: rows },
      build(graph) {
        const { table } = tablesOf(graph, size, inputs);
        const slopes = graph.create('slope', [size, 1], { role: 'external' });
        const z = linear(graph, table, 'unit', 1);
        const v = graph.one('activation', [z], { kind: 'tanh' }, 'v');
        differentiate(
          graph,
          new Map([[v.id, slopes]]),
          new Set(graph.parameters.map((p) => p.tensorId)),
        );
        return { rowStats: noStatistics(graph) };
      },
    });
    const first = pool.map(({ c, trial }) => {
      const random = new RandomStream(trial.seed, `cascade/unit${trial.units.length}/${c}`);
      return Array.from({ length: inputs + 1 }, () => CANDIDATE_RANGE * (2 * random.uniform() - 1));
    });
    await net.write({
      'unit.weight': Float32Array.from(first.flatMap((w) => w.slice(0, -1))),
      'unit.bias': Float32Array.from(first.map((w) => w.at(-1)!)),
    });
    await net.train(0, CANDIDATE_STEPS, this.#stop);
    const trained = await weightsOf(net, inputs, 1);
    trials.forEach((trial, t) => {
      let best: { score: number; weights: number[]; values: Float64Array } | null = null;
      for (let c = 0; c < POOL; c++) {
        const weights = trained[t * POOL + c]![0]!;
        const values = unitOutput(trial.columns, weights);
        const score = Math.abs(values.reduce((s, v, i) => s + v * residuals[t]![i]!, 0));
        if (best === null || score > best.score) best = { score, weights, values };
      }
      trial.units.push(best!.weights);
      trial.columns.push(best!.values);
      trial.epochs += CANDIDATE_STEPS;
    });
    net.dispose();
    for (const buffer of [x, slope, rows]) this.#backend.destroyBuffer(buffer);
  }

  dispose(): void {
    this.#backend.destroyBuffer(this.#labels);
  }
}

function tablesOf(graph: Graph, rows: number, columns: number) {
  return {
    table: graph.create('x', [rows, columns], { role: 'external' }),
    labels: graph.create('labels', [rows], {
      ...{ role: 'external', dtype: 'u32', replicated: false, padded: [rows] },
    }),
  };
}
