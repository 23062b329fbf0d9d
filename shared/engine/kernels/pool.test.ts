import { describe, expect, it } from 'vitest';
import { lowerAll, TestGraph } from './lowering.test-support.ts';

describe('pool lowering', () => {
  it('describes windows, and the cells that no window covers', () => {
    const t = new TestGraph();
    const x = t.input('x', 2, 7, 9, 5);
    const y = t.one('max_pool', [x], { size: 2, stride: 2 });
    t.one('max_pool_grad', [t.input('dy', 2, 3, 4, 5), x, y], { size: 2, stride: 2 });
    const [pool, grad] = lowerAll(t);
    expect(pool!.constants).toMatchObject({ SIZE4: 2 * 3 * 4 * 2, H: 7, W: 9, OH: 3, OW: 4 });
    expect(grad!.defines).toMatchObject({ WINDOWS: 1, SLOPE: 0 });
    // 4 x 5 windows, the last row and column of them cut off by the edge.
    expect(grad!.constants).toMatchObject({ ITEMS: 2 * 4 * 5 * 2, SIZE: 2, STRIDE: 2 });
    expect(grad!.bindings.map((b) => b.access)).toEqual(['read', 'read', 'read', 'read_write']);
  });

  it.each([
    ['max_pool', 250],
    ['avg_pool', 250],
  ])('refuses a window of %s that one invocation cannot loop over', (op, size) => {
    const t = new TestGraph();
    t.one(op, [t.input('x', 1, size, size, 1)], { size, stride: 1 });
    expect(() => lowerAll(t)).toThrow(`Cannot lower ${op}: one invocation would loop`);
  });

  it('refuses overlapping windows whose gradients loop too long', () => {
    const t = new TestGraph();
    const x = t.input('x', 1, 20, 20, 1);
    const inputs = [t.input('dy', 1, 5, 5, 1), x, t.input('y', 1, 5, 5, 1)];
    t.one('max_pool_grad', inputs, { size: 16, stride: 1 });
    expect(() => lowerAll(t)).toThrow(/max_pool_grad.*use smaller windows/);
  });

  it('refuses an image too large for one mean', () => {
    const t = new TestGraph();
    t.one('global_avg_pool', [t.input('x', 1, 300, 300, 1)]);
    expect(() => lowerAll(t)).toThrow(/global_avg_pool.*90000 times.*use smaller images/);
  });
});
