/** The arms of P1, with the figures of the source. */
import type { GrowthRule } from './student-teacher-growth.ts';

/** Optimizer steps of a student. */
export const STEPS = 1500;
/** Units of a student at the start. */
export const START = 5;
/** Steps between two growths. */
export const EVERY = 200;

/** Arms that grow, in the order of their replicas. */
export const GROWING = [
  'gradmax',
  'gradmax-opt',
  'gradmax-opt-published',
  'tiny',
  'random-positive',
  'random-gaussian',
] as const satisfies readonly GrowthRule[];
export type Arm = (typeof GROWING)[number] | 'small' | 'big';

/** In the order of the tables. */
export const ARMS: readonly Arm[] = [
  'small',
  'random-positive',
  'random-gaussian',
  'gradmax-opt-published',
  'gradmax-opt',
  'gradmax',
  'tiny',
  'big',
];

export const NAMES: Readonly<Record<Arm, string>> = {
  small: 'small, stays at 5',
  'random-positive': 'random, as published',
  'random-gaussian': 'random, Gaussian',
  'gradmax-opt-published': 'GradMaxOpt, as published',
  'gradmax-opt': 'GradMaxOpt, of the policy',
  gradmax: 'GradMax',
  tiny: 'TINY',
  big: 'big, 10 from the start',
};

/** Final losses read off figure 3a of the source, and those of this project's numpy pilot. */
export const PUBLISHED: Partial<Record<Arm, string>> = {
  small: '.40',
  'random-positive': '.23',
  'gradmax-opt-published': '.22',
  gradmax: '.093',
  big: '.041',
};
export const PILOT: Partial<Record<Arm, string>> = {
  ...{ small: '.723', 'random-positive': '.213', gradmax: '.139', big: '.059' },
};
/** The notebook's printed gains, GradMax over the best of five random ones. */
export const PUBLISHED_RATIOS = [
  0.266 / 0.167,
  0.264 / 0.106,
  0.234 / 0.093,
  0.19 / 0.083,
  0.172 / 0.077,
];
