/** Lowering of normalisation: statistics by group or channel, then one invocation per vec4. */
import { numberAttr, stringAttr } from '../plan/op-definition.ts';
import { rowsOf } from '../plan/ops-norm.ts';
import type { Dispatch, PlannedTensor } from '../plan/plan.ts';
import { LANES } from '../plan/shape.ts';
import { gradientTarget } from './gradient-target.ts';
import type { KernelCall, Lowering, LoweringContext } from './kernel-call.ts';
import { lineGrid, read, write } from './kernel-call.ts';
import { checkLoop, LINE_SIZE } from './limits.ts';

/** Code of SUMS in normalize_grad_input.wgsl. */
const SUMS_CODE: Readonly<Record<string, number>> = { fixed: 0, group: 1, batch: 2 };

/** Distance between replicas in vec4s. */
function stride4(t: PlannedTensor): number {
  return t.replicaStride / LANES;
}

/** Vec4s of the channels of a row. */
function channels4(t: PlannedTensor): number {
  return t.padded.at(-1)! / LANES;
}

function line(items: number, c: LoweringContext): KernelCall['grid'] {
  return [...lineGrid(items, LINE_SIZE), c.replicas];
}

/** Constants of group_stats.wgsl and group_grad_stats.wgsl; checks the loops of one group. */
function groupConstants(d: Dispatch, x: PlannedTensor, loops: number) {
  const [segments, groups] = [numberAttr(d.attrs, 'segments'), numberAttr(d.attrs, 'groups')];
  const [rows, size] = [rowsOf(x) / segments, x.shape.at(-1)! / groups];
  // A group that starts within a vec4 touches one more.
  const vec4s = size % LANES === 0 ? size / LANES : Math.ceil(size / LANES) + 1;
  checkLoop(d.op, loops * rows * (vec4s + 1), 'use more groups, or smaller images');
  return { SEGMENTS: segments, GROUPS: groups, ROWS: rows, C4: channels4(x), CG: size };
}

/** Defines and constants of lib/moments.wgsl. */
function moments(d: Dispatch, x: PlannedTensor, stats: PlannedTensor) {
  const common = { C4: channels4(x), STATS_STRIDE: stride4(stats) };
  if (stringAttr(d.attrs, 'statistics') !== 'group') {
    return { defines: { STATS: 0 }, constants: { ...common, ROWS: rowsOf(x) } };
  }
  const [segments, groups] = [numberAttr(d.attrs, 'segments'), numberAttr(d.attrs, 'groups')];
  const size = x.shape.at(-1)! / groups;
  return {
    defines: { STATS: groups === 1 || size % LANES === 0 ? 1 : 2 },
    constants: { ...common, ROWS: rowsOf(x) / segments, GROUPS: groups, CG: size },
  };
}

const groupStats: Lowering = (d, c) => {
  const [x, stats] = [d.inputs[0]!, d.outputs[0]!];
  const constants = groupConstants(d, x, 2);
  return {
    shader: 'group_stats',
    defines: {},
    constants: { ...constants, X_STRIDE: stride4(x), EPSILON: numberAttr(d.attrs, 'epsilon') },
    bindings: [read(x, c), write(stats, c)],
    grid: line(constants.SEGMENTS * constants.GROUPS, c),
  };
};

const groupGradStats: Lowering = (d, c) => {
  const [dy, x, stats, gamma] = d.inputs as [
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
  ];
  const constants = groupConstants(d, x, 1);
  return {
    shader: 'group_grad_stats',
    defines: {},
    constants: {
      ...constants,
      DY_STRIDE: stride4(dy),
      X_STRIDE: stride4(x),
      STATS_STRIDE: stride4(stats),
      G_STRIDE: stride4(gamma),
    },
    bindings: [
      ...[read(dy, c), read(x, c), read(stats, c), read(gamma, c)],
      write(d.outputs[0]!, c),
    ],
    grid: line(constants.SEGMENTS * constants.GROUPS, c),
  };
};

/** Rows of one part of a sum over `rows`; checks the loop of one invocation. */
function chunkOf(d: Dispatch, rows: number, parts: number, loops: number): number {
  const chunk = Math.ceil(rows / parts);
  checkLoop(d.op, loops * chunk, 'use more partial sums');
  return chunk;
}

const channelStats: Lowering = (d, c) => {
  const x = d.inputs[0]!;
  const parts = numberAttr(d.attrs, 'partials');
  return {
    shader: 'channel_stats',
    defines: {},
    constants: {
      ROWS: rowsOf(x),
      C4: channels4(x),
      PARTS: parts,
      CHUNK: chunkOf(d, rowsOf(x), parts, 2),
      X_STRIDE: stride4(x),
    },
    bindings: [read(x, c), write(d.outputs[0]!, c)],
    grid: line(parts * channels4(x), c),
  };
};

