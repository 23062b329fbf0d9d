import { describe, expect, it } from 'vitest';
import { Graph, type Tensor } from '../engine/plan/graph.ts';
import { makePlan } from '../engine/plan/plan.ts';
import { pack, unpack } from '../engine/plan/shape.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { initialValues } from './initialise.ts';
import { batchNorm, groupNorm, layerNorm, normStates } from './norm-layers.ts';

/** The layer on given numbers, parameters and states as they start; y and the states after. */
async function run(
  shape: readonly number[],
  values: readonly number[],
  layer: (graph: Graph, x: Tensor) => Tensor,
) {
  const graph = new Graph();
  const y = layer(graph, graph.create('x', shape, { role: 'external' }));
  const backend = createReferenceBackend();
  const plan = makePlan('test', graph, 1, { y });
  const buffer = (name: string, data: Float32Array<ArrayBuffer>) => {
    const b = backend.createBuffer(name, data.length);
    backend.writeFloats(b, data);
    return b;
  };
  const parameters = new Float32Array(plan.parameterElements);
  for (const p of plan.parameters) {
    parameters.set(pack(initialValues(p, 1), p.shape, p.padded), p.offset);
  }
  const buffers = Object.fromEntries([
    ['parameters', buffer('parameters', parameters)],
    ['x', buffer('x', pack(values, shape, graph.tensors[0]!.padded))],
    ...normStates(graph).map((s) => {
      const start = new Float32Array(s.shape[0]!).fill(s.initial);
      return [s.name, buffer(s.name, pack(start, s.shape, s.padded))] as const;
    }),
  ]);
  const bindings = { buffers, scheduleBase: 12, scheduleColumns: 4 };
  const executable = await backend.prepare(plan, bindings);
  backend.run(executable, 1);
  const states: Record<string, number[]> = {};
  for (const s of normStates(graph)) {
    states[s.name] = [...unpack(await backend.readFloats(buffers[s.name]!), s.shape, s.padded)];
  }
  const out = unpack(await executable.readOutput('y'), y.shape, y.padded);
  return { y: [...out], states, graph };
}

/** 1 / sqrt(1 + 1e-5): a deviation of one, seen through the epsilon. */
const ONE = Math.fround(1 / Math.sqrt(1 + 1e-5));

describe('layerNorm()', () => {
  it('gives every position mean 0 and variance 1 over its channels', async () => {
    const { y } = await run([2, 2], [1, 3, 10, 8], (g, x) => layerNorm(g, x, 'ln'));
    expect(y).toEqual([-ONE, ONE, ONE, -ONE]);
  });

  it('names its parameters as others do, scale at one and shift at zero', async () => {
    const { graph } = await run([1, 3], [1, 2, 3], (g, x) => layerNorm(g, x, 'ln', { group: 2 }));
    expect(graph.parameters.map((p) => [p.name, p.init.kind, p.group])).toEqual([
      ['ln.weight', 'ones', 2],
      ['ln.bias', 'zeros', 2],
    ]);
  });
});

describe('groupNorm()', () => {
  it('takes its statistics over the positions and the channels of a group', async () => {
    // Two positions, four channels in two groups: 1 and 3, then 5 and 7, in both.
    const { y } = await run([1, 2, 4], [1, 1, 5, 5, 3, 3, 7, 7], (g, x) => groupNorm(g, x, 'g', 2));
    expect(y).toEqual([-ONE, -ONE, -ONE, -ONE, ONE, ONE, ONE, ONE]);
  });

  it('refuses groups that do not divide the channels', async () => {
    await expect(
      run([1, 6], [1, 2, 3, 4, 5, 6], (g, x) => groupNorm(g, x, 'g', 4)),
    ).rejects.toThrow('Cannot apply group_stats to "x" [1, 6]: channels cannot be divided into 4');
  });
});

describe('batchNorm()', () => {
  it('trains on the batch and moves the running statistics towards it', async () => {
    const { y, states } = await run([2, 2], [1, 10, 3, 10], (g, x) =>
      batchNorm(g, x, 'bn', { mode: 'train' }),
    );
    expect(y).toEqual([-ONE, 0, ONE, 0]);
    // Means 2 and 10; unbiased variances 2 and 0; a tenth of the way from 0 and 1.
    expect(states['bn.running_mean']).toEqual([Math.fround(0.2), 1]);
    expect(states['bn.running_var']).toEqual([Math.fround(1.1), Math.fround(0.9)]);
  });

  it('evaluates with the running statistics and leaves them', async () => {
    const { y, states } = await run([2, 1], [4, -2], (g, x) =>
      batchNorm(g, x, 'bn', { mode: 'evaluate' }),
    );
    expect(y).toEqual([
      Math.fround(4 / Math.sqrt(1 + 1e-5)),
      Math.fround(-2 / Math.sqrt(1 + 1e-5)),
    ]);
    expect(states).toEqual({ 'bn.running_mean': [0], 'bn.running_var': [1] });
  });

  it('refuses to train on a single row', async () => {
    await expect(
      run([1, 2], [1, 2], (g, x) => batchNorm(g, x, 'bn', { mode: 'train' })),
    ).rejects.toThrow('one row has no variance; use a larger batch');
  });

  it('lists each running statistic once', async () => {
    const { graph } = await run([2, 1], [4, -2], (g, x) => {
      const once = batchNorm(g, x, 'bn', { mode: 'evaluate' });
      return batchNorm(g, once, 'bn', { mode: 'evaluate' });
    });
    expect(normStates(graph).map((s) => [s.name, s.initial])).toEqual([
      ['bn.running_mean', 0],
      ['bn.running_var', 1],
    ]);
  });
});
