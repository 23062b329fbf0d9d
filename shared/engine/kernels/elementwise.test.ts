import { describe, expect, it } from 'vitest';
import { lowerAll, TestGraph } from './lowering.test-support.ts';

describe('elementwise lowering', () => {
  it('gives each replica its own part of every tensor, and shared ones stride 0', () => {
    const t = new TestGraph();
    t.one('add', [t.input('a', 3, 5), t.shared('b', 3, 5)]);
    const [call] = lowerAll(t, 4);
    expect(call!.constants).toEqual({ SIZE4: 6, A_STRIDE: 6, B_STRIDE: 0, Y_STRIDE: 6 });
    expect(call!.grid).toEqual([1, 1, 4]);
    expect(call!.bindings.map((b) => b.range.elements)).toEqual([4 * 24, 24, 4 * 24]);
  });

  it('folds a line of more than 65,535 workgroups', () => {
    const t = new TestGraph();
    t.one('scale', [t.input('x', 70_000, 256)], { factor: 2 });
    const [x, y, z] = lowerAll(t)[0]!.grid;
    expect([x, y, z]).toEqual([65_535, 2, 1]);
    expect(x * y * 64).toBeGreaterThanOrEqual((70_000 * 256) / 4);
  });

  it('compares dropout words with whole numbers', () => {
    const rate = (value: number) => {
      const t = new TestGraph();
      t.one('dropout', [t.input('x', 2, 4), t.control()], { rate: value, stream: 9 });
      return lowerAll(t)[0]!.constants;
    };
    expect(rate(0.25)).toMatchObject({ THRESHOLD: 2 ** 22, FACTOR: 4 / 3, STREAM: 9 });
    expect(rate(0)).toMatchObject({ THRESHOLD: 0, FACTOR: 1 });
    // 0.1 * 2^24 is no whole number: the first word that is kept lies above it.
    expect(rate(0.1)['THRESHOLD']).toBe(1_677_722);
    for (const bad of [1, -0.1, Number.NaN]) {
      expect(() => rate(bad)).toThrow(`rate is ${bad}, it must be at least 0 and below 1`);
    }
  });

  it('binds the gate only to blends that have one', () => {
    const t = new TestGraph();
    const [z, s, control] = [t.input('z', 2, 4), t.input('s', 2, 4), t.control()];
    t.one('blend', [z, s, control], { mode: 'multiply', alpha: 3 });
    t.one('blend', [z, s, control, t.input('gate', 2, 1)], { mode: 'gate', alpha: 3 });
    const [multiply, gate] = lowerAll(t);
    expect(multiply!.defines).toEqual({ MODE: 3 });
    expect(multiply!.bindings).toHaveLength(4);
    expect(multiply!.constants['ALPHA']).toBe(3);
    expect(gate!.defines).toEqual({ MODE: 4 });
    expect(gate!.bindings).toHaveLength(5);
    expect(gate!.constants).toMatchObject({ ROW4: 1, GATE_STRIDE: 2 });
  });

  it('sums long rows of a gate gradient by workgroups, short ones alone', () => {
    const lanes = (features: number) => {
      const t = new TestGraph();
      const [dy, s] = [t.input('dy', 3, features), t.input('s', 3, features)];
      t.one('blend_grad_gate', [dy, s, t.control(), t.input('gate', 3, 1)], { alpha: 0 });
      const [call] = lowerAll(t);
      return [call!.defines['LANES'], call!.grid[0]];
    };
    expect(lanes(2048)).toEqual([1, 1]);
    expect(lanes(2052)).toEqual([64, 3]);
  });
});
