/**
 * Colours and marks of classes: an Okabe-Ito order, so that neighbours differ in lightness too,
 * and a mark of its own for each of the first six.
 */

/** [red, green, blue] in 0…255. */
export type Rgb = readonly [number, number, number];

const CLASS_COLORS: readonly Rgb[] = [
  [0, 114, 178],
  [230, 140, 0],
  [0, 140, 105],
  [204, 80, 140],
  [86, 180, 233],
  [190, 80, 20],
  [120, 94, 190],
  [150, 140, 30],
  [110, 110, 110],
  [40, 60, 130],
];

export type ClassMark = 'circle' | 'triangle' | 'square' | 'diamond' | 'cross' | 'plus';
const MARKS: readonly ClassMark[] = ['circle', 'triangle', 'square', 'diamond', 'cross', 'plus'];

export function classColor(index: number): Rgb {
  return CLASS_COLORS[index % CLASS_COLORS.length] as Rgb;
}

export function classMark(index: number): ClassMark {
  return MARKS[index % MARKS.length] as ClassMark;
}

export const cssColor = ([r, g, b]: Rgb): string => `rgb(${r} ${g} ${b})`;

/** Outlines in a 12 × 12 box. */
export const MARK_PATHS: Readonly<Record<ClassMark, string>> = {
  circle: 'M6 2a4 4 0 1 0 0 8a4 4 0 1 0 0-8z',
  triangle: 'M6 1.5l4.6 8.2H1.4z',
  square: 'M2.4 2.4h7.2v7.2H2.4z',
  diamond: 'M6 1l5 5l-5 5l-5-5z',
  cross: 'M2.5 1L6 4.5L9.5 1L11 2.5L7.5 6L11 9.5L9.5 11L6 7.5L2.5 11L1 9.5L4.5 6L1 2.5z',
  plus: 'M4.9 1h2.2v3.9H11v2.2H7.1V11H4.9V7.1H1V4.9h3.9z',
};
