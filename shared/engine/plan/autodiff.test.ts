import { describe, expect, it } from 'vitest';
import { differentiate } from './autodiff.ts';
import { Graph, type Tensor } from './graph.ts';

const init = { kind: 'zeros', fanIn: 1, fanOut: 1 } as const;

interface Net {
  graph: Graph;
  logits: Tensor;
  /** Parameters by name. */
  ids: Map<string, number>;
}

/** x -> fc1 -> tanh -> fc2, with biases. */
function mlp(): Net {
  const graph = new Graph();
  const x = graph.create('x', [4, 3], { role: 'external' });
  const layer = (input: Tensor, name: string, units: number) => {
    const w = graph.parameter(`${name}.weight`, [input.shape[1]!, units], 2, init);
    const b = graph.parameter(`${name}.bias`, [units], 1, init);
    return graph.one('linear', [input, w, b], {}, name);
  };
  const h = graph.one('activation', [layer(x, 'fc1', 5)], { kind: 'tanh' }, 'h');
  const logits = layer(h, 'fc2', 2);
  return { graph, logits, ids: new Map(graph.parameters.map((p) => [p.name, p.tensorId])) };
}

function start({ graph, logits }: Net): Map<number, Tensor> {
  return new Map([[logits.id, graph.create('dy', logits.shape, { role: 'external' })]]);
}

const backward = (graph: Graph, from: number) => graph.nodes.slice(from).map((n) => n.op);

describe('differentiate()', () => {
  it('appends the gradients of all parameters, last layer first', () => {
    const net = mlp();
    const before = net.graph.nodes.length;
    const gradients = differentiate(net.graph, start(net), new Set(net.ids.values()));
    expect(backward(net.graph, before)).toEqual([
      'linear_grad_input',
      'linear_grad_weight',
      'activation_grad',
      'linear_grad_weight',
    ]);
    expect(gradients.size).toBe(4);
    for (const [name, id] of net.ids) {
      const gradient = gradients.get(id)!;
      expect(gradient.shape, name).toEqual(net.graph.tensor(id).shape);
      expect(gradient.padded, name).toEqual(net.graph.tensor(id).padded);
      expect([gradient.role, gradient.parameterId]).toEqual(['parameter-gradient', id]);
    }
  });

  it('follows only the paths to what is wanted', () => {
    const net = mlp();
    const before = net.graph.nodes.length;
    const wanted = new Set([net.ids.get('fc2.weight')!, net.ids.get('fc2.bias')!]);
    differentiate(net.graph, start(net), wanted);
    expect(backward(net.graph, before)).toEqual(['linear_grad_weight']);
  });

  it('gives nothing to a parameter that the loss does not depend on', () => {
    const net = mlp();
    const other = net.graph.parameter('other', [3], 1, init);
    const wanted = new Set([other.id, net.ids.get('fc2.bias')!]);
    const gradients = differentiate(net.graph, start(net), wanted);
    expect([...gradients.keys()]).toEqual([net.ids.get('fc2.bias')]);
  });

  it('adds the gradients of a tensor that two nodes read', () => {
    const graph = new Graph();
    const x = graph.create('x', [4, 4], { role: 'external' });
    const w = graph.parameter('w', [4, 4], 2, init);
    const h = graph.one('linear', [x, w], {}, 'h');
    const y = graph.one('add', [h, graph.one('scale', [h], { factor: 2 })], {}, 'y');
    const before = graph.nodes.length;
    differentiate(graph, start({ graph, logits: y, ids: new Map() }), new Set([w.id]));
    expect(backward(graph, before)).toEqual(['scale', 'add', 'linear_grad_weight']);
  });

  it('stops at detach and hands a straight-through seed the gradient of its host', () => {
    const graph = new Graph();
    const x = graph.create('x', [4, 4], { role: 'external' });
    const host = graph.parameter('host', [4, 4], 2, init);
    const seed = graph.parameter('seed', [4, 4], 2, init);
    const z = graph.one('linear', [x, host], {}, 'z');
    const held = graph.one('detach', [z], {}, 'held');
    const s = graph.one('linear', [held, seed], {}, 's');
    const y = graph.one('straight_through', [z, s], {}, 'y');
    const from = start({ graph, logits: y, ids: new Map() });
    const before = graph.nodes.length;
    const gradients = differentiate(graph, from, new Set([host.id, seed.id]));
    expect(gradients.size).toBe(2);
    // One product each, and no gradient from the seed into its input.
    expect(backward(graph, before)).toEqual(['linear_grad_weight', 'linear_grad_weight']);
  });

  it('leaves the nodes of the host as they are when a seed beside it is trained too', () => {
    const alone = mlp();
    const before = alone.graph.nodes.length;
    differentiate(alone.graph, start(alone), new Set(alone.ids.values()));
    const seeded = mlp();
    const host = [...seeded.ids.values()];
    differentiate(seeded.graph, start(seeded), new Set(host));
    const count = seeded.graph.nodes.length;
    const h = seeded.graph.tensors.find((t) => t.name === 'h')!;
    const view = seeded.graph.one('detach', [h], {}, 'view');
    const w = seeded.graph.parameter('seed', [5, 2], 2, init, 1);
    const s = seeded.graph.one('linear', [view, w], {}, 's');
    differentiate(seeded.graph, start({ ...seeded, logits: s }), new Set([w.id]));
    expect(backward(seeded.graph, before).slice(0, count - before)).toEqual(
      backward(alone.graph, before),
    );
    expect(backward(seeded.graph, count)).toEqual(['detach', 'linear', 'linear_grad_weight']);
  });

  it('names an op that has no gradient', () => {
    const graph = new Graph();
    const w = graph.parameter('w', [4, 4], 2, init);
    const y = graph.one('guard', [w, w], { alpha: 0 }, 'y');
    expect(() => differentiate(graph, new Map([[y.id, w]]), new Set([w.id]))).toThrow(
      'Cannot differentiate through op "guard"',
    );
  });
});
