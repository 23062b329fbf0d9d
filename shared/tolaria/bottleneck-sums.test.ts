import { describe, expect, it } from 'vitest';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { layersOf, type Network, topologyOf } from '../kasmina/_test-topology.ts';
import { tinyDataset, tinyExperiment } from './_test-run.ts';
import { MAX_BOTTLENECK_POSITIONS, MAX_BOTTLENECK_WIDTH } from './bottleneck-sums.ts';
import { HealthProbe } from './health-probe.ts';
import { NetworkRuntime } from './network-runtime.ts';

const CLASSES = 3;

/** Health of a fresh network on a batch that is the whole data. */
async function measured(host: Network['host'], input: number[], rows: number) {
  const dataset = tinyDataset(input, CLASSES, rows);
  const experiment = tinyExperiment({ host, batchSize: rows });
  const runtime = new NetworkRuntime(createReferenceBackend(), experiment, dataset);
  const layers = layersOf(host, input, CLASSES);
  await runtime.setTopology(
    topologyOf({ layers, input, classes: CLASSES, host, replicas: 1 }, []),
    [{ bornStep: 0 }],
  );
  const probe = await HealthProbe.create(runtime, experiment);
  const { signals } = await probe.measure(0, { alphas: [1], learningRate: 0.1 });
  const signalOf = (layer: string) => signals.find((s) => s.layerId === layer)!;
  return { dataset, runtime, signalOf };
}

/** ||wished - its projection on the inputs||^2 by orthogonal directions, all columns of one length. */
function residual(inputs: readonly Float64Array[], wished: readonly Float64Array[]): number {
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((s, v, i) => s + v * b[i]!, 0);
  const basis: Float64Array[] = [];
  const without = (column: Float64Array) => {
    const rest = column.slice();
    // Twice: once leaves what rounding put back.
    for (let pass = 0; pass < 2; pass++) {
      for (const q of basis) {
        const along = dot(rest, q);
        for (let i = 0; i < rest.length; i++) rest[i]! -= along * q[i]!;
      }
    }
    return rest;
  };
  for (const column of inputs) {
    const rest = without(column);
    const length = Math.sqrt(dot(rest, rest));
    if (length > 1e-9 * Math.sqrt(dot(column, column))) basis.push(rest.map((v) => v / length));
  }
  return wished.map(without).reduce((sum, v) => sum + dot(v, v), 0);
}

const columnsOf = (table: readonly ArrayLike<number>[], width: number) =>
  Array.from({ length: width }, (_, k) => Float64Array.from(table, (row) => row[k]!));
const withOnes = (columns: Float64Array[]) => [...columns, columns[0]!.map(() => 1)];

/** Minus the gradient of the loss of each sample at its logits: targets minus softmax. */
function wishedAtLogits(z: readonly number[][], labels: ArrayLike<number>): number[][] {
  return z.map((row, i) => {
    const e = row.map(Math.exp);
    const sum = e.reduce((a, c) => a + c, 0);
    return e.map((v, k) => Number(labels[i] === k) - v / sum);
  });
}

async function matrix(runtime: NetworkRuntime, name: string): Promise<Float32Array> {
  return runtime.arena.readParameter(name, 0);
}

/** A Linear network worked out from its definition, on its first `width` inputs. */
async function linearBottleneck(inputs: number, rows: number, width = inputs) {
  const { dataset, runtime, signalOf } = await measured(
    { kind: 'mlp', hidden: [], activation: 'tanh' },
    [inputs],
    rows,
  );
  const [w, b] = [await matrix(runtime, 'fc1.weight'), await matrix(runtime, 'fc1.bias')];
  const { x, y } = dataset.train;
  const table = Array.from({ length: rows }, (_, i) => x.subarray(i * inputs, (i + 1) * inputs));
  const z = table.map((row) =>
    Array.from({ length: CLASSES }, (_, k) =>
      row.reduce((s, v, f) => s + v * w[f * CLASSES + k]!, b[k]!),
    ),
  );
  const wished = columnsOf(wishedAtLogits(z, y), CLASSES);
  const want = residual(withOnes(columnsOf(table, width)), wished) / rows;
  return { signal: signalOf('fc1'), want };
}