const batchStats: Lowering = (d, c) => {
  const [partial, mean, variance] = d.inputs as [PlannedTensor, PlannedTensor, PlannedTensor];
  const [parts] = partial.shape as [number, number, number];
  const rows = numberAttr(d.attrs, 'rows');
  checkLoop('batch_stats', 2 * parts, 'use a smaller batch');
  return {
    shader: 'batch_stats',
    defines: {},
    constants: {
      ROWS: rows,
      C: mean.shape[0]!,
      C4: channels4(mean),
      PARTS: parts,
      CHUNK: Math.ceil(rows / parts),
      MEAN_STRIDE: stride4(mean),
      VARIANCE_STRIDE: stride4(variance),
      MOMENTUM: numberAttr(d.attrs, 'momentum'),
      EPSILON: numberAttr(d.attrs, 'epsilon'),
    },
    bindings: [read(partial, c), write(mean, c), write(variance, c), write(d.outputs[0]!, c)],
    grid: line(channels4(mean), c),
  };
};

const runningStats: Lowering = (d, c) => {
  const [mean, variance] = d.inputs as [PlannedTensor, PlannedTensor];
  return {
    shader: 'running_stats',
    defines: {},
    constants: {
      C: mean.shape[0]!,
      C4: channels4(mean),
      MEAN_STRIDE: stride4(mean),
      VARIANCE_STRIDE: stride4(variance),
      EPSILON: numberAttr(d.attrs, 'epsilon'),
    },
    bindings: [read(mean, c), read(variance, c), write(d.outputs[0]!, c)],
    grid: line(channels4(mean), c),
  };
};

const normalize: Lowering = (d, c) => {
  const [x, stats, gamma, beta] = d.inputs as [
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
  ];
  const m = moments(d, x, stats);
  return {
    shader: 'normalize',
    defines: m.defines,
    constants: {
      ...m.constants,
      SIZE4: x.elements / LANES,
      Y_STRIDE: stride4(d.outputs[0]!),
      C: x.shape.at(-1)!,
      X_STRIDE: stride4(x),
      G_STRIDE: stride4(gamma),
      B_STRIDE: stride4(beta),
    },
    bindings: [...[x, stats, gamma, beta].map((t) => read(t, c)), write(d.outputs[0]!, c)],
    grid: line(x.elements / LANES, c),
  };
};

const normalizeGradInput: Lowering = (d, c) => {
  const [dy, stats, gamma, x, ...sums] = d.inputs as [
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
    PlannedTensor?,
    ...PlannedTensor[],
  ];
  const m = moments(d, dy, stats);
  const code = SUMS_CODE[stringAttr(d.attrs, 'statistics')]!;
  return {
    shader: 'normalize_grad_input',
    defines: { ...m.defines, SUMS: code },
    constants: {
      ...m.constants,
      SIZE4: dy.elements / LANES,
      DX_STRIDE: stride4(d.outputs[0]!),
      C: dy.shape.at(-1)!,
      DY_STRIDE: stride4(dy),
      G_STRIDE: stride4(gamma),
      ...(x ? { X_STRIDE: stride4(x), SUMS_STRIDE: stride4(sums[0]!) } : {}),
      ...(code === 2 ? { COUNT: rowsOf(dy) } : {}),
    },
    bindings: [
      ...[read(dy, c), read(stats, c), read(gamma, c), write(d.outputs[0]!, c)],
      ...(x ? [x, ...sums].map((t) => read(t, c)) : []),
    ],
    grid: line(dy.elements / LANES, c),
  };
};

const normalizeGradAffine: Lowering = (d, c) => {
  const [dy, x, stats] = d.inputs as [PlannedTensor, PlannedTensor, PlannedTensor];
  const m = moments(d, x, stats);
  const parts = numberAttr(d.attrs, 'partials');
  return {
    shader: 'normalize_grad_affine',
    defines: m.defines,
    constants: {
      ...m.constants,
      TOTAL: rowsOf(x),
      PARTS: parts,
      CHUNK: chunkOf(d, rowsOf(x), parts, 1),
      DY_STRIDE: stride4(dy),
      X_STRIDE: stride4(x),
    },
    bindings: [read(dy, c), read(x, c), read(stats, c), write(d.outputs[0]!, c)],
    grid: line(parts * channels4(x), c),
  };
};

const reduceAffine: Lowering = (d, c) => {
  const partial = d.inputs[0]!;
  const [dGamma, dBeta] = d.outputs as [PlannedTensor, PlannedTensor];
  const parts = partial.padded[0]!;
  checkLoop('reduce_affine', parts, 'use a smaller batch');
  const { defines, constants, bindings } = gradientTarget(dGamma, dBeta, c);
  return {
    shader: 'reduce_affine',
    defines: { SEPARATE: defines.SEPARATE },
    constants: { ...constants, C4: channels4(partial), PARTS: parts },
    bindings: [read(partial, c), ...bindings],
    grid: line(2 * channels4(partial), c),
  };
};

export const normKernels: Record<string, Lowering> = {
  group_stats: groupStats,
  channel_stats: channelStats,
  batch_stats: batchStats,
  running_stats: runningStats,
  normalize,
  normalize_grad_affine: normalizeGradAffine,
  reduce_affine: reduceAffine,
  group_grad_stats: groupGradStats,
  normalize_grad_input: normalizeGradInput,
};
