import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Graph } from '../engine/plan/graph.ts';
import { conv2d, linear } from '../nn/layers.ts';
import { fromTorch, loadStateDict, parameterKinds, toTorch } from './state-dict.ts';

const counted = (n: number) => Float32Array.from({ length: n }, (_, i) => i);

describe('toTorch()', () => {
  it('transposes a Linear weight', () => {
    const { data, shape } = toTorch('linear', [2, 3], counted(6));
    expect(shape).toEqual([3, 2]);
    expect([...data]).toEqual([0, 3, 1, 4, 2, 5]);
  });

  it('reads the features of an image in the order C, H, W', () => {
    // H 2, W 1, C 2, one output: ours runs over (h, c), PyTorch's over (c, h).
    const { data, shape } = toTorch('linear', [2, 1, 2, 1], counted(4));
    expect(shape).toEqual([1, 4]);
    expect([...data]).toEqual([0, 2, 1, 3]);
  });

  it('puts output before input channels of a convolution', () => {
    const { data, shape } = toTorch('conv2d', [1, 2, 2, 3], counted(12));
    expect(shape).toEqual([3, 2, 1, 2]);
    // out 0: in 0 at x 0 and 1, then in 1.
    expect([...data].slice(0, 4)).toEqual([0, 6, 3, 9]);
  });

  it('is undone exactly by fromTorch()', () => {
    const shapes = fc.oneof(
      fc.tuple(
        fc.constant('linear' as const),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 4 }),
      ),
      fc.tuple(
        fc.constant('conv2d' as const),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 4, maxLength: 4 }),
      ),
      fc.tuple(
        fc.constant('other' as const),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
      ),
    );
    fc.assert(
      fc.property(shapes, ([kind, shape]) => {
        const values = counted(shape.reduce((a, b) => a * b, 1));
        const there = toTorch(kind, shape, values);
        expect([...fromTorch(kind, shape, there.data)]).toEqual([...values]);
      }),
      { numRuns: 60, seed: 1 },
    );
  });
});

describe('parameterKinds()', () => {
  it('tells Linear and Conv2d weights by what reads them', () => {
    const graph = new Graph();
    const x = graph.create('x', [1, 4, 4, 1], { role: 'external' });
    linear(graph, conv2d(graph, x, 'conv1', 2, 3, { stride: 1, padding: 1 }), 'fc1', 3);
    expect(Object.fromEntries(parameterKinds(graph))).toEqual({
      'conv1.weight': 'conv2d',
      'conv1.bias': 'other',
      'fc1.weight': 'linear',
      'fc1.bias': 'other',
    });
  });
});

describe('loadStateDict()', () => {
  const wanted = [
    { name: 'fc1.weight', kind: 'linear', shape: [2, 3] },
    { name: 'fc1.bias', kind: 'other', shape: [3] },
    { name: 'fc2.bias', kind: 'other', shape: [1] },
  ] as const;
  const tensor = (...shape: number[]) => ({
    shape,
    data: counted(shape.reduce((a, b) => a * b, 1)),
  });

  it('takes every tensor by name, in our layouts', () => {
    const tensors = new Map([
      ['fc2.bias', tensor(1)],
      ['fc1.weight', tensor(3, 2)],
      ['fc1.bias', tensor(3)],
      ['bn1.num_batches_tracked', tensor(1)],
    ]);
    const values = loadStateDict(tensors, wanted, 'a.safetensors');
    expect([...values.get('fc1.weight')!]).toEqual([0, 2, 4, 1, 3, 5]);
    expect([...values.keys()]).toEqual(['fc1.weight', 'fc1.bias', 'fc2.bias']);
  });

  it('lists everything that is missing, left over or misshapen at once', () => {
    const tensors = new Map([
      ['fc1.weight', tensor(2, 3)],
      ['fc9.weight', tensor(1)],
      ['fc1.bias', tensor(3)],
    ]);
    expect(() => loadStateDict(tensors, wanted, 'a.safetensors')).toThrow(
      'Cannot load the weights of "a.safetensors": missing: "fc2.bias" [1]; not in the host: "fc9.weight"; of another shape: "fc1.weight" is [2, 3], must be [3, 2]',
    );
  });
});
