import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { weightGradientPartials } from '../plan/ops-conv.ts';
import { makePlan } from '../plan/plan.ts';
import { loweringOf } from './catalog.ts';
import { type KernelCall, MAX_GROUPS } from './kernel-call.ts';
import { contextOf, TestGraph } from './lowering.test-support.ts';
import type { Tile } from './tiles.ts';

interface Size {
  batch: number;
  height: number;
  width: number;
  channels: number;
  outputs: number;
  stride: number;
}

/** A 3 x 3 convolution and its gradients, lowered with each sliced tile that hardware is offered. */
function sliced(s: Size, replicas = 2): Record<string, { tile: Tile; call: KernelCall }[]> {
  const t = new TestGraph();
  const attrs = { stride: s.stride, padding: 1 };
  const x = t.input('x', s.batch, s.height, s.width, s.channels);
  const w = t.weight('w', 3, 3, s.channels, s.outputs);
  const y = t.one('conv2d', [x, w], attrs);
  const dx = t.one('conv2d_grad_input', [y, w], { ...attrs, height: s.height, width: s.width });
  const partials = weightGradientPartials(s.batch, y.shape[1]!, y.shape[2]!);
  const kernel = { kernelHeight: 3, kernelWidth: 3, partials };
  const partial = t.one('conv2d_grad_weight', [x, y], { ...attrs, ...kernel });
  const plan = makePlan('test', t.graph, replicas, { dx, partial });
  const context = contextOf(plan, 'gpu');
  return Object.fromEntries(
    plan.dispatches.map((d) => {
      const { key, candidates } = loweringOf(d.op)(d, context).choice!;
      const tiles = candidates.filter((c) => c.slice !== undefined);
      const lower = (tile: Tile) => loweringOf(d.op)(d, { ...context, tiles: { [key]: tile } });
      return [d.op, tiles.map((tile) => ({ tile, call: lower(tile) }))];
    }),
  );
}

describe('convolutions by way of workgroup memory', () => {
  it('cover every row and column of their products, and say where they reach beyond', () => {
    const size = (min: number, max: number) => fc.integer({ min, max });
    const sizes = fc.record({
      ...{ batch: size(1, 20), height: size(2, 20), width: size(2, 20) },
      ...{ channels: size(4, 70), outputs: size(16, 90), stride: size(1, 2) },
    });
    fc.assert(
      fc.property(sizes, (s) => {
        for (const [op, calls] of Object.entries(sliced(s))) {
          for (const { tile, call } of calls) {
            const { constants: c, defines, grid } = call;
            expect(call.shader).toBe(`${op}_shared`);
            const weight = op === 'conv2d_grad_weight';
            const rows = weight ? c['ROWS4']! : c['M']!;
            const columns = op === 'conv2d_grad_input' ? c['K4']! : c['N4']!;
            const pieces = [
              [rows, grid[1] * tile.wy * tile.rows, defines['ROW_EDGE']],
              [columns, grid[0] * tile.wx * tile.columns4, defines['COLUMN_EDGE']],
            ] as const;
            for (const [wanted, covered, edge] of pieces) {
              expect(covered).toBeGreaterThanOrEqual(wanted);
              expect(edge).toBe(covered === wanted ? 0 : 1);
            }
            expect(grid[2]).toBe(2 * (weight ? c['PARTS']! : 1));
            if (!weight)
              expect(rows).toBe((call.bindings[2]!.range.elements / 2 / 4 / columns) | 0);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('end their sums where these end: parts of several lengths have an edge', () => {
    // 64 pixels of an image; 16 and 8 images make parts of two and one.
    const even = { batch: 16, height: 8, width: 8, channels: 32, outputs: 32, stride: 1 };
    const edges = (s: Size) =>
      Object.values(sliced(s)).map((calls) => calls.map(({ call }) => call.defines['DEPTH_EDGE']));
    expect(edges(even)).toEqual([
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    // Nine taps of three vec4s; 15 images in parts of two, and one of one.
    expect(edges({ ...even, channels: 12, batch: 15 })).toEqual([[1, 1, 1], [], [1, 1, 1]]);
  });

  it('fold more pixels than a dimension has workgroups into the third', () => {
    const s = { batch: 1100, height: 64, width: 64, channels: 16, outputs: 16, stride: 1 };
    const { conv2d, conv2d_grad_input: gradInput } = sliced(s, 3);
    for (const { tile, call } of [...conv2d!, ...gradInput!]) {
      const { FOLDS: folds } = call.defines;
      expect(folds).toBe(2);
      expect(call.grid[1]).toBeLessThanOrEqual(MAX_GROUPS);
      expect(call.grid[2]).toBe(3 * folds!);
      expect(call.constants['GROUPS']).toBe(call.grid[1]);
      expect(call.grid[1] * folds! * tile.wy * tile.rows).toBeGreaterThanOrEqual(
        call.constants['M']!,
      );
    }
  });
});
