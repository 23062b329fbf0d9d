/**
 * Every parity case. The same list runs in Deno (parity_deno_test.ts) and in Chromium
 * (tests/e2e/kernels.spec.ts); tools/check-shaders.ts requires a case for every shader.
 */
import { attentionCases } from './attention-cases.ts';
import { convCases } from './conv-cases.ts';
import { denseCases } from './dense-cases.ts';
import { elementwiseCases } from './elementwise-cases.ts';
import { groupedConvCases } from './grouped-conv-cases.ts';
import { healthCases } from './health-cases.ts';
import { modelCases } from './model-cases.ts';
import { normCases } from './norm-cases.ts';
import { optimizerCases } from './optimizer-cases.ts';
import type { ParityCase } from './parity-case.ts';
import { shapeCases } from './shape-cases.ts';
import { splitCases } from './split-cases.ts';
import { trainingCases } from './training-cases.ts';

export const CASES: readonly ParityCase[] = [
  ...denseCases,
  ...convCases,
  ...groupedConvCases,
  ...elementwiseCases,
  ...normCases,
  ...splitCases,
  ...shapeCases,
  ...attentionCases,
  ...trainingCases,
  ...optimizerCases,
  ...healthCases,
  ...modelCases,
];

/** Cases with kernels for any shape, for renderers that take long to compile: every third. */
export const ANY_SHAPE_CASES: readonly ParityCase[] = [
  ...[...denseCases, ...convCases, ...elementwiseCases],
  ...[...trainingCases, ...optimizerCases, ...modelCases],
].filter((_, i) => i % 3 === 0);
