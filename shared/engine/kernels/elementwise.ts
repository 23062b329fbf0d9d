/** Lowering of elementwise ops and seed blending: one invocation per vec4, replicas in z. */
import { numberAttr, stringAttr } from '../plan/op-definition.ts';
import type { Dispatch, PlannedTensor } from '../plan/plan.ts';
import { LANES } from '../plan/shape.ts';
import type { KernelCall, Lowering, LoweringContext } from './kernel-call.ts';
import { ACTIVATION_CODE, controlConstants, lineGrid, read, write } from './kernel-call.ts';
import { checkLoop, LINE_SIZE } from './limits.ts';

/** Codes of MODE in blend.wgsl and blend_grad_seed.wgsl. */
const MODE_CODE: Readonly<Record<string, number>> = { add: 1, replace: 2, multiply: 3, gate: 4 };

/** Rows longer than this many vec4s are summed by a workgroup; the shape alone decides. */
const LONG_ROW4 = 512;

/** Distance between replicas in vec4s. */
function stride4(t: PlannedTensor): number {
  return t.replicaStride / LANES;
}

/** Vec4s of one sample of the batch. */
function row4(t: PlannedTensor): number {
  return t.elements / t.padded[0]! / LANES;
}

function line(items: number, c: LoweringContext): KernelCall['grid'] {
  return [...lineGrid(items, LINE_SIZE), c.replicas];
}

/** Constants of a kernel that reads the alpha of the step. */
function alphaConstants(d: Dispatch, c: LoweringContext): Record<string, number> {
  return { ...controlConstants(c), ALPHA: numberAttr(d.attrs, 'alpha') };
}

const activation: Lowering = (d, c) => {
  const [x, y] = [d.inputs[0]!, d.outputs[0]!];
  return {
    shader: 'activation',
    defines: { ACT: ACTIVATION_CODE[stringAttr(d.attrs, 'kind')]!, SLOPE: 0 },
    constants: {
      SIZE4: y.elements / LANES,
      X_STRIDE: stride4(x),
      Y_STRIDE: stride4(y),
      C4: y.padded.at(-1)! / LANES,
      C: y.shape.at(-1)!,
    },
    bindings: [read(x, c), write(y, c)],
    grid: line(y.elements / LANES, c),
  };
};

const activationGrad: Lowering = (d, c) => {
  const [dy, saved] = d.inputs as [PlannedTensor, PlannedTensor];
  const dx = d.outputs[0]!;
  return {
    shader: 'activation_grad',
    defines: { ACT: 0, SLOPE: ACTIVATION_CODE[stringAttr(d.attrs, 'kind')]! },
    constants: {
      SIZE4: dx.elements / LANES,
      DY_STRIDE: stride4(dy),
      SAVED_STRIDE: stride4(saved),
      DX_STRIDE: stride4(dx),
    },
    bindings: [read(dy, c), read(saved, c), write(dx, c)],
    grid: line(dx.elements / LANES, c),
  };
};

const add: Lowering = (d, c) => {
  const [a, b] = d.inputs as [PlannedTensor, PlannedTensor];
  const y = d.outputs[0]!;
  return {
    shader: 'add',
    defines: {},
    constants: {
      SIZE4: y.elements / LANES,
      A_STRIDE: stride4(a),
      B_STRIDE: stride4(b),
      Y_STRIDE: stride4(y),
    },
    bindings: [read(a, c), read(b, c), write(y, c)],
    grid: line(y.elements / LANES, c),
  };
};

/** Kernels from x alone to y. */
function unary(
  shader: string,
  defines: KernelCall['defines'],
  more: (d: Dispatch, c: LoweringContext) => Record<string, number>,
): Lowering {
  return (d, c) => {
    const [x, control] = d.inputs as [PlannedTensor, PlannedTensor?];
    const y = d.outputs[0]!;
    return {
      shader,
      defines,
      constants: {
        SIZE4: y.elements / LANES,
        X_STRIDE: stride4(x),
        Y_STRIDE: stride4(y),
        ...more(d, c),
      },
      bindings: [read(x, c), ...(control ? [read(control, c)] : []), write(y, c)],
      grid: line(y.elements / LANES, c),
    };
  };
}

const scaleAlpha: Lowering = (d, c) =>
  unary('scale_alpha', { COMPLEMENT: d.attrs['complement'] ? 1 : 0 }, alphaConstants)(d, c);

