/** Lowering of the training step around the model: batches, losses, metrics, optimizers. */
import { permutationHalfBits } from '../../base/permutation.ts';
import { numberAttr, stringAttr } from '../plan/op-definition.ts';
import { MAX_LOOP_ITERATIONS } from '../plan/ops-conv.ts';
import type { Dispatch, PlannedTensor } from '../plan/plan.ts';
import { LANES, roundUp, SLICE_ALIGNMENT } from '../plan/shape.ts';
import type { Lowering, LoweringContext } from './kernel-call.ts';
import { controlConstants, lineGrid, looped, read, write } from './kernel-call.ts';
import { checkLoop, LINE_SIZE } from './limits.ts';

/** Vec4s of a row that one invocation of gather_batch copies. */
const GATHER_VEC4S = 16;
/** Partial sums of the gradient norm: one invocation adds them up. */
export const MAX_NORM_PARTIALS = 64;
/** From this many vec4s on a workgroup shares a part of the norm; the shape alone decides. */
const LONG_PART4 = 2048;
/** Interleaved sums of shaders/lib/metrics.wgsl. */
const METRICS_SUMS = 8;
/** Invocations of an optimizer for the 64 numbers of a slice, which share a group. */
const INVOCATIONS_PER_SLICE = 4;
/** Length of gradient_norm's output when it also carries the step's metrics. */
const NORM_WITH_METRICS = 8;

const gatherBatch: Lowering = (d, c) => {
  const [x, y, control] = d.inputs as [PlannedTensor, PlannedTensor, PlannedTensor];
  const [outX, outY] = d.outputs as [PlannedTensor, PlannedTensor];
  const batch = numberAttr(d.attrs, 'batch');
  const size = numberAttr(d.attrs, 'size');
  const isPart = d.attrs['part'] === true;
  if (!Number.isInteger(size) || size < 1 || (size > x.padded[0]! && !isPart)) {
    throw new RangeError(
      `Cannot lower gather_batch: size is ${size}, "${x.name}" holds ${x.padded[0]} rows`,
    );
  }
  const shuffle = stringAttr(d.attrs, 'mode') === 'shuffle';
  const f4 = outX.elements / batch / LANES;
  const chunks = Math.ceil(f4 / GATHER_VEC4S);
  return {
    shader: 'gather_batch',
    defines: { SHUFFLE: shuffle ? 1 : 0, PART: isPart ? 1 : 0 },
    constants: {
      ...controlConstants(c),
      ...(isPart ? { PART_ROWS: x.padded[0]! } : {}),
      ROWS: size,
      BATCH: batch,
      F4: f4,
      CHUNKS: chunks,
      X_STRIDE: x.replicaStride / LANES,
      Y_STRIDE: y.replicaStride,
      ...(shuffle
        ? { HALF_BITS: permutationHalfBits(size), STREAM: numberAttr(d.attrs, 'stream') }
        : {}),
    },
    bindings: [read(x, c), read(y, c), write(control, c), write(outX, c), write(outY, c)],
    grid: [...lineGrid(batch * chunks, LINE_SIZE), c.replicas],
  };
};

function lossKernel(shader: string): Lowering {
  return (d, c) => {
    const [logits, labels, control] = d.inputs as [PlannedTensor, PlannedTensor, PlannedTensor?];
    const [rows, gradient] = d.outputs as [PlannedTensor, PlannedTensor];
    const [batch, stored] = logits.padded as [number, number];
    const smoothing = Number(d.attrs['smoothing'] ?? 0);
    checkLoop(shader, (3 * stored) / LANES, 'use fewer classes');
    return {
      shader,
      defines: { ADVANCE: control ? 1 : 0, SMOOTH: smoothing > 0 ? 1 : 0 },
      constants: {
        BATCH: batch,
        K: logits.shape[1]!,
        K4: stored / LANES,
        X_STRIDE: logits.replicaStride / LANES,
        Y_STRIDE: labels.replicaStride,
        ...(smoothing > 0 ? { SMOOTHING: smoothing } : {}),
      },
      bindings: [
        ...[read(logits, c), read(labels, c), write(rows, c), write(gradient, c)],
        ...(control ? [write(control, c)] : []),
      ],
      grid: [...lineGrid(batch, LINE_SIZE), c.replicas],
    };
  };
}

