import { describe, expect, it } from 'vitest';
import type { Attributes, Tensor } from '../plan/graph.ts';
import { lowerAll, TestGraph } from './lowering.test-support.ts';

const GROUP = { segments: 2, groups: 2, epsilon: 1e-5 };

function groupStats(shape: readonly number[], attrs: Attributes = {}) {
  const t = new TestGraph();
  t.one('group_stats', [t.input('x', ...shape)], { ...GROUP, ...attrs });
  return lowerAll(t, 3)[0]!;
}

describe('norm lowering', () => {
  it('gives an invocation to each segment and group', () => {
    const call = groupStats([2, 5, 7, 12]);
    expect(call.constants).toMatchObject({ SEGMENTS: 2, GROUPS: 2, ROWS: 35, CG: 6, C4: 3 });
    expect(call.grid).toEqual([1, 1, 3]);
  });

  it('refuses groups that one invocation may not loop over', () => {
    expect(() => groupStats([2, 200, 200, 8])).toThrow(
      'Cannot lower group_stats: one invocation would loop 160000 times, at most 60000 are safe; use more groups, or smaller images',
    );
  });

  it('looks statistics up by channel, by whole groups or lane by lane', () => {
    const code = (channels: number, groups: number, statistics: string) => {
      const t = new TestGraph();
      const stats = statistics === 'group' ? [2 * groups, 4] : [2, channels];
      const inputs: Tensor[] = [t.input('x', 2, 3, channels), t.input('s', ...stats)];
      inputs.push(t.bias('w', channels), t.bias('b', channels));
      const segments = statistics === 'group' ? 2 : 1;
      t.one('normalize', inputs, { statistics, groups, segments });
      return lowerAll(t)[0]!.defines['STATS'];
    };
    expect([code(6, 1, 'fixed'), code(8, 2, 'group'), code(6, 1, 'group')]).toEqual([0, 1, 1]);
    expect(code(6, 2, 'group')).toBe(2);
  });

  it('splits the rows of a batch into parts of equal length', () => {
    const t = new TestGraph();
    t.one('channel_stats', [t.input('x', 130, 5)], { partials: 3 });
    const [call] = lowerAll(t);
    expect(call!.constants).toMatchObject({ ROWS: 130, PARTS: 3, CHUNK: 44, C4: 2 });
  });
});

describe('shape lowering', () => {
  it('knows stored and real lengths along the axis', () => {
    const t = new TestGraph();
    t.one('concat', [t.input('a', 2, 3, 5), t.shared('b', 2, 3, 6)], { axis: 2 });
    t.one('concat', [t.input('c', 2, 3, 5), t.shared('d', 2, 1, 5)], { axis: 1 });
    const [last, middle] = lowerAll(t, 2);
    expect(last!.constants).toEqual({
      ...{ SIZE4: 18, Y_STRIDE: 18, LENGTH_Y: 12, INNER: 1, LENGTH_A: 5, LENGTH_B: 6 },
      ...{ STORED_A: 8, STORED_B: 8, A_STRIDE: 48, B_STRIDE: 0 },
    });
    expect(middle!.constants).toMatchObject({ LENGTH_Y: 4, INNER: 8, LENGTH_A: 3, LENGTH_B: 1 });
  });

  it('repeats a factor only where there is one number a channel', () => {
    const t = new TestGraph();
    t.one('mul', [t.input('x', 2, 3, 8), t.input('g', 2, 8)]);
    t.one('mul', [t.input('y', 2, 8), t.input('h', 2, 8)]);
    const [channel, plain] = lowerAll(t);
    expect(channel!.defines).toEqual({ PER_CHANNEL: 1 });
    expect(channel!.constants).toMatchObject({ SAMPLE4: 6, C4: 2 });
    expect(plain!.defines).toEqual({ PER_CHANNEL: 0 });
  });

  it('refuses to sum more positions than one invocation may loop over', () => {
    const t = new TestGraph();
    t.one('sum_positions', [t.input('x', 1, 60_001, 4)], { factor: 1 });
    expect(() => lowerAll(t)).toThrow('use smaller images or shorter sequences');
  });
});

describe('attention lowering', () => {
  it('reads tokens as they are stored: words tight, floats in whole vec4s', () => {
    const t = new TestGraph();
    const table = t.weight('w', 9, 4);
    t.one('embedding', [t.words('ids', 3, 5), table]);
    t.one('embedding', [t.input('floats', 3, 5), table]);
    const [words, floats] = lowerAll(t, 2);
    expect(words!.defines).toEqual({ FLOAT: 0 });
    expect(words!.constants).toMatchObject({ T: 5, TOKENS_STORED: 5, TOKENS_STRIDE: 0, V: 9 });
    expect(floats!.defines).toEqual({ FLOAT: 1 });
    expect(floats!.constants).toMatchObject({ T: 5, TOKENS_STORED: 8, TOKENS_STRIDE: 24 });
  });

  it('refuses more tokens than one invocation may look at', () => {
    const t = new TestGraph();
    t.one('token_index', [t.words('ids', 301, 100)], { vocabulary: 9 });
    expect(() => lowerAll(t)).toThrow(
      'Cannot lower token_index: one invocation would loop 60200 times, at most 60000 are safe; use a smaller batch or shorter sequences',
    );
  });

  it('has the same sizes forward and transposed', () => {
    const t = new TestGraph();
    const attrs = { heads: 2, scale: 0.5, causal: false };
    const w = t.input('w', 3 * 2 * 5, 7);
    t.one('attention_mix', [w, t.input('v', 3, 7, 16)], { ...attrs, transposed: false });
    t.one('attention_mix', [w, t.input('dy', 3, 5, 16)], { ...attrs, transposed: true });
    const [forward, transposed] = lowerAll(t);
    const sizes = { T: 5, S: 7, STORED: 8, H: 2, D4: 2, SCALE: 0.5 };
    expect(forward!.constants).toMatchObject({ ...sizes, SIZE4: 3 * 5 * 4, V_STRIDE: 3 * 7 * 4 });
    expect(transposed!.constants).toMatchObject({ ...sizes, SIZE4: 3 * 7 * 4 });
    expect([forward!.defines['TRANSPOSED'], transposed!.defines['TRANSPOSED']]).toEqual([0, 1]);
  });
});
