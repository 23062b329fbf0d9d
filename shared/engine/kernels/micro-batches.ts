/** Lowering of ops along the batch: engine/plan/ops-batch.ts. */
import { numberAttr } from '../plan/op-definition.ts';
import type { PlannedTensor } from '../plan/plan.ts';
import { LANES } from '../plan/shape.ts';
import { type Lowering, lineGrid, read, write } from './kernel-call.ts';
import { LINE_SIZE } from './limits.ts';

const batchRows: Lowering = (d, c) => {
  const [x, y] = [d.inputs[0]!, d.outputs[0]!];
  return {
    shader: 'batch_rows',
    defines: {},
    constants: {
      SIZE: y.elements,
      START: (numberAttr(d.attrs, 'start') * x.elements) / x.padded[0]!,
      X_STRIDE: x.replicaStride,
      Y_STRIDE: y.replicaStride,
    },
    bindings: [read(x, c), write(y, c)],
    grid: [...lineGrid(y.elements, LINE_SIZE), c.replicas],
  };
};

const joinBatches: Lowering = (d, c) => {
  const [a, b] = d.inputs as [PlannedTensor, PlannedTensor];
  const y = d.outputs[0]!;
  return {
    shader: 'join_batches',
    defines: {},
    constants: { SIZE_A: a.elements / LANES, SIZE_B: b.elements / LANES },
    bindings: [read(a, c), read(b, c), write(y, c)],
    grid: [...lineGrid(y.elements / LANES, LINE_SIZE), c.replicas],
  };
};

const mixLosses: Lowering = (d, c) => {
  const [rows, gradient] = d.outputs as [PlannedTensor, PlannedTensor];
  const size4 = gradient.elements / LANES;
  const count = rows.padded[0]!;
  return {
    shader: 'mix_losses',
    defines: {},
    constants: {
      ...{ ROWS: count, SIZE4: size4 },
      ...{ A: numberAttr(d.attrs, 'a'), B: numberAttr(d.attrs, 'b') },
    },
    bindings: [...d.inputs.map((t) => read(t, c)), write(rows, c), write(gradient, c)],
    grid: [...lineGrid(Math.max(count, size4), LINE_SIZE), c.replicas],
  };
};

export const microBatchKernels: Record<string, Lowering> = {
  batch_rows: batchRows,
  join_batches: joinBatches,
  mix_losses: mixLosses,
};
