/** The suites by name, as `esper experiment` and the page take them. */
import type { SuiteName } from '../../contracts/verdict.ts';
import { cascadeCorrelation } from './cascade-correlation.ts';
import { grownConvolution } from './grown-convolution.ts';
import { studentTeacher } from './student-teacher.ts';
import type { Suite } from './suite.ts';

export const SUITES: Readonly<Record<SuiteName, Suite>> = {
  p1: studentTeacher,
  p3: grownConvolution,
  p6: cascadeCorrelation,
};
