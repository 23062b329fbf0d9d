/** The kernel catalog: how each op of a plan runs on a GPU. One row an op. */
import { attentionKernels } from './attention.ts';
import { convKernels } from './conv.ts';
import { denseKernels } from './dense.ts';
import { elementwiseKernels } from './elementwise.ts';
import { healthKernels } from './health.ts';
import type { Lowering } from './kernel-call.ts';
import { microBatchKernels } from './micro-batches.ts';
import { normKernels } from './norm.ts';
import { poolKernels } from './pool.ts';
import { shapeKernels } from './shape-ops.ts';
import { sumKernels } from './sum-parts.ts';
import { trainingKernels } from './training.ts';

export const KERNELS: Readonly<Record<string, Lowering>> = {
  ...denseKernels,
  ...sumKernels,
  ...convKernels,
  ...poolKernels,
  ...elementwiseKernels,
  ...normKernels,
  ...shapeKernels,
  ...attentionKernels,
  ...trainingKernels,
  ...microBatchKernels,
  ...healthKernels,
};

export function loweringOf(op: string): Lowering {
  const lowering = KERNELS[op];
  if (!lowering)
    throw new RangeError(`Cannot lower op "${op}": it has no row in the kernel catalog`);
  return lowering;
}
