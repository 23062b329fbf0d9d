import { describe, expect, it } from 'vitest';
import { conv2d, conv2dGradInput, conv2dGradWeight } from './conv.ts';

// A 3 x 3 image of one channel and a 2 x 2 kernel, worked out by hand.
const image = Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
const kernel = Float64Array.of(1, 10, 100, 1000);
const shape = { b: 1, h: 3, w: 3, c: 1, o: 1, kh: 2, kw: 2 };
const plain = { ...shape, oh: 2, ow: 2, stride: 1, padding: 0 };
const strided = { ...shape, oh: 2, ow: 2, stride: 2, padding: 1 };

describe('conv2d()', () => {
  it('slides the kernel without turning it', () => {
    const y = new Float64Array(4).fill(9);
    conv2d(image, kernel, y, plain);
    expect([...y]).toEqual([5421, 6532, 8754, 9865]);
  });

  it('reads zeros around the image and skips by the stride', () => {
    const y = new Float64Array(4);
    conv2d(image, kernel, y, strided);
    expect([...y]).toEqual([1000, 3200, 7040, 9865]);
  });
});

describe('conv2dGradInput()', () => {
  it('gives every pixel what the windows over it received', () => {
    const dx = new Float64Array(9).fill(9);
    conv2dGradInput(Float64Array.of(1, 2, 3, 4), kernel, dx, plain);
    expect([...dx]).toEqual([1, 12, 20, 103, 1234, 2040, 300, 3400, 4000]);
  });
});

describe('conv2dGradWeight()', () => {
  it('correlates image and gradient, the bias in the last row', () => {
    const partial = new Float64Array(5).fill(9);
    conv2dGradWeight(image, Float64Array.of(1, 0, 0, 1), partial, 1, plain);
    expect([...partial]).toEqual([1 + 5, 2 + 6, 4 + 8, 5 + 9, 2]);
  });

  it('splits the images among the partial sums; one without images is zero', () => {
    const three = { ...plain, b: 3 };
    const x = Float64Array.of(...image, ...image, ...image.map((v) => 10 * v));
    const dy = new Float64Array(12).fill(1);
    const whole = new Float64Array(5);
    conv2dGradWeight(x, dy, whole, 1, three);
    const parts = new Float64Array(15).fill(9);
    conv2dGradWeight(x, dy, parts, 3, three);
    const total = Array.from(whole, (_, i) => parts[i]! + parts[5 + i]! + parts[10 + i]!);
    expect(total).toEqual([...whole]);
    expect(parts[4]).toBe(4);

    const two = new Float64Array(20).fill(9);
    conv2dGradWeight(x, dy, two, 4, { ...three });
    expect([...two.slice(15)]).toEqual([0, 0, 0, 0, 0]);
  });
});