/** Rows of a loss's row statistics, and how a kernel sums them; checks the loop that does. */
function metricsOf(op: string, rows: PlannedTensor, c: LoweringContext) {
  const batch = rows.padded[0]!;
  checkLoop(op, Math.ceil(batch / METRICS_SUMS), 'use a smaller batch');
  // In a loop each row is an iteration.
  return { BATCH: batch, LOOPED: batch <= MAX_LOOP_ITERATIONS ? looped(c) : 0 };
}

const metricsReduce: Lowering = (d, c) => {
  const [rows, control, metrics] = d.inputs as [PlannedTensor, PlannedTensor, PlannedTensor];
  const { BATCH, LOOPED } = metricsOf('metrics_reduce', rows, c);
  return {
    shader: 'metrics_reduce',
    defines: { LOOPED },
    constants: { ...controlConstants(c), BATCH },
    bindings: [read(rows, c), write(control, c), write(metrics, c)],
    grid: [1, 1, c.replicas],
  };
};

/** The inputs of an optimizer after its arenas, and what they mean for the kernel. */
function optimizerTail(d: Dispatch, moments: number, c: LoweringContext) {
  const parameters = d.inputs[0]!;
  const [groups, control, rows, metrics, norm] = d.inputs.slice(2 + moments) as [
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
    PlannedTensor?,
  ];
  if (norm && norm.elements !== NORM_WITH_METRICS) {
    throw new RangeError(
      `Cannot lower ${d.op}: "${norm.name}" has ${norm.elements} numbers, must be ${NORM_WITH_METRICS}; give gradient_norm the row statistics as second input`,
    );
  }
  for (const t of d.inputs.slice(0, 2 + moments)) {
    const whole = t.replicaStride === t.elements && t.elements % SLICE_ALIGNMENT === 0;
    if (!whole || t.elements !== parameters.elements) {
      throw new RangeError(
        `Cannot lower ${d.op}: "${t.name}" must be a whole arena of ${parameters.elements} numbers a replica, a multiple of ${SLICE_ALIGNMENT}`,
      );
    }
  }
  const invocations = (parameters.elements / SLICE_ALIGNMENT) * INVOCATIONS_PER_SLICE;
  const summed = norm ? null : metricsOf(d.op, rows, c);
  return {
    defines: { NORM: norm ? 1 : 0, LOOPED: summed?.LOOPED ?? 0 },
    constants: {
      ...controlConstants(c),
      GROUPS_AT: roundUp(numberAttr(d.attrs, 'alphas'), LANES),
      P4: parameters.elements / LANES,
      ...(summed ? { BATCH: summed.BATCH } : {}),
    },
    bindings: [
      read(groups, c),
      write(control, c),
      write(metrics, c),
      norm ? read(norm, c) : read(rows, c),
    ],
    // One workgroup more than the parameters need: the first one does the metrics.
    grid: [...lineGrid(invocations + LINE_SIZE, LINE_SIZE), c.replicas] as [number, number, number],
  };
}

