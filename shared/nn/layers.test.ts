import { describe, expect, it } from 'vitest';
import { Graph } from '../engine/plan/graph.ts';
import { run } from './_test-run.ts';
import { conv1d, conv2d, reshape } from './layers.ts';

const window = { stride: 1, padding: 0 };

describe('conv2d()', () => {
  it('gives a depthwise layer one kernel a channel', async () => {
    const graph = new Graph();
    const x = graph.create('x', [2, 5, 5, 6], { role: 'external' });
    const y = conv2d(graph, x, 'dw', 6, 3, { stride: 1, padding: 1, groups: 6 });
    expect(y.shape).toEqual([2, 5, 5, 6]);
    expect(graph.tensor(graph.parameters[0]!.tensorId).shape).toEqual([3, 3, 1, 6]);
    expect(graph.parameters[0]!.init).toEqual({ kind: 'kaiming', fanIn: 9, fanOut: 9 });

    const values = await run(
      (g, input) => conv2d(g, input('x', 1, 1, 1, 3), 'dw', 3, 1, { ...window, groups: 3 }),
      { x: [1, 2, 3], 'dw.weight': [10, 20, 30], 'dw.bias': [1, 1, 1] },
    );
    expect(values).toEqual([11, 41, 91]);
  });

  it('names no setting that has its default: plans of before stay the same', () => {
    const graph = new Graph();
    const x = graph.create('x', [1, 5, 5, 4], { role: 'external' });
    conv2d(graph, x, 'c', 4, 3, { stride: 2, padding: 1, dilation: 1, groups: 1 });
    expect(graph.nodes[0]!.attrs).toEqual({ stride: 2, padding: 1 });
  });

  it('refuses groups that do not divide the channels', () => {
    const graph = new Graph();
    const x = graph.create('x', [1, 5, 5, 6], { role: 'external' });
    expect(() => conv2d(graph, x, 'c', 8, 3, { ...window, groups: 4 })).toThrow(
      'Cannot make layer "c": 6 channels cannot be cut into 4 groups',
    );
  });
});

describe('conv1d()', () => {
  it('slides along the positions of a sequence', async () => {
    const values = await run(
      (g, input) => conv1d(g, input('x', 1, 4, 1), 'c', 1, 2, { stride: 1, padding: 1 }),
      { x: [1, 2, 3, 4], 'c.weight': [1, 10], 'c.bias': [0] },
    );
    expect(values).toEqual([10, 21, 32, 43, 4]);
  });

  it('takes stride, dilation and groups', async () => {
    const attrs = { stride: 2, padding: 0, dilation: 2, groups: 2 };
    const values = await run(
      (g, input) => conv1d(g, input('x', 1, 5, 2), 'c', 2, 2, attrs, { bias: false }),
      { x: [1, 10, 2, 20, 3, 30, 4, 40, 5, 50], 'c.weight': [1, 2, 3, 4] },
    );
    // Channel 0: x0 + 3 x2, x2 + 3 x4; channel 1: 2 x0 + 4 x2, 2 x2 + 4 x4.
    expect(values).toEqual([10, 140, 18, 260]);
  });

  it('refuses what is no sequence', () => {
    const graph = new Graph();
    const x = graph.create('x', [1, 5], { role: 'external' });
    expect(() => conv1d(graph, x, 'c', 1, 1, window)).toThrow('"x" must be [B, L, C]');
  });
});

describe('reshape()', () => {
  it('keeps the order of the elements, whatever the padding', async () => {
    const x = [1, 2, 3, 4, 5, 6];
    const there = await run((g, input) => reshape(g, input('x', 1, 2, 3), [3, 2]), { x });
    expect(there).toEqual(x);
  });

  it('is free where the channels stay', () => {
    const graph = new Graph();
    const x = graph.create('x', [2, 6, 5], { role: 'external' });
    expect(reshape(graph, x, [2, 3, 5]).aliasOf).toBe(x.id);
    expect(reshape(graph, x, [5, 6]).aliasOf).toBeNull();
  });
});
