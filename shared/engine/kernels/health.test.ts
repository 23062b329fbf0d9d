import { describe, expect, it } from 'vitest';
import { lowerAll, TestGraph } from './lowering.test-support.ts';

function activations(...shape: number[]) {
  const t = new TestGraph();
  t.one('activation_stats', [t.input('y', ...shape)]);
  return lowerAll(t, 2)[0]!;
}

function gradients(elements: number, segments: number) {
  const t = new TestGraph();
  const inputs = [t.input('gradients', elements), t.words('segments', segments, 2)];
  t.one('gradient_stats', inputs, { segments });
  return lowerAll(t, 2)[0]!;
}

describe('health lowering', () => {
  it('looks at every row of an activation up to 20,000, and at an even sample of more', () => {
    expect(activations(20_000, 5).constants).toMatchObject({ COUNT: 20_000, SAMPLE: 1, C: 5 });
    expect(activations(20_001, 5).constants).toMatchObject({ COUNT: 10_001, SAMPLE: 2 });
    expect(activations(64, 32, 32, 5).constants).toMatchObject({ COUNT: 16_384, SAMPLE: 4 });
  });

  it('shares the rows among a workgroup when there are many', () => {
    const few = activations(1023, 300);
    expect([few.defines['LANES'], few.grid]).toEqual([1, [2, 1, 2]]);
    const many = activations(1024, 300);
    expect([many.defines['LANES'], many.grid]).toEqual([64, [75, 1, 2]]);
  });

  it('shares gradients by the size of the arena', () => {
    const small = gradients(4 * 8192, 70);
    expect([small.defines['LANES'], small.grid]).toEqual([1, [2, 1, 2]]);
    const large = gradients(4 * 8193, 70);
    expect([large.defines['LANES'], large.grid]).toEqual([64, [70, 1, 2]]);
    expect(large.constants).toMatchObject({ SEGMENTS: 70, SEGMENT_WORDS: 2, S_STRIDE: 0 });
  });
});
