/** Lowering of ops along the batch: engine/plan/ops-batch.ts. */
import { permutationHalfBits } from '../../base/permutation.ts';
import { numberAttr, stringAttr } from '../plan/op-definition.ts';
import type { PlannedTensor } from '../plan/plan.ts';
import { LANES } from '../plan/shape.ts';
import { controlConstants, type Lowering, lineGrid, read, write } from './kernel-call.ts';
import { LINE_SIZE } from './limits.ts';

/** Vec4s of a row that one invocation copies. */
const GATHER_VEC4S = 16;

const gatherPart: Lowering = (d, c) => {
  const [x, part, control] = d.inputs as [PlannedTensor, PlannedTensor, PlannedTensor];
  const batch = x.padded[0]!;
  const size = numberAttr(d.attrs, 'size');
  const f4 = x.elements / batch / LANES;
  const chunks = Math.ceil(f4 / GATHER_VEC4S);
  const shuffle = stringAttr(d.attrs, 'mode') === 'shuffle';
  return {
    shader: 'gather_part',
    defines: { SHUFFLE: shuffle ? 1 : 0 },
    constants: {
      ...controlConstants(c),
      ...{ ROWS: size, BATCH: batch, F4: f4, CHUNKS: chunks },
      ...{ FIRST: numberAttr(d.attrs, 'first'), PART_ROWS: part.padded[0]! },
      ...(shuffle
        ? { HALF_BITS: permutationHalfBits(size), STREAM: numberAttr(d.attrs, 'stream') }
        : {}),
    },
    bindings: [write(x, c), read(part, c), read(control, c)],
    grid: [...lineGrid(batch * chunks, LINE_SIZE), c.replicas],
  };
};

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
  gather_part: gatherPart,
  batch_rows: batchRows,
  join_batches: joinBatches,
  mix_losses: mixLosses,
};
