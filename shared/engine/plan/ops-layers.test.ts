import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attributes } from './graph.ts';
import { Graph } from './graph.ts';
import { inferOutputs } from './ops.ts';
import { MAX_LOOP_ITERATIONS } from './ops-conv.ts';
import { rowPartials } from './ops-norm.ts';
import { numel } from './shape.ts';

function outputs(op: string, shapes: (readonly number[])[], attrs: Attributes = {}) {
  const graph = new Graph();
  const inputs = shapes.map((shape, i) => graph.create(`t${i}`, shape));
  return inferOutputs(op, inputs, attrs).map((o) => o.shape);
}

const HEADS = { heads: 2, scale: 1, causal: false };

describe('shapes of norms, sequences and moves', () => {
  it.each<[string, (readonly number[])[], Attributes, (readonly number[])[]]>([
    ['group_stats', [[2, 3, 3, 6]], { segments: 2, groups: 3, epsilon: 0 }, [[6, 4]]],
    ['channel_stats', [[9, 5]], { partials: 3 }, [[3, 2, 8]]],
    ['reduce_affine', [[3, 2, 8]], { channels: 5 }, [[5], [5]]],
    [
      'concat',
      [
        [2, 3, 5],
        [2, 4, 5],
      ],
      { axis: 1 },
      [[2, 7, 5]],
    ],
    ['slice', [[2, 3, 5]], { axis: 2, start: 1, length: 4 }, [[2, 3, 4]]],
    ['pad_axis', [[2, 3, 5]], { axis: 1, start: 1, length: 6 }, [[2, 6, 5]]],
    ['transpose', [[2, 3, 5]], {}, [[2, 5, 3]]],
    ['sum_positions', [[2, 3, 4, 5]], { factor: 1 }, [[2, 5]]],
    ['fold_rows', [[2, 3, 5]], {}, [[6, 5]]],
    [
      'unfold_rows',
      [
        [6, 7],
        [2, 3, 5],
      ],
      {},
      [[2, 3, 7]],
    ],
    [
      'embedding',
      [
        [2, 3],
        [9, 5],
      ],
      {},
      [[2, 3, 5]],
    ],
    [
      'attention_scores',
      [
        [2, 3, 8],
        [2, 5, 8],
      ],
      HEADS,
      [[12, 5]],
    ],
    [
      'attention_mix',
      [
        [12, 5],
        [2, 5, 8],
      ],
      HEADS,
      [[2, 3, 8]],
    ],
    [
      'attention_mix',
      [
        [12, 5],
        [2, 3, 8],
      ],
      { ...HEADS, transposed: true },
      [[2, 5, 8]],
    ],
  ])('%s of %j with %j', (op, shapes, attrs, want) => {
    expect(outputs(op, shapes, attrs)).toEqual(want);
  });

  it.each<[string, (readonly number[])[], Attributes, string]>([
    ['group_stats', [[2, 6]], { segments: 2, groups: 4, epsilon: 0 }, 'divided into 4 groups'],
    ['group_stats', [[3, 6]], { segments: 2, groups: 2, epsilon: 0 }, 'divided into 2 segments'],
    ['running_stats', [[4], [5]], { epsilon: 0 }, 'lengths differ'],
    [
      'normalize',
      [[2, 6], [2, 6], [5], [6]],
      { statistics: 'fixed', segments: 1, groups: 1 },
      'needs one number a channel',
    ],
    [
      'normalize',
      [[2, 6], [3, 4], [6], [6]],
      { statistics: 'group', segments: 2, groups: 2 },
      'statistics are of other groups',
    ],
    [
      'normalize',
      [[2, 6], [2, 6], [6], [6]],
      { statistics: 'layer', segments: 1, groups: 1 },
      'Cannot find norm statistics "layer"',
    ],
    [
      'concat',
      [
        [2, 3],
        [2, 4],
      ],
      { axis: 0 },
      'axis is 0, must be 1 to 1',
    ],
    [
      'concat',
      [
        [2, 3, 4],
        [2, 4, 5],
      ],
      { axis: 1 },
      'shapes differ outside axis 1',
    ],
    ['slice', [[2, 3]], { axis: 1, start: 2, length: 2 }, '2 to 4 leaves axis 1'],
    ['pad_axis', [[2, 3]], { axis: 1, start: 2, length: 4 }, 'does not fit into 4 from 2 on'],
    ['transpose', [[2, 3]], {}, 'needs [B, ..., M, N]'],
    [
      'mul',
      [
        [2, 3, 4],
        [2, 3],
      ],
      {},
      'shapes differ',
    ],
    ['sum_positions', [[2, 3]], { factor: 1 }, 'needs [B, ..., C]'],
    [
      'unfold_rows',
      [
        [5, 7],
        [2, 3, 5],
      ],
      {},
      'numbers of rows differ',
    ],
    ['embedding', [[2, 3], [9]], {}, 'needs weight [V, C]'],
    ['softmax', [[3, 2]], { causal: true }, 'causal needs as many queries as keys'],
    [
      'attention_scores',
      [
        [2, 3, 6],
        [2, 3, 6],
      ],
      HEADS,
      '2 heads of a multiple of four',
    ],
    [
      'attention_scores',
      [
        [2, 3, 8],
        [3, 3, 8],
      ],
      HEADS,
      'batch or channels differ',
    ],
    [
      'attention_mix',
      [
        [12, 5],
        [2, 4, 8],
      ],
      HEADS,
      'lengths differ',
    ],
    ['mse', [[2, 3], [2]], { smoothing: 0.1 }, 'Cannot apply mse with smoothing 0.1'],
  ])('refuses %s of %j with %j', (op, shapes, attrs, message) => {
    expect(() => outputs(op, shapes, attrs)).toThrow(message);
  });

  it('keeps the elements of what is only moved', () => {
    const length = fc.integer({ min: 1, max: 6 });
    fc.assert(
      fc.property(fc.array(length, { minLength: 3, maxLength: 4 }), fc.nat(9), (shape, pick) => {
        const axis = 1 + (pick % (shape.length - 1));
        const [joined] = outputs('concat', [shape, shape], { axis });
        expect(numel(joined!)).toBe(2 * numel(shape));
        expect(numel(outputs('transpose', [shape])[0]!)).toBe(numel(shape));
        const half = { axis, start: shape[axis]!, length: shape[axis]! };
        expect(outputs('slice', [joined!], half)[0]).toEqual(shape);
      }),
    );
  });
});

describe('rowPartials()', () => {
  it('keeps the loop of every invocation under the cap and leaves no rows out', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000_000 }), (rows) => {
        const parts = rowPartials(rows);
        const chunk = Math.ceil(rows / parts);
        expect(2 * chunk).toBeLessThanOrEqual(MAX_LOOP_ITERATIONS + 2);
        expect(parts * chunk).toBeGreaterThanOrEqual(rows);
        expect(parts).toBeLessThanOrEqual(Math.max(64, Math.ceil(rows / 30_000)));
      }),
    );
  });
});
