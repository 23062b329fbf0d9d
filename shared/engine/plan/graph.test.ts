import { describe, expect, it } from 'vitest';
import { Graph } from './graph.ts';

const init = { kind: 'zeros', fanIn: 1, fanOut: 1 } as const;

describe('Graph', () => {
  it('pads channel axes: the last of activations, the last two of weights', () => {
    const graph = new Graph();
    expect(graph.create('x', [5, 3]).padded).toEqual([5, 4]);
    expect(graph.parameter('w', [3, 3, 2, 9], 2, init).padded).toEqual([3, 3, 4, 12]);
    expect(graph.parameter('b', [9], 1, init).padded).toEqual([12]);
  });

  it('gives the same parameter to everyone who asks for its name', () => {
    const graph = new Graph();
    const first = graph.parameter('w', [2, 3], 2, init);
    expect(graph.parameter('w', [2, 3], 2, init)).toBe(first);
    expect(graph.parameters).toHaveLength(1);
    graph.parameter('b', [3], 1, init, 4);
    expect(graph.parameters.map((p) => p.group)).toEqual([0, 4]);
    expect(graph.parameterCount()).toBe(2 * 3 + 3);
  });

  it('follows aliases to the tensor that owns the storage', () => {
    const graph = new Graph();
    const x = graph.create('x', [2, 2, 2, 4]);
    const flat = graph.one('flatten', [x]);
    const held = graph.one('detach', [flat]);
    expect([flat.aliasOf, held.aliasOf]).toEqual([x.id, x.id]);
    expect(flat.shape).toEqual([2, 16]);
  });

  it('numbers the outputs of a node with several', () => {
    const graph = new Graph();
    const labels = graph.create('labels', [4], { dtype: 'u32', padded: [4] });
    const [rows, gradient] = graph.apply('mse', [graph.create('p', [4, 3]), labels], {}, 'loss');
    expect([rows!.name, gradient!.name]).toEqual(['loss.0', 'loss.1']);
    expect(graph.nodes).toEqual([
      { op: 'mse', attrs: {}, inputs: [1, 0], outputs: [rows!.id, gradient!.id] },
    ]);
  });

  it('names the tensor it cannot find', () => {
    expect(() => new Graph().tensor(3)).toThrow('Cannot find tensor 3: the graph has 0');
  });
});
