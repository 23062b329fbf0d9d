import { describe, expect, it } from 'vitest';
import type { BoundaryImage } from '../../../shared/contracts/engine-protocol.ts';
import { boundaryPixels, describeBoundary } from '../../ui/boundary-pixels.ts';
import { boundaryContours } from './boundary-contours.ts';

/** Class 1 with certainty `p` where `inside` holds. */
function grid(resolution: number, inside: (x: number, y: number) => number): BoundaryImage {
  const probabilities = new Float32Array(resolution * resolution * 2);
  for (let y = 0; y < resolution; y++) {
    for (let x = 0; x < resolution; x++) {
      const p = inside(x, y);
      probabilities[(y * resolution + x) * 2] = 1 - p;
      probabilities[(y * resolution + x) * 2 + 1] = p;
    }
  }
  return { step: 1, resolution, classes: 2, extent: [0, 0, 1, 1], probabilities };
}

describe('boundaryPixels()', () => {
  it('draws row 0, the lowest y, at the bottom', () => {
    const image = grid(2, (_, y) => (y === 0 ? 1 : 0));
    const colors = [
      [0, 0, 255],
      [255, 0, 0],
    ] as const;
    const pixels = boundaryPixels(image, (k) => colors[k as 0 | 1], [0, 0, 0], 1);
    expect(Array.from(pixels.slice(0, 4))).toEqual([0, 0, 255, 255]);
    expect(Array.from(pixels.slice(8, 12))).toEqual([255, 0, 0, 255]);
  });

  it('is paler the less certain', () => {
    const strength = (p: number): number =>
      boundaryPixels(
        grid(1, () => p),
        () => [255, 255, 255],
        [0, 0, 0],
        1,
      )[0] as number;
    expect(strength(0.55)).toBeLessThan(strength(0.8));
    expect(strength(0.8)).toBeLessThan(strength(1));
  });
});

describe('describeBoundary()', () => {
  it('measures areas and counts points on the wrong side', () => {
    const image = grid(10, (x) => (x < 3 ? 1 : 0));
    const points = {
      xy: Float32Array.of(0.1, 0.5, 0.1, 0.9, 0.9, 0.1),
      labels: Uint8Array.of(1, 0, 0),
    };
    const { areas, misplaced, points: count } = describeBoundary(image, points);
    expect(areas[1]).toBeCloseTo(0.3, 12);
    expect([misplaced, count]).toEqual([1, 3]);
  });
});

describe('boundaryContours()', () => {
  it('follows a circle to within a tenth of a cell', () => {
    const image = grid(41, (x, y) => {
      const inside = 12 - Math.hypot(x - 20, y - 20);
      return 1 / (1 + Math.exp(-inside / 4));
    });
    const segments = boundaryContours(image);
    expect(segments.length).toBeGreaterThan(60);
    for (const [x0, y0, x1, y1] of segments) {
      expect(Math.abs(Math.hypot(x0 - 20, y0 - 20) - 12)).toBeLessThan(0.1);
      expect(Math.abs(Math.hypot(x1 - 20, y1 - 20) - 12)).toBeLessThan(0.1);
    }
  });

  it('is empty where one class holds everything', () => {
    expect(boundaryContours(grid(5, () => 0.9))).toEqual([]);
  });
});