const adamUpdate: Lowering = (d, c) => {
  const [parameters, gradients, moment1, moment2] = d.inputs as [
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
  ];
  const tail = optimizerTail(d, 2, c);
  const [beta1, beta2] = [numberAttr(d.attrs, 'beta1'), numberAttr(d.attrs, 'beta2')];
  const epsilon = numberAttr(d.attrs, 'epsilon');
  if (!(epsilon >= 1e-30)) {
    throw new RangeError(
      `Cannot lower adam_update: epsilon is ${epsilon}, must be at least 1e-30; parameters that never had a gradient would become 0 / 0`,
    );
  }
  return {
    shader: 'adam_update',
    defines: { ...tail.defines, DECOUPLED: stringAttr(d.attrs, 'kind') === 'adamw' ? 1 : 0 },
    constants: {
      ...tail.constants,
      BETA1: beta1,
      BETA2: beta2,
      KEEP1: 1 - beta1,
      KEEP2: 1 - beta2,
      EPSILON: epsilon,
    },
    bindings: [
      write(parameters, c),
      read(gradients, c),
      write(moment1, c),
      write(moment2, c),
      ...tail.bindings,
    ],
    grid: tail.grid,
  };
};

const sgdUpdate: Lowering = (d, c) => {
  const [parameters, gradients, moment1] = d.inputs as [
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
  ];
  const tail = optimizerTail(d, 1, c);
  return {
    shader: 'sgd_update',
    defines: { ...tail.defines, NESTEROV: d.attrs['nesterov'] ? 1 : 0 },
    constants: { ...tail.constants, MOMENTUM: numberAttr(d.attrs, 'momentum') },
    bindings: [write(parameters, c), read(gradients, c), write(moment1, c), ...tail.bindings],
    grid: tail.grid,
  };
};

const gradientNormPartial: Lowering = (d, c) => {
  const gradients = d.inputs[0]!;
  const partials = numberAttr(d.attrs, 'partials');
  if (!Number.isInteger(partials) || partials < 1 || partials > MAX_NORM_PARTIALS) {
    throw new RangeError(
      `Cannot lower gradient_norm_partial: partials is ${partials}, must be 1 to ${MAX_NORM_PARTIALS}`,
    );
  }
  const leading =
    d.attrs['leading'] === undefined ? gradients.elements : numberAttr(d.attrs, 'leading');
  if (!(leading > 0 && leading <= gradients.elements && leading % LANES === 0)) {
    throw new RangeError(
      `Cannot lower gradient_norm_partial: leading is ${leading}, must be a multiple of ${LANES} up to ${gradients.elements}`,
    );
  }
  const p4 = leading / LANES;
  const part4 = Math.ceil(p4 / partials);
  const lanes = part4 > LONG_PART4 ? LINE_SIZE : 1;
  checkLoop('gradient_norm_partial', part4 / lanes + 8, 'use more partials');
  return {
    shader: 'gradient_norm_partial',
    defines: { LANES: lanes },
    constants: {
      P4: p4,
      G_STRIDE: gradients.replicaStride / LANES,
      PARTIALS: partials,
      PART4: part4,
    },
    bindings: [read(gradients, c), write(d.outputs[0]!, c)],
    grid: [lanes === 1 ? Math.ceil(partials / LINE_SIZE) : partials, 1, c.replicas],
  };
};

const gradientNorm: Lowering = (d, c) => {
  const [partial, rows] = d.inputs as [PlannedTensor, PlannedTensor?];
  const summed = rows ? metricsOf('gradient_norm', rows, c) : null;
  return {
    shader: 'gradient_norm',
    defines: { METRICS: rows ? 1 : 0, LOOPED: summed?.LOOPED ?? 0 },
    constants: {
      PARTIALS: partial.elements,
      CLIP: numberAttr(d.attrs, 'clipNorm'),
      ...(summed ? { BATCH: summed.BATCH } : {}),
    },
    bindings: [read(partial, c), write(d.outputs[0]!, c), ...(rows ? [read(rows, c)] : [])],
    grid: [1, 1, c.replicas],
  };
};

export const trainingKernels: Record<string, Lowering> = {
  gather_batch: gatherBatch,
  softmax_cross_entropy: lossKernel('softmax_cross_entropy'),
  mse: lossKernel('mse'),
  metrics_reduce: metricsReduce,
  adam_update: adamUpdate,
  sgd_update: sgdUpdate,
  gradient_norm_partial: gradientNormPartial,
  gradient_norm: gradientNorm,
};
