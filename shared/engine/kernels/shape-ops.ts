/** Lowering of ops that move, repeat or multiply numbers: one invocation per vec4 of the result. */
import { numberAttr } from '../plan/op-definition.ts';
import { isPerChannel } from '../plan/ops-shape.ts';
import type { Dispatch, PlannedTensor } from '../plan/plan.ts';
import { LANES, numel } from '../plan/shape.ts';
import type { KernelCall, Lowering, LoweringContext } from './kernel-call.ts';
import { lineGrid, read, write } from './kernel-call.ts';
import { checkLoop, LINE_SIZE } from './limits.ts';

/** Vec4s of the result, and between its replicas. */
function sizeOf(result: PlannedTensor) {
  return { SIZE4: result.elements / LANES, Y_STRIDE: result.replicaStride / LANES };
}

function line(result: PlannedTensor, c: LoweringContext): KernelCall['grid'] {
  return [...lineGrid(result.elements / LANES, LINE_SIZE), c.replicas];
}

/** Vec4s of one sample of the batch. */
function sample4(t: PlannedTensor): number {
  return t.elements / t.padded[0]! / LANES;
}

/** Positions of a sample [B, ..., C]. */
function positionsOf(t: PlannedTensor): number {
  return numel(t.padded.slice(1, -1));
}

/** Constants of the shaders that work along one axis of y. */
function axisConstants(d: Dispatch) {
  const y = d.outputs[0]!;
  const axis = numberAttr(d.attrs, 'axis');
  return {
    axis,
    constants: {
      ...sizeOf(y),
      LENGTH_Y: y.padded[axis]!,
      INNER: numel(y.padded.slice(axis + 1)),
    },
  };
}

const concat: Lowering = (d, c) => {
  const [a, b] = d.inputs as [PlannedTensor, PlannedTensor];
  const { axis, constants } = axisConstants(d);
  return {
    shader: 'concat',
    defines: {},
    constants: {
      ...constants,
      LENGTH_A: a.shape[axis]!,
      LENGTH_B: b.shape[axis]!,
      STORED_A: a.padded[axis]!,
      STORED_B: b.padded[axis]!,
      A_STRIDE: a.replicaStride,
      B_STRIDE: b.replicaStride,
    },
    bindings: [read(a, c), read(b, c), write(d.outputs[0]!, c)],
    grid: line(d.outputs[0]!, c),
  };
};

/** slice and pad_axis. */
function moved(shader: 'slice' | 'pad_axis'): Lowering {
  return (d, c) => {
    const [x, y] = [d.inputs[0]!, d.outputs[0]!];
    const { axis, constants } = axisConstants(d);
    return {
      shader,
      defines: {},
      constants: {
        ...constants,
        LENGTH: shader === 'slice' ? y.shape[axis]! : x.shape[axis]!,
        LENGTH_X: x.padded[axis]!,
        START: numberAttr(d.attrs, 'start'),
        X_STRIDE: x.replicaStride,
      },
      bindings: [read(x, c), write(y, c)],
      grid: line(y, c),
    };
  };
}

const transpose: Lowering = (d, c) => {
  const [x, y] = [d.inputs[0]!, d.outputs[0]!];
  return {
    shader: 'transpose',
    defines: {},
    constants: {
      ...sizeOf(y),
      M: x.shape.at(-2)!,
      N: x.shape.at(-1)!,
      M4: y.padded.at(-1)! / LANES,
      N_STORED: x.padded.at(-1)!,
      X_STRIDE: x.replicaStride,
    },
    bindings: [read(x, c), write(y, c)],
    grid: line(y, c),
  };
};

const reshape: Lowering = (d, c) => {
  const [x, y] = [d.inputs[0]!, d.outputs[0]!];
  return {
    shader: 'reshape',
    defines: {},
    constants: {
      ...sizeOf(y),
      LAST_X: x.shape.at(-1)!,
      LAST_Y: y.shape.at(-1)!,
      STORED_X: x.padded.at(-1)!,
      STORED_Y: y.padded.at(-1)!,
      X_STRIDE: x.replicaStride,
    },
    bindings: [read(x, c), write(y, c)],
    grid: line(y, c),
  };
};

const mul: Lowering = (d, c) => {
  const [x, b] = d.inputs as [PlannedTensor, PlannedTensor];
  const y = d.outputs[0]!;
  const perChannel = isPerChannel(x, b);
  return {
    shader: 'mul',
    defines: { PER_CHANNEL: perChannel ? 1 : 0 },
    constants: {
      ...sizeOf(y),
      X_STRIDE: x.replicaStride / LANES,
      B_STRIDE: b.replicaStride / LANES,
      ...(perChannel ? { SAMPLE4: sample4(x), C4: x.padded.at(-1)! / LANES } : {}),
    },
    bindings: [read(x, c), read(b, c), write(y, c)],
    grid: line(y, c),
  };
};

/** Constants of sum_positions.wgsl and repeat_positions.wgsl. */
function positionConstants(d: Dispatch, whole: PlannedTensor) {
  return {
    ...sizeOf(d.outputs[0]!),
    C4: whole.padded.at(-1)! / LANES,
    POSITIONS: positionsOf(whole),
    FACTOR: numberAttr(d.attrs, 'factor'),
    X_STRIDE: d.inputs[0]!.replicaStride / LANES,
  };
}

const sumPositions: Lowering = (d, c) => {
  const [x, y] = [d.inputs[0]!, d.outputs[0]!];
  checkLoop('sum_positions', positionsOf(x), 'use smaller images or shorter sequences');
  return {
    shader: 'sum_positions',
    defines: {},
    constants: positionConstants(d, x),
    bindings: [read(x, c), write(y, c)],
    grid: line(y, c),
  };
};

const repeatPositions: Lowering = (d, c) => {
  const [x, y] = [d.inputs[0]!, d.outputs[0]!];
  return {
    shader: 'repeat_positions',
    defines: {},
    constants: positionConstants(d, y),
    bindings: [read(x, c), write(y, c)],
    grid: line(y, c),
  };
};

export const shapeKernels: Record<string, Lowering> = {
  concat,
  slice: moved('slice'),
  pad_axis: moved('pad_axis'),
  transpose,
  reshape,
  mul,
  sum_positions: sumPositions,
  repeat_positions: repeatPositions,
};
