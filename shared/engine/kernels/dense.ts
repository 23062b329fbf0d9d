/** Lowering of Linear layers, alone or with the loss of their scores: tile shapes and bindings. */
import { linearSizes } from '../plan/ops-dense.ts';
import type { Dispatch, PlannedTensor } from '../plan/plan.ts';
import { numel } from '../plan/shape.ts';
import { partsOf, type SumParts } from '../plan/split-sums.ts';
import { gradientTarget, partialTarget } from './gradient-target.ts';
import type { KernelCall, Lowering, LoweringContext } from './kernel-call.ts';
import {
  ACTIVATION_CODE,
  BLEND_CODE,
  controlConstants,
  lineGrid,
  looped,
  read,
  write,
} from './kernel-call.ts';
import { checkLoop, LINE_SIZE } from './limits.ts';
import { partDefines } from './sum-parts.ts';
import { chooseTile, type Tile } from './tiles.ts';

/** Preprocessor names and workgroup size of a tile over `rows` x `columns4` results. */
function tileDefines(tile: Tile, rows: number, columns4: number, c: LoweringContext) {
  return {
    TN4: tile.columns4,
    LOOPED: looped(c),
    QUAD: tile.quad ? 1 : 0,
    ROW_EDGE: rows % (tile.wy * tile.rows) === 0 ? 0 : 1,
    COLUMN_EDGE: columns4 % (tile.wx * tile.columns4) === 0 ? 0 : 1,
  };
}

/**
 * The shader that a tile runs on, with names and constants of its shape.
 *
 * @param sum Parts of the sums, in steps of `lanes` numbers.
 */
function variant(
  op: string,
  tile: Tile,
  { rows, columns4, sum, lanes }: { rows: number; columns4: number; sum: SumParts; lanes: number },
  c: LoweringContext,
) {
  const part = partDefines(sum);
  const defines = { ...tileDefines(tile, rows, columns4, c), ...part.defines };
  const size = { WX: tile.wx, WY: tile.wy, ...part.constants };
  const { slice } = tile;
  if (slice === undefined) return { shader: op, defines, constants: size };
  // Sizes of workgroup memory follow from the workgroup's, so that they are part of the text.
  const even = (sum.divisor * lanes) % slice === 0;
  const shared = { WX: tile.wx, WY: tile.wy, SLICE: slice, CHANNELS: 4, DEPTH_EDGE: even ? 0 : 1 };
  return {
    shader: `${op}_shared`,
    defines: { ...defines, ...shared },
    constants: { ...part.constants },
  };
}

function grid(tile: Tile, rows: number, columns4: number, replicas: number): KernelCall['grid'] {
  return [
    Math.ceil(columns4 / (tile.wx * tile.columns4)),
    Math.ceil(rows / (tile.wy * tile.rows)),
    replicas,
  ];
}

/** Optional inputs of a fused forward node, in the order of fusion.ts. */
export function forwardInputs(d: Dispatch): {
  bias: PlannedTensor | undefined;
  host: PlannedTensor | undefined;
  control: PlannedTensor | undefined;
} {
  const rest = d.inputs.slice(2);
  const bias = d.attrs['bias'] ? rest.shift() : undefined;
  return { bias, host: rest[0], control: rest[1] };
}

/** A product by its kernel of least code; `sizes` in the order of its Sizes, `items` invocations in a replica. */
function compact(
  op: string,
  call: Pick<KernelCall, 'defines' | 'constants' | 'bindings' | 'choice'>,
  { items, layers, sizes }: { items: number; layers: number; sizes?: readonly number[] },
): KernelCall {
  const grid: KernelCall['grid'] = [...lineGrid(items, LINE_SIZE), layers];
  return { shader: `${op}_compact`, ...call, ...(sizes ? { sizes } : {}), grid };
}