describe('expressivity bottleneck of a Linear layer', () => {
  it.each([127, 128, 129, MAX_BOTTLENECK_WIDTH])('is measured on all of %i inputs', async (n) => {
    const { signal, want } = await linearBottleneck(n, 2 * n);
    expect(want).toBeGreaterThan(1e-3);
    expect(Math.abs(signal.expressivityBottleneck! - want)).toBeLessThan(1e-3 * want);
    expect(signal).not.toHaveProperty('bottleneckSample');
  });

  it('takes the first inputs of a wider layer, says so, and is then an upper bound', async () => {
    const n = MAX_BOTTLENECK_WIDTH + 1;
    const rows = 2 * n;
    const sampled = await linearBottleneck(n, rows, MAX_BOTTLENECK_WIDTH);
    const { signal, want } = sampled;
    expect(Math.abs(signal.expressivityBottleneck! - want)).toBeLessThan(1e-3 * want);
    expect(signal.bottleneckSample).toEqual({
      inputs: MAX_BOTTLENECK_WIDTH / n,
      ...{ outputs: 1, positions: 1 },
    });
    const { want: whole } = await linearBottleneck(n, rows);
    expect(signal.expressivityBottleneck!).toBeGreaterThan(whole);
  });

  it('lets the first outputs of a wider layer stand for all', async () => {
    const outputs = MAX_BOTTLENECK_WIDTH + 4;
    const { signalOf } = await measured(
      { kind: 'mlp', hidden: [outputs], activation: 'tanh' },
      [2],
      40,
    );
    const signal = signalOf('fc1');
    expect(signal.expressivityBottleneck).toBeGreaterThan(0);
    expect(signal.bottleneckSample).toEqual({
      outputs: MAX_BOTTLENECK_WIDTH / outputs,
      ...{ inputs: 1, positions: 1 },
    });
  });
});

