import { describe, expect, it } from 'vitest';
import { linear, linearGradInput, linearGradWeight } from './dense.ts';

// Two rows of three features, three features to two outputs, worked out by hand.
const sizes = { m: 2, k: 3, n: 2 };
const x = Float64Array.of(1, 2, 3, -1, 0, 4);
const weight = Float64Array.of(1, 10, 2, 20, 3, 30);
const dy = Float64Array.of(1, -1, 2, 0.5);

describe('linear()', () => {
  it('multiplies rows by columns', () => {
    const y = new Float64Array(4).fill(9);
    linear(x, weight, y, sizes);
    expect([...y]).toEqual([14, 140, 11, 110]);
  });
});

describe('linearGradInput()', () => {
  it('multiplies by the transposed weight', () => {
    const dx = new Float64Array(6);
    linearGradInput(dy, weight, dx, sizes);
    expect([...dx]).toEqual([-9, -18, -27, 7, 14, 21]);
  });
});

describe('linearGradWeight()', () => {
  it('sums over the batch, and the columns for the bias', () => {
    const dw = new Float64Array(6).fill(9);
    const db = new Float64Array(2).fill(9);
    linearGradWeight(x, dy, dw, db, sizes);
    expect([...dw]).toEqual([-1, -1.5, 2, -2, 11, -1]);
    expect([...db]).toEqual([3, -0.5]);
  });
});
