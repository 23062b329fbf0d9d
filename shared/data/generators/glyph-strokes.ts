/**
 * The ten digits as pen strokes in the unit square, x to the right and y down. Drawn for this
 * project: no font and no data set is behind them.
 */

export type Point = readonly [x: number, y: number];
export type Stroke = readonly Point[];

/** Part of an ellipse as a stroke; angles in degrees, clockwise on the screen, 0 to the right. */
function arc([cx, cy]: Point, [rx, ry]: Point, from: number, to: number): Point[] {
  const pieces = Math.max(3, Math.ceil(Math.abs(to - from) / 30));
  return Array.from({ length: pieces + 1 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / pieces) * Math.PI) / 180;
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)] as const;
  });
}

/** Strokes of the digits 0 to 9. */
export const DIGIT_STROKES: readonly (readonly Stroke[])[] = [
  [arc([0.5, 0.5], [0.26, 0.38], 0, 360)],
  [
    [
      [0.36, 0.28],
      [0.54, 0.12],
      [0.54, 0.88],
    ],
  ],
  [[...arc([0.5, 0.33], [0.24, 0.21], 195, 385), [0.26, 0.87], [0.77, 0.87]]],
  [[...arc([0.47, 0.31], [0.24, 0.19], -155, 90), ...arc([0.47, 0.69], [0.26, 0.19], -90, 155)]],
  [
    [
      [0.62, 0.88],
      [0.62, 0.12],
      [0.22, 0.63],
      [0.8, 0.63],
    ],
  ],
  [[[0.73, 0.13], [0.33, 0.13], [0.3, 0.47], ...arc([0.48, 0.64], [0.25, 0.24], -125, 140)]],
  [
    arc([0.5, 0.66], [0.23, 0.21], 0, 360),
    [
      [0.66, 0.13],
      [0.42, 0.33],
      [0.28, 0.62],
    ],
  ],
  [
    [
      [0.24, 0.14],
      [0.76, 0.14],
      [0.44, 0.88],
    ],
  ],
  [arc([0.5, 0.3], [0.2, 0.18], 0, 360), arc([0.5, 0.68], [0.25, 0.2], 0, 360)],
  [
    arc([0.5, 0.34], [0.23, 0.21], 0, 360),
    [
      [0.73, 0.36],
      [0.69, 0.62],
      [0.52, 0.88],
    ],
  ],
];
