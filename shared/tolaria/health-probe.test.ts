import { describe, expect, it } from 'vitest';
import type { Experiment } from '../contracts/experiment.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { seedOn, slices, topologyOf } from '../kasmina/_test-topology.ts';
import { hostLayers } from '../models/host.ts';
import { tinyDataset, tinyExperiment } from './_test-run.ts';
import { HealthProbe } from './health-probe.ts';
import { NetworkRuntime } from './network-runtime.ts';

const ROWS = 26;
const CLASSES = 3;
/** The batch is the whole data: its order, which is drawn, then does not matter. */
const dataset = tinyDataset([2], CLASSES, ROWS);

async function measured(
  hidden: number[],
  seeds: Parameters<typeof topologyOf>[1],
  prepare: (runtime: NetworkRuntime) => void = () => {},
  more: Partial<Experiment> = {},
) {
  const host = { kind: 'mlp', hidden, activation: 'tanh' } as const;
  const experiment = { ...tinyExperiment({ host, batchSize: ROWS }), ...more };
  const runtime = new NetworkRuntime(createReferenceBackend(), experiment, dataset);
  const layers = hostLayers(experiment.host, [2], CLASSES);
  const network = { layers, input: [2], classes: CLASSES, host, replicas: experiment.replicas };
  await runtime.setTopology(
    topologyOf(network, seeds),
    [0, ...seeds].map(() => ({ bornStep: 0 })),
  );
  prepare(runtime);
  const probe = await HealthProbe.create(runtime, experiment);
  const row = { alphas: [1, ...seeds.map(() => 0.5)], learningRate: 0.1 };
  return { runtime, report: await probe.measure(4, row) };
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const column = (table: readonly number[][], k: number) => table.map((row) => row[k]!);
const variance = (v: readonly number[]) => mean(v.map((x) => (x - mean(v)) ** 2));
const correlation = (a: readonly number[], b: readonly number[]) =>
  mean(a.map((x, i) => (x - mean(a)) * (b[i]! - mean(b)))) / Math.sqrt(variance(a) * variance(b));

/** A single Linear layer and its loss, worked out from the definitions. */
async function byHand(runtime: NetworkRuntime) {
  const values = await slices(runtime, 'parameters');
  const [w, b] = [values.get('fc1.weight')!, values.get('fc1.bias')!];
  const { x, y } = dataset.train;
  const z = Array.from({ length: ROWS }, (_, i) =>
    b.map((bias, k) => bias + x[2 * i]! * w[k]! + x[2 * i + 1]! * w[CLASSES + k]!),
  );
  const p = z.map((row) => {
    const e = row.map(Math.exp);
    const sum = e.reduce((a, c) => a + c, 0);
    return e.map((v) => v / sum);
  });
  const dz = p.map((row, i) => row.map((v, k) => (v - Number(y[i] === k)) / ROWS));
  const sum = (f: (i: number) => number) => dz.reduce((a, _, i) => a + f(i), 0);
  const gradient = [0, 1, 2].flatMap((k) => [
    sum((i) => dz[i]![k]!),
    sum((i) => dz[i]![k]! * x[2 * i]!),
    sum((i) => dz[i]![k]! * x[2 * i + 1]!),
  ]);
  return { dz, z, gradient, loss: mean(p.map((row, i) => -Math.log(row[y[i]!]!))) };
}

/** ||R||^2 / N by orthogonal directions instead of normal equations. */
function residual(inputs: readonly number[][], wished: readonly number[][]): number {
  const basis: number[][] = [];
  const dot = (a: readonly number[], b: readonly number[]) =>
    a.reduce((s, v, i) => s + v * b[i]!, 0);
  const without = (v: readonly number[]) =>
    basis.reduce((rest, q) => rest.map((r, i) => r - dot(rest, q) * q[i]!), [...v]);
  for (const column of inputs) {
    const rest = without(column);
    const length = Math.sqrt(dot(rest, rest));
    basis.push(rest.map((v) => v / length));
  }
  const left = wished.map(without);
  return left.reduce((sum, v) => sum + dot(v, v), 0) / wished[0]!.length;
}

describe('HealthProbe', () => {
  it('measures a layer as its definitions say', async () => {
    const { report, runtime } = await measured([], []);
    const { dz, gradient, loss, z } = await byHand(runtime);
    expect(report.signals).toHaveLength(1);
    const [signal] = report.signals;
    expect(signal).toMatchObject({
      ...{ layerId: 'fc1', seedId: null, step: 4, gradientRatio: null, latencyMs: null },
      deadUnitRatio: 0,
    });
    const columns = [0, 1, 2].map((k) => column(z, k));
    expect(signal!.activationVariance).toBeCloseTo(mean(columns.map(variance)), 5);
    const neighbours = [
      correlation(columns[0]!, columns[1]!),
      correlation(columns[1]!, columns[2]!),
    ];
    expect(signal!.meanCorrelation).toBeCloseTo(mean(neighbours), 5);
    const norm = Math.sqrt(gradient.reduce((a, g) => a + g * g, 0));
    expect(signal!.gradientNorm).toBeCloseTo(norm, 6);
    expect(signal!.gradientVariance).toBeCloseTo(variance(gradient), 7);
    expect(report.hostLoss).toBeCloseTo(loss, 6);
    const { x } = dataset.train;
    const inputs = [0, 1, 2].map((k) => dz.map((_, i) => (k === 2 ? 1 : x[2 * i + k]!)));
    const wished = [0, 1, 2].map((k) => column(dz, k).map((v) => -ROWS * v));
    const bottleneck = residual(inputs, wished);
    expect(bottleneck).toBeGreaterThan(0.01);
    expect(signal!.expressivityBottleneck).toBeCloseTo(bottleneck, 4);
    expect(report.shadowLoss).toBeNull();
  });

  it('counts units that never fire, and only those', async () => {
    const { report } = await measured([4], [], (runtime) => {
      const { arena, backend } = runtime;
      const weight = arena.parameters.find((p) => p.name === 'fc1.weight')!;
      // Weights of unit 2 of 4 to zero; its bias is zero from the start.
      for (const row of [0, 1]) {
        backend.writeFloats(
          arena.buffers.parameters,
          new Float32Array(1),
          weight.offset + 4 * row + 2,
        );
      }
    });
    expect(report.signals.map((s) => [s.layerId, s.deadUnitRatio])).toEqual([
      ['fc1', 0.25],
      ['fc2', 0],
    ]);
  });

  it('compares a seed with its layer, and its loss behind the host with the host’s', async () => {
    const seed = seedOn('fc2', 'widen-3', 'TRAINING', 'add', 0);
    const { report, runtime } = await measured([4], [seed]);
    const gradients = await slices(runtime, 'gradients');
    const collect = (prefix: string) =>
      [...gradients].flatMap(([name, g]) =>
        name.startsWith(prefix) && (prefix.includes('seeds') || !name.includes('seeds')) ? g : [],
      );
    const norm = (g: readonly number[]) => Math.sqrt(g.reduce((a, v) => a + v * v, 0));
    const [own, host] = [collect('fc2.seeds.s1.'), collect('fc2.')];
    expect([own.length, host.length]).toEqual([4 * 3 + 3 + 3 * 3 + 3, 4 * 3 + 3]);
    const signal = report.signals.find((s) => s.seedId === 's1')!;
    expect(signal.gradientNorm).toBeCloseTo(norm(own), 6);
    expect(signal.gradientRatio).toBeCloseTo(
      (norm(own) / norm(host)) * Math.sqrt(host.length / own.length),
      5,
    );
    // A new seed gives zeros: it changes nothing yet.
    expect(report.shadowLoss).toBe(report.hostLoss);
    expect(signal.deadUnitRatio).toBe(1);
    expect(signal.activationVariance).toBe(0);
  });

  it('says null for what is not finite, and leaves the weights alone', async () => {
    let before: Map<string, number[]> | undefined;
    const { report, runtime } = await measured(
      [4],
      [seedOn('fc1', 'widen-3', 'BLENDING', 'add', 0)],
      (r) => {
        const out = r.arena.parameters.find((p) => p.name === 'fc1.seeds.s1.out.weight')!;
        r.backend.writeFloats(
          r.arena.buffers.parameters,
          new Float32Array([Number.NaN]),
          out.offset,
        );
        void slices(r, 'parameters').then((values) => {
          before = values;
        });
      },
    );
    const signal = report.signals.find((s) => s.seedId === 's1')!;
    expect([signal.gradientNorm, signal.gradientVariance, signal.gradientRatio]).toEqual([
      null,
      null,
      null,
    ]);
    expect([report.hostLoss, signal.activationVariance]).toEqual([null, null]);
    expect(await slices(runtime, 'parameters')).toEqual(before);
  });

  it('sums over the replicas', async () => {
    const alone = await measured([4], [], undefined, { seed: 9 });
    const both = await measured([4], [], undefined, { seed: 9, replicas: 2 });
    const twin = await measured([4], [], undefined, { seed: (9 + 0x9e3779b9) >>> 0 });
    const norms = [alone, twin, both].map((m) => m.report.signals.map((s) => s.gradientNorm!));
    norms[2]!.forEach((n, i) => {
      expect(n).toBeCloseTo(Math.hypot(norms[0]![i]!, norms[1]![i]!), 6);
    });
    expect(both.report.hostLoss).toBeCloseTo(
      (alone.report.hostLoss! + twin.report.hostLoss!) / 2,
      6,
    );
  });
});