const linear: Lowering = (d, c) => {
  const [x, weight] = d.inputs as [PlannedTensor, PlannedTensor];
  const y = d.outputs[0]!;
  const { m, k, n } = linearSizes(x, weight);
  const { bias, host, control } = forwardInputs(d);
  const sum = partsOf(d.attrs, k / 4);
  checkLoop('linear', sum.chunk, 'use fewer input features');
  const choice = chooseTile(
    {
      ...{ op: 'linear', rows: m, columns4: n / 4 },
      ...{ depth: 4 * sum.chunk, repeats: sum.parts },
    },
    c,
  );
  const { tile } = choice;
  const blend = BLEND_CODE[String(d.attrs['blend'] ?? 'none')]!;
  const epilogue = {
    BIAS: bias ? 1 : 0,
    BLEND: blend,
    ACT: ACTIVATION_CODE[String(d.attrs['activation'] ?? 'none')]!,
    SLOPE: 0,
  };
  const blending = blend ? { ...controlConstants(c), ALPHA: Number(d.attrs['alpha']) } : {};
  const bindings = [
    read(x, c),
    read(weight, c),
    write(y, c),
    ...(bias ? [read(bias, c)] : []),
    ...(blend ? [read(host!, c), read(control!, c)] : []),
  ];
  const columns = weight.shape.at(-1)!;
  if (tile.compact) {
    const strides = [x.replicaStride, weight.replicaStride / 4];
    return compact(
      'linear',
      { defines: epilogue, constants: blending, bindings, choice },
      {
        ...{ items: (m * n) / 4, layers: c.replicas * sum.parts },
        sizes: [m, k, n / 4, columns, sum.parts, 4 * sum.chunk, ...strides],
      },
    );
  }
  const v = variant('linear', tile, { rows: m, columns4: n / 4, sum, lanes: 4 }, c);
  return {
    shader: v.shader,
    defines: { TM: tile.rows, ...v.defines, ...epilogue },
    constants: {
      ...v.constants,
      M: m,
      K4: k / 4,
      N4: n / 4,
      N: columns,
      X_STRIDE: x.replicaStride / 4,
      W_STRIDE: weight.replicaStride / 4,
      ...blending,
    },
    bindings,
    grid: grid(tile, m, n / 4, c.replicas * sum.parts),
    choice,
  };
};

const linearCrossEntropy: Lowering = (d, c) => {
  const [x, weight, ...rest] = d.inputs as [PlannedTensor, PlannedTensor, ...PlannedTensor[]];
  const [rows, gradient] = d.outputs as [PlannedTensor, PlannedTensor];
  const bias = d.attrs['bias'] ? rest.shift() : undefined;
  const [labels, control] = rest as [PlannedTensor, PlannedTensor?];
  const { m, k, n } = linearSizes(x, weight);
  checkLoop('linear_cross_entropy', k / 4, 'use fewer input features');
  const op = 'linear_cross_entropy';
  const choice = chooseTile({ op, rows: m, columns4: n / 4, depth: k, repeats: 1 }, c);
  const { tile } = choice;
  const smoothing = Number(d.attrs['smoothing'] ?? 0);
  const names = {
    TN4: n / 4,
    BIAS: bias ? 1 : 0,
    ADVANCE: control ? 1 : 0,
    SMOOTH: smoothing > 0 ? 1 : 0,
  };
  const sizes = {
    M: m,
    K: weight.shape.at(-1)!,
    Y_STRIDE: labels.replicaStride,
    ...(smoothing > 0 ? { SMOOTHING: smoothing } : {}),
  };
  const bindings = [
    ...[read(x, c), read(weight, c), read(labels, c), write(rows, c), write(gradient, c)],
    ...(bias ? [read(bias, c)] : []),
    ...(control ? [write(control, c)] : []),
  ];
  if (tile.compact) {
    const strides = { X_STRIDE: x.replicaStride, W_STRIDE: weight.replicaStride };
    const constants = { ...sizes, F: k, ...strides };
    const call = { defines: names, constants, bindings, choice };
    return compact(op, call, { items: m, layers: c.replicas });
  }
  return {
    shader: op,
    defines: { TM: tile.rows, LOOPED: looped(c), ...names },
    constants: {
      ...{ WX: tile.wx, WY: tile.wy, ...sizes },
      ...{ F4: k / 4, X_STRIDE: x.replicaStride / 4, W_STRIDE: weight.replicaStride / 4 },
    },
    bindings,
    grid: [1, Math.ceil(m / (tile.wy * tile.rows)), c.replicas],
    choice,
  };
};

