/** What a backend needs to run one dispatch on a GPU. */
import type { Dispatch, PlannedTensor } from '../plan/plan.ts';
import type { Defines } from './linker.ts';
import type { Tile, TileChoice } from './tiles.ts';

/** A range of a buffer, in elements; all replicas of a tensor, or a whole buffer. */
export interface BufferRange {
  buffer: string;
  offset: number;
  elements: number;
}

export interface KernelCall {
  /** File in shaders/ without .wgsl; also the entry point and the label. */
  shader: string;
  /** Names for the preprocessor: they change the text. */
  defines: Defines;
  /** Values of `override` constants: sizes, strides, workgroup size. */
  constants: Record<string, number>;
  /** In the order of the binding numbers. */
  bindings: { range: BufferRange; access: 'read' | 'read_write' }[];
  /** Words of a uniform buffer after the bindings: sizes that are no constants, so that calls share a pipeline. */
  sizes?: readonly number[];
  /** Workgroups in x, y, z. */
  grid: [number, number, number];
  /** The tile and its alternatives, for kernels that come in tiles. */
  choice?: TileChoice;
  /** Sizes are read from a table, see any-shape.ts. @default {false} they are constants */
  anyShape?: boolean;
}

export interface LoweringContext {
  replicas: number;
  /** Elements between replicas in the parameter and gradient arenas. */
  parameterElements: number;
  /** `software`: a CPU renderer, which wants small workgroups; `gpu`: hardware. */
  family: 'software' | 'gpu';
  /** Whether four neighbouring invocations can share numbers: subgroups of at least four. */
  quads?: boolean;
  /** Whether the dispatch rounds its operands to float16, see engine/plan/numerics.ts. */
  half?: boolean;
  /** Recorded choices by the keys of tiles.ts. @default the family's own */
  tiles?: Readonly<Record<string, Tile>>;
  /** Columns of a schedule row and word of its first row, see control.ts. */
  scheduleColumns: number;
  scheduleBase: number;
}

/** Turns one dispatch of a plan into one kernel call. Pure. */
export type Lowering = (dispatch: Dispatch, context: LoweringContext) => KernelCall;

/** All replicas of a tensor. */
export function allReplicas(t: PlannedTensor, replicas: number): BufferRange {
  return {
    buffer: t.buffer,
    offset: t.offset,
    elements: (replicas - 1) * t.replicaStride + t.elements,
  };
}

export const read = (t: PlannedTensor, c: LoweringContext) =>
  ({ range: allReplicas(t, c.replicas), access: 'read' }) as const;

export const write = (t: PlannedTensor, c: LoweringContext) =>
  ({ range: allReplicas(t, c.replicas), access: 'read_write' }) as const;

/** Constants of shaders/lib/control.wgsl. */
export function controlConstants(c: LoweringContext): Record<string, number> {
  return {
    REPLICAS: c.replicas,
    SCHEDULE_BASE: c.scheduleBase,
    SCHEDULE_COLUMNS: c.scheduleColumns,
  };
}

/** Codes of ACT and SLOPE in shaders/lib/activation.wgsl. */
export const ACTIVATION_CODE: Readonly<Record<string, number>> = {
  none: 0,
  relu: 1,
  tanh: 2,
  sigmoid: 3,
  gelu: 4,
  leaky_relu: 5,
  silu: 6,
};

/** LOOPED: a tile is stored in a loop. CPU renderers compile that faster, hardware would spill. */
export function looped(c: LoweringContext): number {
  return c.family === 'software' ? 1 : 0;
}

/** Codes of BLEND in the epilogues. */
export const BLEND_CODE: Readonly<Record<string, number>> = { none: 0, add: 1, replace: 2 };

/** WebGPU's guaranteed number of workgroups per dimension. */
export const MAX_GROUPS = 65_535;

/**
 * Workgroups for `items` invocations in a line, folded into two dimensions when there are more
 * than one dimension holds; kernels recover the index as (y * groups_x + x).
 */
export function lineGrid(items: number, workgroupSize: number): [number, number] {
  const groups = Math.max(1, Math.ceil(items / workgroupSize));
  const x = Math.min(groups, MAX_GROUPS);
  return [x, Math.ceil(groups / x)];
}
