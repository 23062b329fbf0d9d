/** Lowering of pools: one invocation per vec4 of the result, replicas in z. */
import { numberAttr } from '../plan/op-definition.ts';
import type { Dispatch, PlannedTensor } from '../plan/plan.ts';
import { LANES, numel } from '../plan/shape.ts';
import type { KernelCall, Lowering, LoweringContext } from './kernel-call.ts';
import { ACTIVATION_CODE, lineGrid, read, write } from './kernel-call.ts';
import { checkLoop, LINE_SIZE } from './limits.ts';

/** Distance between replicas in vec4s. */
function stride4(t: PlannedTensor): number {
  return t.replicaStride / LANES;
}

function line(result: PlannedTensor, c: LoweringContext): KernelCall['grid'] {
  return [...lineGrid(result.elements / LANES, LINE_SIZE), c.replicas];
}

/** @param image Tensor [B, H, W, C]. @param pooled Tensor [B, OH, OW, C]. */
function windowConstants(d: Dispatch, image: PlannedTensor, pooled: PlannedTensor) {
  return {
    SIZE4: d.outputs[0]!.elements / LANES,
    H: image.padded[1]!,
    W: image.padded[2]!,
    C4: image.padded[3]! / LANES,
    OH: pooled.padded[1]!,
    OW: pooled.padded[2]!,
    SIZE: numberAttr(d.attrs, 'size'),
    STRIDE: numberAttr(d.attrs, 'stride'),
  };
}

/** Loops over a window and, for gradients, over the windows of a cell. */
function checkWindow(d: Dispatch, inner: number): void {
  const size = numberAttr(d.attrs, 'size');
  const windows = Math.ceil(size / numberAttr(d.attrs, 'stride')) ** 2;
  checkLoop(
    d.op,
    (inner === 0 ? size * size : windows * (1 + inner)) + size,
    'use smaller windows',
  );
}

/** Windows of up to this many cells in x and y have their loops unrolled. */
const MAX_UNROLLED = 3;

function unrolled(d: Dispatch): number {
  const size = numberAttr(d.attrs, 'size');
  return size <= MAX_UNROLLED ? size : 0;
}

/** max_pool and avg_pool. */
function forward(shader: string): Lowering {
  return (d, c) => {
    const [x, y] = [d.inputs[0]!, d.outputs[0]!];
    checkWindow(d, 0);
    return {
      shader,
      defines: { UNROLL: unrolled(d) },
      constants: { ...windowConstants(d, x, y), X_STRIDE: stride4(x), Y_STRIDE: stride4(y) },
      bindings: [read(x, c), write(y, c)],
      grid: line(y, c),
    };
  };
}

const maxPoolGrad: Lowering = (d, c) => {
  const [dy, x, y, saved] = d.inputs as [
    PlannedTensor,
    PlannedTensor,
    PlannedTensor,
    PlannedTensor?,
  ];
  const dx = d.outputs[0]!;
  checkWindow(d, numberAttr(d.attrs, 'size') ** 2);
  const { SIZE4, ...window } = windowConstants(d, x, y);
  // Windows side by side: each invocation sees all of one, and reads every cell once.
  const windows = window.SIZE === window.STRIDE;
  const inWindows =
    Math.ceil(window.H / window.SIZE) * Math.ceil(window.W / window.SIZE) * window.C4;
  const items = windows ? x.padded[0]! * inWindows : SIZE4;
  const own = saved !== undefined && saved.id === x.id;
  return {
    shader: 'max_pool_grad',
    defines: {
      WINDOWS: windows ? 1 : 0,
      UNROLL: unrolled(d),
      ACT: 0,
      SLOPE: ACTIVATION_CODE[String(d.attrs['mask'] ?? 'none')]!,
      OWN: own ? 1 : 0,
    },
    constants: {
      ...window,
      ITEMS: items,
      DY_STRIDE: stride4(dy),
      X_STRIDE: stride4(x),
      Y_STRIDE: stride4(y),
      DX_STRIDE: stride4(dx),
      ...(saved && !own ? { SAVED_STRIDE: stride4(saved) } : {}),
    },
    bindings: [
      ...[read(dy, c), read(x, c), read(y, c), write(dx, c)],
      ...(saved && !own ? [read(saved, c)] : []),
    ],
    grid: [...lineGrid(items, LINE_SIZE), c.replicas],
  };
};

const avgPoolGrad: Lowering = (d, c) => {
  const [dy, dx] = [d.inputs[0]!, d.outputs[0]!];
  checkWindow(d, 1);
  return {
    shader: 'avg_pool_grad',
    defines: {},
    constants: { ...windowConstants(d, dx, dy), DY_STRIDE: stride4(dy), DX_STRIDE: stride4(dx) },
    bindings: [read(dy, c), write(dx, c)],
    grid: line(dx, c),
  };
};

const globalAvgPool: Lowering = (d, c) => {
  const [x, y] = [d.inputs[0]!, d.outputs[0]!];
  const pixels = numel(x.padded.slice(1, 3));
  checkLoop('global_avg_pool', pixels, 'use smaller images');
  return {
    shader: 'global_avg_pool',
    defines: {},
    constants: {
      SIZE4: y.elements / LANES,
      C4: y.padded[1]! / LANES,
      PIXELS: pixels,
      X_STRIDE: stride4(x),
      Y_STRIDE: stride4(y),
    },
    bindings: [read(x, c), write(y, c)],
    grid: line(y, c),
  };
};

const globalAvgPoolGrad: Lowering = (d, c) => {
  const [dy, dx] = [d.inputs[0]!, d.outputs[0]!];
  return {
    shader: 'global_avg_pool_grad',
    defines: {},
    constants: {
      SIZE4: dx.elements / LANES,
      C4: dx.padded[3]! / LANES,
      PIXELS: numel(dx.padded.slice(1, 3)),
      DY_STRIDE: stride4(dy),
      DX_STRIDE: stride4(dx),
    },
    bindings: [read(dy, c), write(dx, c)],
    grid: line(dx, c),
  };
};

export const poolKernels: Record<string, Lowering> = {
  max_pool: forward('max_pool'),
  max_pool_grad: maxPoolGrad,
  avg_pool: forward('avg_pool'),
  avg_pool_grad: avgPoolGrad,
  global_avg_pool: globalAvgPool,
  global_avg_pool_grad: globalAvgPoolGrad,
};
