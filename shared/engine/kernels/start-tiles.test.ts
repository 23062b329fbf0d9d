import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LoweringContext } from './kernel-call.ts';
import { isShorter } from './start-tiles.ts';
import { chooseTile, type TiledOp } from './tiles.ts';

const context = (family: 'software' | 'gpu', quads = false): LoweringContext => ({
  ...{ replicas: 1, parameterElements: 64, family, quads, scheduleBase: 12, scheduleColumns: 4 },
});

const OPS: readonly TiledOp[] = [
  ...(['linear', 'linear_cross_entropy'] as const),
  ...(['linear_grad_input', 'linear_grad_weight'] as const),
  ...(['conv2d', 'conv2d_grad_input', 'conv2d_grad_weight'] as const),
  ...(['conv2d_grouped', 'conv2d_grouped_grad_input', 'conv2d_grouped_grad_weight'] as const),
];

const shapes = fc.record({
  op: fc.constantFrom(...OPS),
  rows: fc.integer({ min: 1, max: 3000 }),
  columns4: fc.integer({ min: 1, max: 60 }),
  depth: fc.integer({ min: 1, max: 3000 }),
  repeats: fc.integer({ min: 1, max: 3000 }),
  taps: fc.integer({ min: 1, max: 9 }),
});

describe('the tile to begin with', () => {
  it('is on a CPU renderer a small one without shared loads, in a workgroup of at most eight', () => {
    fc.assert(
      fc.property(shapes, fc.boolean(), (s, quads) => {
        const { start } = chooseTile(s, context('software', quads));
        expect(start.quad ?? false).toBe(false);
        if (start.compact) return;
        if (!s.op.startsWith('conv2d_grouped')) {
          expect(start.wx * start.wy).toBeLessThanOrEqual(8);
          expect(start.wx * start.wy).toBeGreaterThan(4);
        }
        for (const n of [start.rows, start.columns4, start.wx, start.wy]) {
          expect(Number.isInteger(n) && n >= 1).toBe(true);
        }
        const products = /^(linear(_grad_\w+)?|conv2d(_grad_\w+)?)$/.test(s.op);
        if (products) expect(start.rows * start.columns4).toBeLessThanOrEqual(2);
      }),
    );
  });

  it('is compact for products of little work and sums that one invocation may loop through', () => {
    const start = (op: TiledOp, rows: number, columns4: number, depth: number) =>
      chooseTile({ op, rows, columns4, depth, repeats: 1 }, context('software')).start;
    const compact = { rows: 1, columns4: 1, wx: 64, wy: 1, compact: true };
    expect(start('linear', 128, 16, 64)).toEqual(compact);
    expect(start('linear_grad_input', 128, 16, 64)).toEqual(compact);
    expect(start('linear_cross_entropy', 128, 3, 128)).toEqual({ ...compact, columns4: 3 });
    // 2^21 vec4 multiply-adds, and four of them for a vec4 of a weight gradient's rows.
    expect(start('linear', 512, 16, 256).compact).toBe(true);
    expect(start('linear', 513, 16, 256).compact).toBeUndefined();
    expect(start('linear_grad_weight', 8, 16, 4096).compact).toBe(true);
    expect(start('linear_grad_weight', 9, 16, 4096).compact).toBeUndefined();
    // A class of sizes has one tile: all of it must keep to the bound of iterations.
    expect(start('linear', 1, 1, 32_768).compact).toBe(true);
    expect(start('linear', 1, 1, 32_769).compact).toBeUndefined();
    expect(start('linear_cross_entropy', 1, 8, 1024).compact).toBe(true);
    expect(start('linear_cross_entropy', 1, 8, 2048).compact).toBeUndefined();
    expect(start('conv2d', 8, 2, 9).compact).toBeUndefined();
  });

  it('is the default on hardware', () => {
    fc.assert(
      fc.property(shapes, (s) => {
        const { candidates, start } = chooseTile(s, context('gpu'));
        expect(start).toBe(candidates[0]);
      }),
    );
  });

  it('stays the same whatever tile the plan is meant to have', () => {
    const s = { op: 'linear', rows: 128, columns4: 16, depth: 64, repeats: 1 } as const;
    const { candidates, key, start } = chooseTile(s, context('software'));
    const tiles = { [key]: candidates.at(-1)! };
    expect(chooseTile(s, { ...context('software'), tiles }).start).toEqual(start);
  });
});

describe('isShorter()', () => {
  const tile = (rows: number, columns4: number) => ({ rows, columns4, wx: 8, wy: 8 });

  it('takes a compact kernel before all others, and replaces none by another', () => {
    const compact = { ...tile(1, 1), compact: true };
    expect(isShorter(compact, tile(1, 1))).toBe(true);
    expect(isShorter(compact, compact)).toBe(false);
    expect(isShorter(tile(1, 1), compact)).toBe(false);
  });

  it('asks for half of the sums, and counts what workgroup memory takes', () => {
    expect(isShorter(tile(2, 1), tile(4, 1))).toBe(true);
    expect(isShorter(tile(2, 1), tile(3, 1))).toBe(false);
    expect(isShorter(tile(4, 1), tile(4, 1))).toBe(false);
    expect(isShorter(tile(4, 1), { ...tile(4, 1), slice: 16 })).toBe(true);
  });
});
