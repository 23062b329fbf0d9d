/** The kernel catalog: how each op of a plan runs on a GPU. One row an op. */
import { GRADIENT_SCALE, isHalf, operandsOf } from '../plan/numerics.ts';
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

const LOWERINGS: Readonly<Record<string, Lowering>> = {
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

/** Tells a product's shader, and the choice of its tile, the numeric class of the dispatch. */
const product =
  (lowering: Lowering): Lowering =>
  (dispatch, context) => {
    const half = isHalf(dispatch);
    const call = lowering(dispatch, half ? { ...context, half } : context);
    const defines = { ...call.defines, HALF: half ? 1 : 0, ...(half ? { GRADIENT_SCALE } : {}) };
    return { ...call, defines };
  };

export const KERNELS: Readonly<Record<string, Lowering>> = Object.fromEntries(
  Object.entries(LOWERINGS).map(([op, lowering]) => [
    op,
    operandsOf(op) ? product(lowering) : lowering,
  ]),
);

export function loweringOf(op: string): Lowering {
  const lowering = KERNELS[op];
  if (!lowering)
    throw new RangeError(`Cannot lower op "${op}": it has no row in the kernel catalog`);
  return lowering;
}