const linearGradInput: Lowering = (d, c) => {
  const [dy, weight, saved] = d.inputs as [PlannedTensor, PlannedTensor, PlannedTensor?];
  const m = dy.padded[0]!;
  const n = dy.padded[1]!;
  const k = numel(weight.padded.slice(0, -1));
  const sum = partsOf(d.attrs, n / 4);
  checkLoop('linear_grad_input', sum.chunk, 'use fewer output features');
  const choice = chooseTile(
    {
      ...{ op: 'linear_grad_input', rows: m, columns4: k / 4 },
      ...{ depth: 4 * sum.chunk, repeats: sum.parts },
    },
    c,
  );
  const { tile } = choice;
  const masked = { ACT: 0, SLOPE: ACTIVATION_CODE[String(d.attrs['mask'] ?? 'none')]! };
  const bindings = [
    read(dy, c),
    read(weight, c),
    write(d.outputs[0]!, c),
    ...(saved ? [read(saved, c)] : []),
  ];
  if (tile.compact) {
    return compact(
      'linear_grad_input',
      { defines: masked, constants: {}, bindings, choice },
      {
        ...{ items: (m * k) / 4, layers: c.replicas * sum.parts },
        sizes: [m, n, k / 4, sum.parts, 4 * sum.chunk, weight.replicaStride],
      },
    );
  }
  const v = variant('linear_grad_input', tile, { rows: m, columns4: k / 4, sum, lanes: 4 }, c);
  return {
    shader: v.shader,
    defines: { TM: tile.rows, ...v.defines, ...masked },
    constants: {
      ...v.constants,
      M: m,
      K4: k / 4,
      N4: n / 4,
      W_STRIDE: weight.replicaStride / 4,
    },
    bindings,
    grid: grid(tile, m, k / 4, c.replicas * sum.parts),
    choice,
  };
};

const linearGradWeight: Lowering = (d, c) => {
  const [x, dy] = d.inputs as [PlannedTensor, PlannedTensor];
  const [dw, db] = d.outputs as [PlannedTensor, PlannedTensor?];
  const m = x.padded[0]!;
  const k4 = numel(x.padded.slice(1)) / 4;
  const n4 = dy.padded[1]! / 4;
  const sum = partsOf(d.attrs, m);
  const choice = chooseTile(
    {
      ...{ op: 'linear_grad_weight', rows: k4, columns4: n4 },
      ...{ depth: sum.chunk, repeats: sum.parts },
    },
    c,
  );
  const { tile } = choice;
  checkLoop('linear_grad_weight', sum.chunk, 'use a smaller batch');
  const target = sum.parts > 1 ? partialTarget(d, c) : gradientTarget(dw, db, c);
  if (tile.compact) {
    const { BIAS_AT = 0, B_STRIDE = 0, G_STRIDE } = target.constants;
    const bindings = [read(x, c), read(dy, c), ...target.bindings];
    const into = [x.replicaStride, G_STRIDE!, BIAS_AT, B_STRIDE];
    return compact(
      'linear_grad_weight',
      { defines: target.defines, constants: {}, bindings, choice },
      {
        items: (4 * k4 + target.defines.BIAS) * n4,
        layers: c.replicas * sum.parts,
        sizes: [m, 4 * k4, n4, sum.parts, sum.chunk, ...into],
      },
    );
  }
  const v = variant('linear_grad_weight', tile, { rows: k4, columns4: n4, sum, lanes: 1 }, c);
  return {
    shader: v.shader,
    defines: { TM4: tile.rows, ...v.defines, ...target.defines },
    constants: {
      ...v.constants,
      M: m,
      K4: k4,
      N4: n4,
      X_STRIDE: x.replicaStride / 4,
      ...target.constants,
    },
    bindings: [read(x, c), read(dy, c), ...target.bindings],
    grid: grid(tile, k4, n4, c.replicas * sum.parts),
    choice,
  };
};

export const denseKernels: Record<string, Lowering> = {
  linear,
  linear_cross_entropy: linearCrossEntropy,
  linear_grad_input: linearGradInput,
  linear_grad_weight: linearGradWeight,
};
