import { describe, expect, it } from 'vitest';
import { fuse } from './fusion.ts';
import { Graph, type Tensor } from './graph.ts';

const init = { kind: 'zeros', fanIn: 1, fanOut: 1 } as const;

interface Net {
  graph: Graph;
  x: Tensor;
  y: Tensor;
  control: Tensor;
}

/** One linear layer with bias; `y` is its output. */
function linear(): Net {
  const graph = new Graph();
  const x = graph.create('x', [4, 3], { role: 'external' });
  const control = graph.create('control', [16], { dtype: 'u32', role: 'external' });
  const w = graph.parameter('w', [3, 5], 2, init);
  const y = graph.one('linear', [x, w, graph.parameter('b', [5], 1, init)], {}, 'y');
  return { graph, x, y, control };
}

const ops = (graph: Graph) => graph.nodes.map((n) => n.op);
const NONE: ReadonlySet<number> = new Set();

describe('fuse()', () => {
  it.each(['relu', 'tanh', 'sigmoid'])('folds %s into the product before it', (kind) => {
    const { graph, y } = linear();
    const out = graph.one('activation', [y], { kind }, 'out');
    fuse(graph, new Set([out.id]));
    expect(ops(graph)).toEqual(['linear']);
    expect(graph.nodes[0]!.attrs).toEqual({ bias: true, activation: kind });
    expect(graph.nodes[0]!.outputs).toEqual([out.id]);
  });

  it('keeps gelu apart: its gradient needs the sum', () => {
    const { graph, y } = linear();
    graph.one('activation', [y], { kind: 'gelu' });
    fuse(graph, NONE);
    expect(ops(graph)).toEqual(['linear', 'activation']);
  });

  it('keeps apart what somebody else reads, before or after the run', () => {
    const kept = linear();
    kept.graph.one('activation', [kept.y], { kind: 'relu' });
    fuse(kept.graph, new Set([kept.y.id]));
    expect(ops(kept.graph)).toEqual(['linear', 'activation']);

    const shared = linear();
    shared.graph.one('activation', [shared.y], { kind: 'relu' });
    shared.graph.one('scale', [shared.y], { factor: 2 });
    fuse(shared.graph, NONE);
    expect(ops(shared.graph)).toEqual(['linear', 'activation', 'scale']);

    const renamed = linear();
    renamed.graph.one('detach', [renamed.y]);
    renamed.graph.one('activation', [renamed.y], { kind: 'relu' });
    fuse(renamed.graph, NONE);
    expect(ops(renamed.graph)).toContain('activation');
  });

  it.each(['add', 'replace'])('folds a seed joined by %s, then the activation', (mode) => {
    const graph = new Graph();
    const x = graph.create('x', [4, 3], { role: 'external' });
    const control = graph.create('control', [16], { dtype: 'u32', role: 'external' });
    const z = graph.one('linear', [x, graph.parameter('host', [3, 5], 2, init)], {}, 'z');
    const inputs = [x, graph.parameter('w', [3, 5], 2, init), graph.parameter('b', [5], 1, init)];
    const y = graph.one('linear', inputs, {}, 'y');
    const blended = graph.one('blend', [z, y, control], { mode, alpha: 2 }, 'blended');
    const out = graph.one('activation', [blended], { kind: 'relu' }, 'out');
    fuse(graph, new Set([out.id]));
    expect(ops(graph)).toEqual(['linear', 'linear']);
    const node = graph.nodes[1]!;
    expect(node.attrs).toEqual({ bias: true, blend: mode, alpha: 2, activation: 'relu' });
    expect(node.inputs.slice(3)).toEqual([z.id, control.id]);
    expect(node.outputs).toEqual([out.id]);
  });

  it('does not fold a blend into its host, nor into a seed that runs before its host', () => {
    const host = linear();
    const s = host.graph.create('s', [4, 5], { role: 'external' });
    host.graph.one('blend', [host.y, s, host.control], { mode: 'add', alpha: 0 });
    fuse(host.graph, NONE);
    expect(ops(host.graph)).toEqual(['linear', 'blend']);

    const early = linear();
    const w = early.graph.parameter('host', [3, 5], 2, init);
    const z = early.graph.one('linear', [early.x, w], {}, 'z');
    early.graph.one('blend', [z, early.y, early.control], { mode: 'add', alpha: 0 });
    fuse(early.graph, NONE);
    expect(ops(early.graph)).toEqual(['linear', 'linear', 'blend']);
  });

  it.each(['multiply', 'gate'])('leaves the blend %s to its own kernel', (mode) => {
    const { graph, y, control } = linear();
    const z = graph.create('z', [4, 5], { role: 'external' });
    const gate = mode === 'gate' ? [graph.create('gate', [4, 1], { role: 'external' })] : [];
    graph.one('blend', [z, y, control, ...gate], { mode, alpha: 0 });
    fuse(graph, NONE);
    expect(ops(graph)).toEqual(['linear', 'blend']);
  });

  it.each(['relu', 'gelu'])('folds the slope of %s into the input gradient', (kind) => {
    const { graph } = linear();
    const dy = graph.create('dy', [4, 5], { role: 'external' });
    const saved = graph.create('saved', [4, 3], { role: 'external' });
    const w = graph.parameter('w', [3, 5], 2, init);
    const dx = graph.one('linear_grad_input', [dy, w], {}, 'dx');
    const out = graph.one('activation_grad', [dx, saved], { kind }, 'out');
    fuse(graph, new Set([out.id]));
    const node = graph.nodes.at(-1)!;
    expect([node.op, node.attrs]).toEqual(['linear_grad_input', { mask: kind }]);
    expect(node.inputs).toEqual([dy.id, w.id, saved.id]);
    expect(node.outputs).toEqual([out.id]);
  });

  it('folds the slope into the gradient of a max pool', () => {
    const graph = new Graph();
    const image = (name: string, size: number) =>
      graph.create(name, [1, size, size, 4], { role: 'external' });
    const [dy, x, y] = [image('dy', 2), image('x', 4), image('y', 2)];
    const dx = graph.one('max_pool_grad', [dy, x, y], { size: 2, stride: 2 }, 'dx');
    const out = graph.one('activation_grad', [dx, x], { kind: 'relu' }, 'out');
    fuse(graph, new Set([out.id]));
    expect(ops(graph)).toEqual(['max_pool_grad']);
    expect(graph.nodes[0]!.attrs).toEqual({ size: 2, stride: 2, mask: 'relu' });
    expect(graph.nodes[0]!.inputs).toEqual([dy.id, x.id, y.id, x.id]);
  });

  it('makes a layer of few scores and its cross-entropy one node', () => {
    const net = (classes: number, features = 3) => {
      const graph = new Graph();
      const x = graph.create('x', [4, features], { role: 'external' });
      const labels = graph.create('labels', [4], { dtype: 'u32', role: 'external' });
      const w = graph.parameter('w', [features, classes], 2, init);
      const y = graph.one('linear', [x, w, graph.parameter('b', [classes], 1, init)], {}, 'y');
      const attrs = { smoothing: 0.1 };
      const [rows, d] = graph.apply('softmax_cross_entropy', [y, labels], attrs);
      return { graph, x, w, y, labels, rows: rows!, d: d! };
    };
    const { graph, rows, d, labels } = net(5);
    fuse(graph, new Set([rows.id, d.id]));
    expect(ops(graph)).toEqual(['linear_cross_entropy']);
    expect(graph.nodes[0]!.attrs).toEqual({ bias: true, smoothing: 0.1 });
    expect(graph.nodes[0]!.inputs[3]).toBe(labels.id);
    expect(graph.nodes[0]!.outputs).toEqual([rows.id, d.id]);

    for (const apart of [net(33), net(5, 1025)]) {
      fuse(apart.graph, NONE);
      expect(ops(apart.graph)).toEqual(['linear', 'softmax_cross_entropy']);
    }
    // Somebody reads the scores.
    const kept = net(5);
    fuse(kept.graph, new Set([kept.y.id]));
    expect(ops(kept.graph)).toEqual(['linear', 'softmax_cross_entropy']);
  });

  it('says of every product whether it has a bias, fused or not', () => {
    const { graph, x } = linear();
    graph.one('linear', [x, graph.parameter('w2', [3, 5], 2, init)]);
    fuse(graph, NONE);
    expect(graph.nodes.map((n) => n.attrs['bias'])).toEqual([true, false]);
  });
});
