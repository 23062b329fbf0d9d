import { describe, expect, it } from 'vitest';
import { differentiate } from './autodiff.ts';
import { Graph, type Tensor } from './graph.ts';
import { layoutParameters, makePlan, type Plan } from './plan.ts';
import { SLICE_ALIGNMENT } from './shape.ts';

const init = { kind: 'zeros', fanIn: 1, fanOut: 1 } as const;

/** A deep narrow network with its gradients: many tensors that live a short time. */
function deep(layers: number, replicas: number): { graph: Graph; plan: Plan; logits: Tensor } {
  const graph = new Graph();
  const data = graph.create('data', [4, 6], { role: 'external', replicated: false });
  let h = data;
  for (let i = 0; i < layers; i++) {
    const w = graph.parameter(`fc${i}.weight`, [6, 6], 2, init);
    const b = graph.parameter(`fc${i}.bias`, [6], 1, init, i % 2);
    h = graph.one('linear', [h, w, b], {}, `z${i}`);
    h = graph.one('activation', [h], { kind: 'gelu' }, `h${i}`);
  }
  const dy = graph.create('dy', h.shape, { role: 'external' });
  differentiate(graph, new Map([[h.id, dy]]), new Set(graph.parameters.map((p) => p.tensorId)));
  return { graph, plan: makePlan('deep', graph, replicas, { h }), logits: h };
}

describe('layoutParameters()', () => {
  it('places parameters in order at aligned offsets without overlap', () => {
    const { graph } = deep(3, 1);
    const { parameters, elements } = layoutParameters(graph);
    let end = 0;
    for (const p of parameters) {
      expect(p.offset % SLICE_ALIGNMENT).toBe(0);
      expect(p.offset).toBeGreaterThanOrEqual(end);
      end = p.offset + p.padded.reduce((a, b) => a * b, 1);
    }
    expect(elements).toBeGreaterThanOrEqual(end);
    expect(elements % SLICE_ALIGNMENT).toBe(0);
    expect(parameters.map((p) => p.group)).toEqual([0, 0, 0, 1, 0, 0]);
  });

  it('keeps the offsets of old parameters when new ones are added', () => {
    const { graph } = deep(2, 1);
    const before = layoutParameters(graph).parameters;
    graph.parameter('seed', [6, 3], 2, init, 1);
    expect(layoutParameters(graph).parameters.slice(0, before.length)).toEqual(before);
  });

  it('gives a graph without parameters an arena that can be bound', () => {
    expect(layoutParameters(new Graph()).elements).toBe(SLICE_ALIGNMENT);
  });
});

describe('makePlan()', () => {
  it('never reads and writes one slot in a dispatch, and never overwrites a value still needed', () => {
    const { plan } = deep(6, 2);
    /** Tensor that a slot holds at the moment. */
    const held = new Map<string, number>();
    for (const d of plan.dispatches) {
      const read = new Set(d.inputs.map((t) => t.buffer));
      for (const t of d.inputs) {
        if (t.buffer.startsWith('slot')) expect(held.get(t.buffer), t.name).toBe(t.id);
      }
      for (const t of d.outputs) {
        if (!t.buffer.startsWith('slot')) continue;
        expect(read.has(t.buffer)).toBe(false);
        held.set(t.buffer, t.id);
      }
    }
    const output = plan.outputs['h']!;
    expect(held.get(output.buffer)).toBe(output.id);
  });

  it('shares memory, says how much, and makes every slot large enough', () => {
    const { plan } = deep(6, 3);
    expect(plan.memory.arenaBytes).toBeLessThan(plan.memory.withoutReuseBytes);
    expect(plan.memory.arenaBytes).toBe(plan.slots.reduce((a, s) => a + 4 * s.elements, 0));
    const sizes = new Map(plan.slots.map((s) => [s.name, s.elements]));
    for (const t of plan.dispatches.flatMap((d) => [...d.inputs, ...d.outputs])) {
      if (t.buffer.startsWith('slot')) {
        expect(sizes.get(t.buffer)).toBeGreaterThanOrEqual(3 * t.elements);
      }
    }
  });

  it('places parameters, gradients, shared and own data', () => {
    const { plan } = deep(2, 3);
    const first = plan.dispatches[0]!;
    const [x, w, b] = first.inputs;
    expect([x!.buffer, x!.replicaStride]).toEqual(['data', 0]);
    expect([w!.buffer, w!.offset, w!.replicaStride]).toEqual([
      'parameters',
      0,
      plan.parameterElements,
    ]);
    expect(b!.offset).toBe(plan.parameters[1]!.offset);
    const gradients = plan.dispatches.filter((d) => d.op === 'linear_grad_weight');
    for (const d of gradients) {
      for (const t of d.outputs) {
        const name = t.shape.length === 2 ? 'weight' : 'bias';
        expect(t.buffer).toBe('gradients');
        expect(plan.parameters.some((p) => p.offset === t.offset && p.name.endsWith(name))).toBe(
          true,
        );
      }
    }
    const dy = plan.dispatches.flatMap((d) => d.inputs).find((t) => t.name === 'dy')!;
    expect(dy.replicaStride).toBe(dy.elements);
  });

  it('makes no dispatch for ops that only rename storage', () => {
    const graph = new Graph();
    const x = graph.create('x', [2, 2, 2, 4], { role: 'external' });
    const flat = graph.one('flatten', [graph.one('scale', [x], { factor: 2 })]);
    const y = graph.one('scale', [graph.one('detach', [flat])], { factor: 3 }, 'y');
    const plan = makePlan('renamed', graph, 1, { y, flat });
    expect(plan.dispatches.map((d) => d.op)).toEqual(['scale', 'scale']);
    expect(plan.dispatches[1]!.inputs[0]!.buffer).toBe(plan.outputs['flat']!.buffer);
    expect(plan.outputs['flat']!.shape).toEqual([2, 16]);
  });

  it('reads the arena of another plan by parameter name', () => {
    const trained = deep(2, 1).plan;
    const graph = new Graph();
    const x = graph.create('x', [4, 6], { role: 'external' });
    const w = graph.parameter('fc1.weight', [6, 6], 2, init);
    const y = graph.one('linear', [x, w], {}, 'y');
    const arena = { parameters: trained.parameters, elements: trained.parameterElements };
    const plan = makePlan('evaluate', graph, 1, { y }, arena);
    expect(plan.dispatches[0]!.inputs[1]!.offset).toBe(
      trained.parameters.find((p) => p.name === 'fc1.weight')!.offset,
    );

    const other = new Graph();
    const stray = other.parameter('new', [6, 6], 2, init);
    other.one('linear', [other.create('x', [4, 6], { role: 'external' }), stray]);
    expect(() => makePlan('evaluate', other, 1, {}, arena)).toThrow(
      'Cannot place "new": the arena has no parameter for it',
    );
  });

  it('is the same for the same graph', () => {
    expect(deep(3, 2).plan).toEqual(deep(3, 2).plan);
  });
});
