import { describe, expect, it } from 'vitest';
import type { Attributes } from '../plan/graph.ts';
import { lowerAll, TestGraph } from './lowering.test-support.ts';

const ADAM = { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, clipNorm: 0, alphas: 5 };

function gather(rows: number, features: number[], attrs: Attributes) {
  const t = new TestGraph();
  const x = t.shared('dataset_x', rows, ...features);
  t.graph.apply('gather_batch', [x, t.words('dataset_y', rows), t.control()], {
    ...{ batch: 10, mode: 'shuffle', size: rows, stream: 7 },
    ...attrs,
  });
  return lowerAll(t, 2)[0]!;
}

/** @param norm Rows given to gradient_norm: `none` for no norm at all. */
function adam(attrs: Attributes, elements = 128, norm: 'none' | 'bare' | 'rows' = 'none') {
  const t = new TestGraph();
  const rows = t.input('rows', 100, 4);
  const gradients = t.input('gradients', elements);
  const partial = () => t.one('gradient_norm_partial', [gradients], { partials: 2 });
  const more =
    norm === 'none'
      ? []
      : [
          t.one('gradient_norm', norm === 'rows' ? [partial(), rows] : [partial()], {
            clipNorm: 1,
          }),
        ];
  const arenas = ['moment1', 'moment2'].map((name) => t.input(name, elements));
  const tail = [t.words('groups', 2), t.control(), rows, t.shared('metrics', 2, 4), ...more];
  t.graph.apply('adam_update', [t.input('parameters', elements), gradients, ...arenas, ...tail], {
    ...ADAM,
    ...attrs,
  });
  return lowerAll(t, 3).at(-1)!;
}

describe('gather_batch lowering', () => {
  it('splits long rows among invocations and shares the data set', () => {
    const call = gather(300, [28, 28, 3], {});
    expect(call.constants).toMatchObject({ F4: 784, CHUNKS: 49, X_STRIDE: 0, Y_STRIDE: 0 });
    expect(call.grid).toEqual([Math.ceil((10 * 49) / 64), 1, 2]);
    expect(call.defines).toEqual({ SHUFFLE: 1, PART: 0 });
  });

  it('takes a permutation domain that holds every row', () => {
    expect(gather(4, [2], {}).constants['HALF_BITS']).toBe(1);
    expect(gather(300, [2], {}).constants['HALF_BITS']).toBe(5);
    expect(gather(300, [2], { mode: 'sequential' }).constants).not.toHaveProperty('HALF_BITS');
  });

  it('refuses a size beyond the data', () => {
    expect(() => gather(8, [2], { size: 9 })).toThrow(
      'Cannot lower gather_batch: size is 9, "dataset_x" holds 8 rows',
    );
    expect(() => gather(8, [2], { size: 0 })).toThrow('size is 0');
  });
});

describe('optimizer lowering', () => {
  it('gives four invocations to 64 parameters, behind the workgroup of the metrics', () => {
    const call = adam({}, 64 * 100);
    expect(call.grid).toEqual([Math.ceil((4 * 100) / 64) + 1, 1, 3]);
    expect(call.constants).toMatchObject({ P4: 1600, GROUPS_AT: 8, BATCH: 100, KEEP1: 1 - 0.9 });
    expect(call.defines).toEqual({ NORM: 0, DECOUPLED: 0, LOOPED: 1 });
    expect(call.bindings).toHaveLength(8);
  });

  it('stays within eight buffers when it clips: metrics come with the norm', () => {
    const call = adam({ kind: 'adamw', clipNorm: 1 }, 128, 'rows');
    expect(call.defines).toEqual({ NORM: 1, DECOUPLED: 1, LOOPED: 0 });
    expect(call.bindings).toHaveLength(8);
    expect(call.bindings.map((b) => b.range.buffer)).not.toContain('rows');
    expect(call.constants).not.toHaveProperty('BATCH');
  });

  it('sums the metrics in a loop of rows on CPU renderers, while the rows are fewer than iterations may be', () => {
    const sums = (rows: number, family: 'software' | 'gpu') => {
      const t = new TestGraph();
      const inputs = [t.input('rows', rows, 4), t.control(), t.shared('metrics', 2, 4)];
      t.graph.apply('metrics_reduce', inputs, {});
      return lowerAll(t, 1, family)[0]!.defines['LOOPED'];
    };
    expect(sums(60_000, 'software')).toBe(1);
    expect(sums(60_001, 'software')).toBe(0);
    expect(sums(100, 'gpu')).toBe(0);
  });

  it('refuses a norm without the row statistics', () => {
    expect(() => adam({ clipNorm: 1 }, 128, 'bare')).toThrow(
      'give gradient_norm the row statistics as second input',
    );
  });

  it('refuses an epsilon that turns idle parameters into 0 / 0', () => {
    expect(() => adam({ epsilon: 0 })).toThrow('epsilon is 0, must be at least 1e-30');
  });

  it('refuses an arena that is not whole', () => {
    expect(() => adam({}, 100)).toThrow('must be a whole arena of 100 numbers a replica');
  });
});

describe('loss and norm lowering', () => {
  it('refuses more classes than one invocation may loop over', () => {
    const t = new TestGraph();
    const labels = t.words('labels', 2);
    t.graph.apply('softmax_cross_entropy', [t.input('logits', 2, 90_000), labels]);
    expect(() => lowerAll(t)).toThrow(RangeError);
    expect(() => lowerAll(t)).toThrow(/would loop 67500 times.*use fewer classes/);
  });

  it('strides labels that all replicas share by 0', () => {
    const t = new TestGraph();
    t.graph.apply('mse', [t.input('logits', 5, 3), t.words('labels', 5)]);
    expect(lowerAll(t, 2)[0]!.constants).toEqual({
      ...{ BATCH: 5, K: 3, K4: 1, X_STRIDE: 5, Y_STRIDE: 0 },
    });
  });

  it('splits the norm into parts, long ones among a workgroup', () => {
    const norm = (elements: number, partials: number) => {
      const t = new TestGraph();
      t.one('gradient_norm_partial', [t.input('gradients', elements)], { partials });
      const call = lowerAll(t)[0]!;
      return [call.defines['LANES'], call.constants['PART4'], call.grid[0]];
    };
    expect(norm(4 * 2048 * 7, 7)).toEqual([1, 2048, 1]);
    expect(norm(4 * 2049 * 7, 7)).toEqual([64, 2049, 7]);
    expect(() => norm(64, 65)).toThrow('partials is 65, must be 1 to 64');
    expect(() => norm(64, 0)).toThrow('partials is 0, must be 1 to 64');
  });
});
