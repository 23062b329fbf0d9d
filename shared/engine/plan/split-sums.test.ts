import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differentiate } from './autodiff.ts';
import { Graph } from './graph.ts';
import { MAX_LOOP_ITERATIONS } from './ops-conv.ts';
import { makePlan } from './plan.ts';
import { partsOf, sumParts } from './split-sums.ts';

const INIT = { kind: 'ones', fanIn: 1, fanOut: 1 } as const;

/** A Linear layer with all its gradients, as a plan. */
function planOf(m: number, k: number, n: number, bias = true) {
  const graph = new Graph();
  const x = graph.create('x', [m, 4], { role: 'external' });
  const h = graph.one('linear', [x, graph.parameter('v', [4, k], 2, INIT)]);
  const weight = graph.parameter('w', [k, n], 2, INIT);
  const inputs = [h, weight, ...(bias ? [graph.parameter('b', [n], 1, INIT)] : [])];
  const y = graph.one('activation', [graph.one('linear', inputs)], { kind: 'relu' });
  const wanted = new Set(graph.parameters.map((p) => p.tensorId));
  differentiate(graph, new Map([[y.id, graph.create('dy', [m, n], { role: 'external' })]]), wanted);
  return makePlan('test', graph, 2, { y });
}

describe('sumParts()', () => {
  it.each([
    // results, depth, parts
    [16, 1023, 1],
    [16, 1024, 2],
    [16, 5120, 10],
    [16, 1e6, 32],
    // 4,096 pieces of results: half of what a GPU holds.
    [65_536, 1e4, 2],
    [65_537, 1e4, 1],
    [1024 * 1024, 1024, 1],
  ])('cuts %i sums of %i products into %i', (results, depth, parts) => {
    expect(sumParts(results, depth, depth / 4)).toBe(parts);
  });

  it('never leaves more to one invocation than it may loop', () => {
    expect(sumParts(1e6, 120_001, 120_001)).toBe(3);
    expect(sumParts(1e6, 60_000, 60_000)).toBe(1);
  });

  it('leaves no part empty and none longer than another', () => {
    const size = (max: number) => fc.integer({ min: 1, max });
    fc.assert(
      fc.property(size(100_000), size(1_000_000), (results, steps) => {
        const parts = sumParts(results, steps, steps);
        const { chunk, divisor } = partsOf({ parts }, steps);
        const last = steps - chunk * (parts - 1);
        expect(last).toBeGreaterThan(0);
        expect(last).toBeLessThanOrEqual(chunk);
        expect([chunk % divisor, last % divisor]).toEqual([0, 0]);
        expect(chunk).toBeLessThanOrEqual(MAX_LOOP_ITERATIONS);
      }),
    );
  });
});

describe('splitLongSums()', () => {
  const ops = (m: number, k: number, n: number) => planOf(m, k, n).dispatches.map((d) => d.op);

  it('leaves short sums and many results alone', () => {
    for (const [m, k, n] of [
      ...[[1000, 8, 8] as const, [8, 1000, 8] as const, [8, 8, 1000] as const],
      [128, 784, 256] as const,
    ]) {
      expect(ops(m, k, n)).toContain('linear_grad_weight');
      expect(ops(m, k, n)).not.toContain('sum_parts');
      expect(ops(m, k, n)).not.toContain('reduce_partials');
    }
  });

  it('cuts the sums over inputs, outputs and rows, and moves what was fused', () => {
    const plan = planOf(8, 1100, 8);
    const at = plan.dispatches.findIndex((d) => d.attrs['parts'] === 2);
    const [product, sum] = plan.dispatches.slice(at, at + 2);
    expect(product!.attrs).toEqual({ parts: 2 });
    expect(product!.outputs[0]!.padded).toEqual([2, 8, 8]);
    expect(sum).toMatchObject({
      op: 'sum_parts',
      attrs: { parts: 2, bias: true, activation: 'relu' },
    });
    expect(sum!.inputs.map((t) => t.name)).toEqual([product!.outputs[0]!.name, 'b']);
    expect(ops(8, 8, 1100)).toContain('sum_parts');
    const made = ['linear_grad_weight', 'reduce_partials'];
    const weight = planOf(1100, 8, 8).dispatches.filter((d) => made.includes(d.op));
    expect(weight.map((d) => [d.op, d.attrs['parts'] ?? d.attrs['partials']])).toEqual([
      ['linear_grad_weight', 2],
      ['reduce_partials', 2],
      ['linear_grad_weight', 2],
      ['reduce_partials', 2],
    ]);
    expect(weight[0]!.outputs[0]!.padded).toEqual([2, 9, 8]);
  });
});
