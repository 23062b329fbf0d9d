import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Graph, type Tensor } from './graph.ts';
import { inferOutputs, opDefinition } from './ops.ts';
import { MAX_LOOP_ITERATIONS, weightGradientPartials, windowCount } from './ops-conv.ts';

/** Tensors of the given shapes, the last axis padded. */
function tensors(...shapes: (readonly number[])[]): Tensor[] {
  const graph = new Graph();
  return shapes.map((shape, i) => graph.create(`t${i}`, shape));
}

const shapeOf = (op: string, shapes: (readonly number[])[], attrs = {}) =>
  inferOutputs(op, tensors(...shapes), attrs).map((o) => o.shape);

describe('op table', () => {
  it('refuses an op it does not know', () => {
    expect(() => opDefinition('softplus')).toThrow('Cannot find op "softplus" in the op table');
  });

  it('infers the shapes of linear layers', () => {
    expect(shapeOf('linear', [[7, 3], [3, 5], [5]])).toEqual([[7, 5]]);
    expect(
      shapeOf('linear', [
        [2, 4, 4, 3],
        [4, 4, 3, 10],
      ]),
    ).toEqual([[2, 10]]);
    expect(
      shapeOf('linear_grad_input', [
        [2, 10],
        [4, 4, 3, 10],
      ]),
    ).toEqual([[2, 4, 4, 3]]);
    expect(
      shapeOf(
        'linear_grad_weight',
        [
          [7, 3],
          [7, 5],
        ],
        { bias: true },
      ),
    ).toEqual([[3, 5], [5]]);
  });

  it('infers the shapes of convolutions and pools', () => {
    const attrs = { stride: 2, padding: 1 };
    expect(shapeOf('conv2d', [[3, 7, 9, 5], [3, 3, 5, 6], [6]], attrs)).toEqual([[3, 4, 5, 6]]);
    const apart = { stride: 1, padding: 2, paddingHeight: 0, dilation: 3, groups: 2 };
    expect(
      shapeOf(
        'conv2d',
        [
          [2, 7, 9, 8],
          [3, 3, 4, 6],
        ],
        apart,
      ),
    ).toEqual([[2, 1, 7, 6]]);
    expect(shapeOf('max_pool', [[3, 5, 7, 5]], { size: 2, stride: 2 })).toEqual([[3, 2, 3, 5]]);
    expect(shapeOf('global_avg_pool', [[3, 5, 7, 5]])).toEqual([[3, 5]]);
    const weight = { ...attrs, kernelHeight: 3, kernelWidth: 3, partials: 3 };
    expect(
      shapeOf(
        'conv2d_grad_weight',
        [
          [3, 7, 9, 5],
          [3, 4, 5, 6],
        ],
        weight,
      ),
    ).toEqual([[3, 3 * 3 * 8 + 1, 8]]);
  });

  it.each<[string, (readonly number[])[], Record<string, number | string>, string]>([
    [
      'linear',
      [
        [7, 4],
        [3, 5],
      ],
      {},
      'feature axes differ',
    ],
    ['linear', [[7, 3], [3, 5], [4]], {}, 'bias length differs'],
    [
      'conv2d',
      [
        [1, 4, 4, 2],
        [3, 3, 3, 5],
      ],
      { stride: 1, padding: 0 },
      'input channels differ',
    ],
    [
      'conv2d',
      [
        [1, 2, 2, 2],
        [3, 3, 2, 5],
      ],
      { stride: 1, padding: 0 },
      'kernel is larger',
    ],
    [
      'conv2d',
      [
        [4, 2],
        [3, 3, 2, 5],
      ],
      { stride: 1, padding: 0 },
      'needs [B, H, W, C]',
    ],
    [
      'conv2d',
      [
        [1, 4, 4, 8],
        [3, 3, 2, 6],
      ],
      { stride: 1, padding: 1, groups: 2 },
      'input channels differ in 2 groups',
    ],
    [
      'conv2d',
      [
        [1, 4, 4, 8],
        [3, 3, 4, 5],
      ],
      { stride: 1, padding: 1, groups: 2 },
      '5 outputs cannot be cut into 2 groups',
    ],
    [
      'conv2d',
      [
        [1, 4, 4, 2],
        [3, 3, 2, 5],
      ],
      { stride: 1, padding: 0, dilation: 2 },
      'kernel is larger',
    ],
    [
      'conv2d',
      [
        [1, 4, 4, 2],
        [3, 3, 2, 5],
      ],
      { stride: 1, padding: 1, dilation: 0 },
      'dilation is 0, must be a whole number of at least 1',
    ],
    ['batch_rows', [[4, 3]], { start: 2, length: 3 }, 'rows 2 to 5 leave the batch'],
    [
      'join_batches',
      [
        [2, 3],
        [2, 4],
      ],
      {},
      'rows differ',
    ],
    [
      'mix_losses',
      [
        [2, 4],
        [2, 3],
        [3, 4],
        [3, 3],
      ],
      { a: 1, b: 1 },
      'not of the same rows',
    ],
    [
      'linear_grad_input',
      [
        [2, 5],
        [3, 4],
      ],
      {},
      'output features differ',
    ],
    [
      'linear_grad_weight',
      [
        [2, 5],
        [3, 4],
      ],
      {},
      'batch differs',
    ],
    [
      'concat',
      [
        [2, 3],
        [2, 3],
      ],
      { axis: 0 },
      'axis is 0, must be 1 to 1',
    ],
    [
      'attention_scores',
      [
        [2, 3],
        [2, 3],
      ],
      { heads: 1 },
      'needs [B, T, C]',
    ],
    ['embedding', [[2], [3, 4, 5]], {}, 'needs weight [V, C]'],
    [
      'normalize',
      [[4, 6], [2, 6], [5], [6]],
      { statistics: 'batch', segments: 1, groups: 1 },
      'needs one number a channel',
    ],
    ['reshape', [[2, 3, 4]], { shape: '5x2' }, 'a sample cannot become [5, 2]'],
    ['reshape', [[2, 3, 4]], { shape: '12x' }, 'a sample cannot become'],
    ['max_pool', [[1, 2, 2, 1]], { size: 3, stride: 1 }, 'window of 3 is larger'],
    [
      'add',
      [
        [2, 3],
        [2, 4],
      ],
      {},
      'shapes differ',
    ],
    ['blend', [[2, 3], [2, 4], [9]], { mode: 'add', alpha: 0 }, 'shapes differ'],
    ['blend', [[2, 3], [2, 3], [9]], { mode: 'gate', alpha: 0 }, 'takes a gate logit'],
    ['blend', [[2, 3], [2, 3], [9]], { mode: 'mix', alpha: 0 }, 'Cannot find blend mode "mix"'],
    ['activation', [[2, 3]], { kind: 'swish' }, 'Cannot find activation "swish"'],
    ['softmax_cross_entropy', [[2, 3], [3]], {}, 'needs logits [B, K] and labels [B]'],
    ['flatten', [[2, 2, 2, 3]], {}, 'channels must be a multiple of four'],
    ['gather_batch', [[2, 3], [2]], {}, 'Cannot read attribute "batch"'],
  ])('refuses %s of %j', (op, shapes, attrs, message) => {
    expect(() => shapeOf(op, shapes, attrs)).toThrow(message);
  });
});

describe('windowCount()', () => {
  it('counts the windows that start inside the padded line and fit', () => {
    const size = fc.integer({ min: 1, max: 6 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), size, size, fc.nat(3), (n, k, stride, pad) => {
        let fits = 0;
        for (let at = -pad; at + k <= n + pad; at += stride) fits++;
        expect(Math.max(0, windowCount(n, k, stride, pad))).toBe(fits);
      }),
    );
  });
});

describe('weightGradientPartials()', () => {
  it('keeps the loop of every invocation under the cap wherever images can be split', () => {
    const edge = fc.integer({ min: 1, max: 240 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2048 }), edge, edge, (batch, height, width) => {
        const partials = weightGradientPartials(batch, height, width);
        const size = 1 + height * (1 + width);
        expect(partials).toBeGreaterThanOrEqual(Math.min(8, batch));
        expect(partials).toBeLessThanOrEqual(batch);
        expect(Math.ceil(batch / partials) * size).toBeLessThanOrEqual(MAX_LOOP_ITERATIONS);
      }),
    );
  });
});
