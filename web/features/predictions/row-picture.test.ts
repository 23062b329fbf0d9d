import { describe, expect, it } from 'vitest';
import { imagePixels } from './row-picture.ts';

describe('imagePixels()', () => {
  it('stretches one channel to grey from black to white', () => {
    const pixels = imagePixels(new Float32Array([-1, 0, 3, 1]), [2, 2, 1]);
    expect([...pixels.subarray(0, 4)]).toEqual([0, 0, 0, 255]);
    expect([...pixels.subarray(8, 12)]).toEqual([255, 255, 255, 255]);
    expect(pixels[12]).toBe(128);
  });

  it('keeps three channels apart', () => {
    const pixels = imagePixels(new Float32Array([0, 1, 0.5]), [1, 1, 3]);
    expect([...pixels]).toEqual([0, 255, 128, 255]);
  });

  it('shows a constant image as black, not as noise', () => {
    expect([...imagePixels(new Float32Array([7]), [1, 1, 1])]).toEqual([0, 0, 0, 255]);
  });
});