describe('expressivity bottleneck of a convolution', () => {
  const CHANNELS = 2;
  const PLAIN = { inside: 3, groups: 1, dilation: 1 };

  /**
   * Global average pooling and a Linear layer behind one 3x3 convolution: its gradient by hand. With
   * groups each has `inside` channels in and two out, and what is left of G is their sum.
   */
  async function byHand(size: number, rows: number, every = 1, window = PLAIN) {
    const { dilation, groups, inside } = window;
    const [INPUTS, OUTPUTS] = [inside * groups, CHANNELS * groups];
    const host: Network['host'] = {
      kind: 'layers',
      layers: [
        {
          ...{ kind: 'conv2d', channels: OUTPUTS, kernelSize: 3, padding: dilation },
          ...{ dilation, groups },
        },
        { kind: 'activation', activation: 'tanh' },
        { kind: 'global-pool' },
        { kind: 'linear', units: 'classes' },
      ],
    };
    const { dataset, runtime, signalOf } = await measured(host, [size, size, INPUTS], rows);
    const [w, b] = [await matrix(runtime, 'conv1.weight'), await matrix(runtime, 'conv1.bias')];
    const [v, c] = [await matrix(runtime, 'fc1.weight'), await matrix(runtime, 'fc1.bias')];
    const { x, y } = dataset.train;
    const at = (i: number, py: number, px: number, f: number) =>
      py < 0 || px < 0 || py >= size || px >= size
        ? 0
        : x[((i * size + py) * size + px) * INPUTS + f]!;
    const channels = Array.from({ length: inside }, (_, f) => f);
    /** What a group reads at a place. */
    const patch = (i: number, py: number, px: number, group: number) =>
      [-dilation, 0, dilation].flatMap((dy) =>
        [-dilation, 0, dilation].flatMap((dx) =>
          channels.map((f) => at(i, py + dy, px + dx, group * inside + f)),
        ),
      );
    const read: number[][][] = Array.from({ length: groups }, () => []);
    const wished: number[][] = [];
    for (let i = 0; i < rows; i++) {
      const places: { seen: number[][]; h: number[]; taken: boolean }[] = [];
      for (let py = 0; py < size; py++) {
        for (let px = 0; px < size; px++) {
          const seen = read.map((_, group) => patch(i, py, px, group));
          const h = Array.from({ length: OUTPUTS }, (_, o) => {
            const p = seen[Math.floor(o / CHANNELS)]!;
            return Math.tanh(p.reduce((s, value, k) => s + value * w[k * OUTPUTS + o]!, b[o]!));
          });
          places.push({ seen, h, taken: py % every === 0 && px % every === 0 });
        }
      }
      const pooled = Array.from(
        { length: OUTPUTS },
        (_, o) => places.reduce((s, place) => s + place.h[o]!, 0) / places.length,
      );
      const z = Array.from({ length: CLASSES }, (_, k) =>
        pooled.reduce((s, value, o) => s + value * v[o * CLASSES + k]!, c[k]!),
      );
      const [g] = wishedAtLogits([z], [y[i]!]);
      for (const { h, seen, taken } of places) {
        if (!taken) continue;
        seen.forEach((own, group) => {
          read[group]!.push(own);
        });
        const back = (o: number) => g!.reduce((s, value, k) => s + value * v[o * CLASSES + k]!, 0);
        wished.push(h.map((a, o) => (back(o) / places.length) * (1 - a * a)));
      }
    }
    const columns = columnsOf(wished, OUTPUTS);
    /** Of the first so many groups, for all of them. */
    const want = (taken = groups) => {
      const left = read.slice(0, taken).reduce((sum, own, group) => {
        const outputs = columns.slice(group * CHANNELS, (group + 1) * CHANNELS);
        return sum + residual(withOnes(columnsOf(own, 9 * inside)), outputs);
      }, 0);
      return (left * size * size * groups) / (taken * wished.length);
    };
    return { signal: signalOf('conv1'), want };
  }

  it('is that of the Linear layer it is at every position', async () => {
    const { signal, want } = await byHand(5, 9);
    expect(want()).toBeGreaterThan(0);
    expect(Math.abs(signal.expressivityBottleneck! - want())).toBeLessThan(1e-3 * want());
    expect(signal).not.toHaveProperty('bottleneckSample');
  });

  it.each([
    { inside: 3, groups: 1, dilation: 2 },
    { inside: 2, groups: 2, dilation: 1 },
    { inside: 1, groups: 3, dilation: 2 },
  ])('sees the places of its taps, and each group only its own channels: %j', async (window) => {
    const { signal, want } = await byHand(5, 11, 1, window);
    expect(want()).toBeGreaterThan(0);
    expect(Math.abs(signal.expressivityBottleneck! - want())).toBeLessThan(1e-3 * want());
    expect(signal).not.toHaveProperty('bottleneckSample');
  });

  it('lets the groups that fit stand for all, and says so', async () => {
    // Three patches of 9 x 9 numbers are at most 256; the fourth is not.
    const { signal, want } = await byHand(6, 16, 1, { inside: 9, groups: 4, dilation: 1 });
    expect(3 * 81).toBeLessThanOrEqual(MAX_BOTTLENECK_WIDTH);
    expect(4 * 81).toBeGreaterThan(MAX_BOTTLENECK_WIDTH);
    expect(Math.abs(signal.expressivityBottleneck! - want(3))).toBeLessThan(1e-3 * want(3));
    expect(signal.bottleneckSample).toEqual({ inputs: 1, outputs: 0.75, positions: 1 });
  });

  it('takes every so many-th position of large images, and says so', async () => {
    const [size, rows, every] = [12, 40, 2];
    expect(rows * size * size).toBeGreaterThan(MAX_BOTTLENECK_POSITIONS);
    const { signal, want } = await byHand(size, rows, every);
    expect(Math.abs(signal.expressivityBottleneck! - want())).toBeLessThan(1e-3 * want());
    expect(signal.bottleneckSample).toEqual({ inputs: 1, outputs: 1, positions: 0.25 });
  });
});