/** Constants of dropout.wgsl. The threshold makes the mask exact: floats are not compared. */
function dropoutConstants(d: Dispatch, c: LoweringContext): Record<string, number> {
  const rate = numberAttr(d.attrs, 'rate');
  if (!(rate >= 0 && rate < 1)) {
    throw new RangeError(
      `Cannot lower dropout: rate is ${rate}, it must be at least 0 and below 1`,
    );
  }
  return {
    ...controlConstants(c),
    STREAM: numberAttr(d.attrs, 'stream'),
    THRESHOLD: Math.ceil(rate * 2 ** 24),
    FACTOR: 1 / (1 - rate),
  };
}

const blend: Lowering = (d, c) => {
  const [z, s, control, gate] = d.inputs as [
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
    PlannedTensor?,
  ];
  const y = d.outputs[0]!;
  return {
    shader: 'blend',
    defines: { MODE: MODE_CODE[stringAttr(d.attrs, 'mode')]! },
    constants: {
      ...alphaConstants(d, c),
      SIZE4: y.elements / LANES,
      Z_STRIDE: stride4(z),
      S_STRIDE: stride4(s),
      Y_STRIDE: stride4(y),
      ROW4: row4(y),
      ...(gate ? { GATE_STRIDE: stride4(gate) } : {}),
    },
    bindings: [
      read(z, c),
      read(s, c),
      read(control, c),
      write(y, c),
      ...(gate ? [read(gate, c)] : []),
    ],
    grid: line(y.elements / LANES, c),
  };
};

const blendGradSeed: Lowering = (d, c) => {
  const [dy, z, s, control, gate] = d.inputs as [
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
    PlannedTensor?,
  ];
  const ds = d.outputs[0]!;
  const common = {
    ...alphaConstants(d, c),
    SIZE4: ds.elements / LANES,
    DY_STRIDE: stride4(dy),
    DS_STRIDE: stride4(ds),
  };
  return {
    shader: 'blend_grad_seed',
    defines: { MODE: MODE_CODE[stringAttr(d.attrs, 'mode')]! },
    constants: gate
      ? { ...common, GATE_STRIDE: stride4(gate), ROW4: row4(ds) }
      : { ...common, Z_STRIDE: stride4(z), S_STRIDE: stride4(s) },
    bindings: [
      read(dy, c),
      read(control, c),
      write(ds, c),
      ...(gate ? [read(gate, c)] : [read(z, c), read(s, c)]),
    ],
    grid: line(ds.elements / LANES, c),
  };
};

const blendGradHost: Lowering = (d, c) => {
  const [dy, s, control] = d.inputs as [PlannedTensor, PlannedTensor, PlannedTensor];
  const dz = d.outputs[0]!;
  return {
    shader: 'blend_grad_host',
    defines: {},
    constants: {
      ...alphaConstants(d, c),
      SIZE4: dz.elements / LANES,
      DY_STRIDE: stride4(dy),
      S_STRIDE: stride4(s),
      DZ_STRIDE: stride4(dz),
    },
    bindings: [read(dy, c), read(s, c), read(control, c), write(dz, c)],
    grid: line(dz.elements / LANES, c),
  };
};

const blendGradGate: Lowering = (d, c) => {
  const [dy, s, control, gate] = d.inputs as [
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
  ];
  const dgate = d.outputs[0]!;
  const rows = dy.padded[0]!;
  const long = row4(dy) > LONG_ROW4;
  checkLoop('blend_grad_gate', row4(dy) / (long ? LINE_SIZE : 1), 'use fewer features');
  return {
    shader: 'blend_grad_gate',
    defines: { LANES: long ? LINE_SIZE : 1 },
    constants: {
      ...alphaConstants(d, c),
      ROWS: rows,
      ROW4: row4(dy),
      DY_STRIDE: stride4(dy),
      S_STRIDE: stride4(s),
      GATE_STRIDE: stride4(gate),
      DGATE_STRIDE: stride4(dgate),
    },
    bindings: [read(dy, c), read(s, c), read(control, c), read(gate, c), write(dgate, c)],
    grid: [...lineGrid(rows, long ? 1 : LINE_SIZE), c.replicas],
  };
};

export const elementwiseKernels: Record<string, Lowering> = {
  activation,
  activation_grad: activationGrad,
  add,
  scale: unary('scale', {}, (d) => ({ FACTOR: numberAttr(d.attrs, 'factor') })),
  dropout: unary('dropout', {}, dropoutConstants),
  blend,
  scale_alpha: scaleAlpha,
  guard: unary('guard', {}, alphaConstants),
  blend_grad_seed: blendGradSeed,
  blend_grad_host: blendGradHost,
  blend_grad_gate: blendGradGate,
};
