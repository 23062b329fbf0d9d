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

describe('groups and dilation', () => {
  it('joins each output to the channels of its group, taps apart', () => {
    // Two channels and four outputs in two groups; one row, taps two pixels apart.
    const s = {
      ...{ b: 1, h: 1, w: 3, c: 2, o: 4, oh: 1, ow: 1, kh: 1, kw: 2 },
      ...{ stride: 1, padding: 0, dilation: 2, groups: 2 },
    };
    const x = Float64Array.of(1, 2, 70, 80, 3, 4);
    const weight = Float64Array.of(1, 10, 100, 1000, 2, 20, 200, 2000);
    const y = new Float64Array(4);
    conv2d(x, weight, y, s);
    expect([...y]).toEqual([7, 70, 1000, 10_000]);

    const dx = new Float64Array(6);
    conv2dGradInput(Float64Array.of(1, 1, 1, 1), weight, dx, s);
    expect([...dx]).toEqual([11, 1100, 0, 0, 22, 2200]);

    const partial = new Float64Array(12);
    conv2dGradWeight(x, Float64Array.of(1, 2, 3, 4), partial, 1, s);
    expect([...partial]).toEqual([1, 2, 6, 8, 3, 6, 12, 16, 1, 2, 3, 4]);
  });

  it('pads rows and columns by numbers of their own', () => {
    const s = { ...plain, paddingHeight: 1, oh: 4, ow: 2 };
    const y = new Float64Array(8);
    conv2d(image, kernel, y, s);
    expect([...y]).toEqual([2100, 3200, 5421, 6532, 8754, 9865, 87, 98]);
  });
});
