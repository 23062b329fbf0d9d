/**
 * Lines where the likeliest class changes, by marching squares with linear interpolation on the
 * margin of each class over the best of the others.
 */
import type { BoundaryImage } from '../../../shared/contracts/engine-protocol.ts';

/** Ends of a straight piece in grid units: x to the right, y up, cell centres at whole numbers. */
export type Segment = readonly [x0: number, y0: number, x1: number, y1: number];

/** With two classes one margin tells all; with more, a shared line appears once for each side. */
export function boundaryContours(image: BoundaryImage): Segment[] {
  const { resolution, classes } = image;
  const segments: Segment[] = [];
  for (let k = 0; k < (classes === 2 ? 1 : classes); k++) {
    const margins = classMargins(image, k);
    for (let y = 0; y + 1 < resolution; y++) {
      for (let x = 0; x + 1 < resolution; x++) marchCell(margins, resolution, x, y, segments);
    }
  }
  return segments;
}

/** p[k] minus the largest other probability, [resolution, resolution]; positive where k wins. */
function classMargins({ resolution, classes, probabilities }: BoundaryImage, k: number) {
  const margins = new Float32Array(resolution * resolution);
  for (let cell = 0; cell < margins.length; cell++) {
    let other = 0;
    for (let j = 0; j < classes; j++) {
      if (j !== k) other = Math.max(other, probabilities[cell * classes + j] as number);
    }
    margins[cell] = (probabilities[cell * classes + k] as number) - other;
  }
  return margins;
}

/** Joins the crossings on the sides of one square of four cell centres. */
function marchCell(
  margins: Float32Array,
  resolution: number,
  x: number,
  y: number,
  out: Segment[],
): void {
  const at = (dx: number, dy: number): number => margins[(y + dy) * resolution + x + dx] as number;
  const corners = [at(0, 0), at(1, 0), at(1, 1), at(0, 1)] as const;
  const positions = [
    [x, y],
    [x + 1, y],
    [x + 1, y + 1],
    [x, y + 1],
  ] as const;
  const crossings: [number, number][] = [];
  for (let side = 0; side < 4; side++) {
    const next = (side + 1) % 4;
    const a = corners[side as 0 | 1 | 2 | 3];
    const b = corners[next as 0 | 1 | 2 | 3];
    if (a > 0 === b > 0) continue;
    const t = a / (a - b);
    const from = positions[side as 0 | 1 | 2 | 3];
    const to = positions[next as 0 | 1 | 2 | 3];
    crossings.push([from[0] + (to[0] - from[0]) * t, from[1] + (to[1] - from[1]) * t]);
  }
  for (let i = 0; i + 1 < crossings.length; i += 2) {
    const [a, b] = [crossings[i], crossings[i + 1]];
    if (a && b) out.push([a[0], a[1], b[0], b[1]]);
  }
}
