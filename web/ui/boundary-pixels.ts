/** From class probabilities to pixels, and to the numbers that describe them. */
import type { BoundaryImage } from '../../shared/contracts/engine-protocol.ts';
import type { Rgb } from './class-look.ts';

/**
 * RGBA of the grid, top row first. Each cell has its likeliest class's colour, the paler the less
 * certain: at chance it is the ground colour.
 *
 * @param strength Share of the class colour at certainty, [0, 1].
 */
export function boundaryPixels(
  image: BoundaryImage,
  colorOf: (index: number) => Rgb,
  ground: Rgb,
  strength: number,
): Uint8ClampedArray<ArrayBuffer> {
  const { resolution, classes } = image;
  const pixels = new Uint8ClampedArray(resolution * resolution * 4);
  const chance = 1 / classes;
  for (let row = 0; row < resolution; row++) {
    for (let column = 0; column < resolution; column++) {
      const { index, probability } = likeliest(image, row, column);
      const certainty = Math.max(0, (probability - chance) / (1 - chance));
      const color = colorOf(index);
      const at = ((resolution - 1 - row) * resolution + column) * 4;
      const share = strength * (0.12 + 0.88 * certainty);
      for (let channel = 0; channel < 3; channel++) {
        const base = ground[channel as 0 | 1 | 2];
        pixels[at + channel] = base + (color[channel as 0 | 1 | 2] - base) * share;
      }
      pixels[at + 3] = 255;
    }
  }
  return pixels;
}

/** Class with the highest probability in a cell; row 0 is the lowest y. */
export function likeliest(
  image: BoundaryImage,
  row: number,
  column: number,
): { index: number; probability: number } {
  const { resolution, classes, probabilities } = image;
  const offset = (row * resolution + column) * classes;
  let index = 0;
  for (let k = 1; k < classes; k++) {
    if ((probabilities[offset + k] as number) > (probabilities[offset + index] as number))
      index = k;
  }
  return { index, probability: probabilities[offset + index] as number };
}

/** Share of the grid each class holds, and points that lie in a cell of another class. */
export function describeBoundary(
  image: BoundaryImage,
  points: { xy: Float32Array; labels: Uint8Array } | null,
): { areas: number[]; misplaced: number; points: number } {
  const { resolution, classes, extent } = image;
  const areas = new Array<number>(classes).fill(0);
  for (let row = 0; row < resolution; row++) {
    for (let column = 0; column < resolution; column++) {
      const { index } = likeliest(image, row, column);
      areas[index] = (areas[index] as number) + 1 / (resolution * resolution);
    }
  }
  const [minX, minY, maxX, maxY] = extent;
  const cell = (value: number, min: number, max: number): number =>
    Math.min(resolution - 1, Math.max(0, Math.floor(((value - min) / (max - min)) * resolution)));
  let misplaced = 0;
  const count = points?.labels.length ?? 0;
  for (let i = 0; i < count; i++) {
    const column = cell(points?.xy[i * 2] as number, minX, maxX);
    const row = cell(points?.xy[i * 2 + 1] as number, minY, maxY);
    if (likeliest(image, row, column).index !== points?.labels[i]) misplaced++;
  }
  return { areas, misplaced, points: count };
}
