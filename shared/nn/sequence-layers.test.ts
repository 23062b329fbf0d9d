import { describe, expect, it } from 'vitest';
import { Graph } from '../engine/plan/graph.ts';
import { run, type Values } from './_test-run.ts';
import { crossEntropy, meanSquaredError } from './losses.ts';
import {
  attention,
  concat,
  embedding,
  meanPositions,
  positions,
  positionwiseLinear,
} from './sequence-layers.ts';

describe('embedding() and positions()', () => {
  it('takes the row of each token and adds that of its position', async () => {
    const y = await run(
      (g, input) => positions(g, embedding(g, input('tokens', 1, 3), 'wte', 3, 2), 'wpe', 4),
      {
        tokens: [2, 0, 2],
        'wte.weight': [1, 2, 3, 4, 5, 6],
        'wpe.weight': [10, 20, 30, 40, 50, 60, 70, 80],
      },
    );
    expect(y).toEqual([15, 26, 31, 42, 55, 66]);
  });

  it('gives NaN for what is no token', async () => {
    const y = await run((g, input) => embedding(g, input('tokens', 1, 3), 'wte', 2, 1), {
      tokens: [1, 2, -1],
      'wte.weight': [7, 8],
    });
    expect(y).toEqual([8, Number.NaN, Number.NaN]);
  });

  it('refuses a sequence longer than the table of positions', () => {
    const graph = new Graph();
    const x = graph.create('x', [1, 5, 4], { role: 'external' });
    expect(() => positions(graph, x, 'wpe', 4)).toThrow(
      'Cannot apply add_positions to "x" [1, 5, 4] and "wpe.weight" [4, 4]',
    );
  });
});

describe('positionwiseLinear()', () => {
  it('applies one matrix at every position', async () => {
    const y = await run(
      (g, input) => positionwiseLinear(g, input('x', 1, 2, 2), 'fc', 3, { bias: false }),
      { x: [1, 2, 3, 4], 'fc.weight': [1, 0, 10, 0, 1, 100] },
    );
    expect(y).toEqual([1, 2, 210, 3, 4, 430]);
  });
});

describe('attention()', () => {
  const identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  const zero = [0, 0, 0, 0];
  const parameters: Values = Object.fromEntries(
    ['q', 'k', 'v', 'out'].flatMap((part) => [
      [`a.${part}_proj.weight`, identity],
      [`a.${part}_proj.bias`, zero],
    ]),
  );

  it('mixes values by the softmax of scaled products', async () => {
    const x = [2, 0, 0, 0, 0, 2, 0, 0];
    const y = await run((g, input) => attention(g, input('x', 1, 2, 4), 'a', { heads: 1 }), {
      ...parameters,
      x,
    });
    // Scores 4 / sqrt(4) with itself and 0 with the other.
    const own = Math.exp(2) / (Math.exp(2) + 1);
    expect(y[0]).toBeCloseTo(2 * own, 6);
    expect(y[1]).toBeCloseTo(2 * (1 - own), 6);
    expect(y[5]).toBeCloseTo(2 * own, 6);
  });

  it('sees nothing of what comes later when it is causal', async () => {
    const causal = (x: readonly number[]) =>
      run((g, input) => attention(g, input('x', 1, 3, 4), 'a', { heads: 1, causal: true }), {
        ...parameters,
        x,
      });
    const past = [1, 2, 3, 4, -1, 0.5, 2, 1];
    const one = await causal([...past, 9, 9, 9, 9]);
    const other = await causal([...past, -5, 0, 3, 1]);
    expect(one.slice(0, 8)).toEqual(other.slice(0, 8));
    expect(one.slice(0, 4)).toEqual([1, 2, 3, 4]);
    expect(one.slice(8)).not.toEqual(other.slice(8));
  });

  it('refuses heads that are no multiple of four wide, and causal memory of another length', () => {
    const graph = new Graph();
    const x = graph.create('x', [1, 3, 12], { role: 'external' });
    const memory = graph.create('memory', [1, 5, 12], { role: 'external' });
    expect(() => attention(graph, x, 'a', { heads: 2 })).toThrow(
      'channels must be 2 heads of a multiple of four',
    );
    expect(() => attention(graph, x, 'b', { heads: 3, causal: true }, memory)).toThrow(
      'causal needs as many queries as keys, got 3 and 5',
    );
  });
});

describe('concat() and meanPositions()', () => {
  it('joins in order and averages over positions', async () => {
    const y = await run(
      (g, input) => {
        const parts = [input('a', 1, 2, 1), input('b', 1, 2, 2), input('c', 1, 2, 1)];
        return meanPositions(g, concat(g, parts, 2));
      },
      { a: [1, 3], b: [10, 20, 30, 40], c: [5, 5] },
    );
    expect(y).toEqual([2, 20, 30, 5]);
  });

  it('refuses to join nothing', () => {
    expect(() => concat(new Graph(), [], 1)).toThrow('Cannot concat nothing');
  });
});

describe('losses', () => {
  it('smooth the target of cross-entropy', async () => {
    const loss = (smoothing: number) =>
      run((g, input) => crossEntropy(g, input('x', 1, 2), input('labels', 1), { smoothing }).rows, {
        x: [2, 0],
        labels: [0],
      });
    const hard = Math.log(1 + Math.exp(-2));
    expect((await loss(0))[0]).toBeCloseTo(hard, 6);
    // Both classes have a tenth of the target: 0.1 (hard + hard + 2) more, less 0.2 hard.
    expect((await loss(0.2))[0]).toBeCloseTo(hard + 0.1 * 2, 6);
    await expect(loss(1)).rejects.toThrow('at least 0 and below 1');
  });

  it('take every position of a sequence as a row, and give its gradient back in shape', async () => {
    const graph = new Graph();
    const logits = graph.create('x', [2, 3, 5], { role: 'external' });
    const labels = graph.create('labels', [6], { dtype: 'u32', padded: [6], role: 'external' });
    const { rows, gradient } = meanSquaredError(graph, logits, labels);
    expect([rows.shape, gradient.shape]).toEqual([
      [6, 4],
      [2, 3, 5],
    ]);
  });
});
