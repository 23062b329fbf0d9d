/** From a plan to the WGSL text it runs, without a device. */
import { sha256Hex } from '../base/canonical.ts';
import { positionsOf } from '../blueprints/host-positions.ts';
import type {
  AdapterFamily,
  ArtifactManifest,
  Blueprint,
  HostShape,
} from '../contracts/blueprint.ts';
import { loweringOf } from '../engine/kernels/catalog.ts';
import { scheduleBase, scheduleColumns } from '../engine/kernels/control.ts';
import {
  type KernelCall,
  type LoweringContext,
  MAX_GROUPS,
} from '../engine/kernels/kernel-call.ts';
import { linkShader } from '../engine/kernels/shader-text.ts';
import type { Plan } from '../engine/plan/plan.ts';
import { seedFragment } from './fragment.ts';

/**
 * Rows of the batch a seed is compiled and verified for. Lowerings take their tall tiles from 64
 * rows on, and 65 ends inside a tile. Smaller batches run the same sources with other tile sizes,
 * which change speed and never bits.
 */
export const BATCH = 65;
/** Different rows in that batch; the rest repeat them, so that the reference needs no more. */
export const ROWS = 5;

/**
 * Rows that stand for {@link ROWS} or {@link BATCH} on a host: where it has positions, whole samples
 * of them, and at least two.
 */
export function rowsOn(host: HostShape, rows: typeof ROWS | typeof BATCH): number {
  const length = positionsOf(host)?.length;
  return length === undefined
    ? rows
    : (rows / ROWS) * length * Math.max(2, Math.ceil(ROWS / length));
}

/** Where a fragment's schedule would be; a seed alone reads none. */
export const FRAGMENT_SCHEDULE = {
  scheduleBase: scheduleBase(1),
  scheduleColumns: scheduleColumns(0, 0),
} as const;

export interface KernelText {
  kernels: ArtifactManifest['kernels'];
  /** The sections of all kernels, each under a comment that names it. */
  wgsl: string;
  calls: KernelCall[];
}

/**
 * Kernels a seed runs, forward and backward, in order of dispatch, each text once.
 *
 * @throws {RangeError} If a shape cannot be lowered; the message names op and fix.
 */
export async function kernelText(
  blueprint: Blueprint,
  host: HostShape,
  family: AdapterFamily,
): Promise<KernelText> {
  const calls = lower(seedFragment(blueprint, host, rowsOn(host, BATCH)).plan, family);
  const kernels: KernelText['kernels'] = [];
  const sections: string[] = [];
  const known = new Set<string>();
  for (const call of calls) {
    const text = linkShader(call).code;
    const sha256 = await sha256Hex(text);
    if (known.has(sha256)) continue;
    known.add(sha256);
    kernels.push({ name: call.shader, sha256 });
    const defines = Object.entries(call.defines).map(([name, value]) => `${name}=${value}`);
    sections.push(
      `// ---- kernel ${kernels.length}: ${call.shader}\n` +
        `// sha256 ${sha256}\n` +
        `// defines ${defines.join(' ') || 'none'}\n${text}\n`,
    );
  }
  return { kernels, wgsl: sections.join('\n'), calls };
}

/**
 * Kernel calls of a plan of one replica.
 *
 * @throws {RangeError} As the lowerings do, and if a grid is larger than WebGPU's.
 */
export function lower(plan: Plan, family: AdapterFamily): KernelCall[] {
  const context: LoweringContext = {
    replicas: plan.replicas,
    parameterElements: plan.parameterElements,
    family: family === 'gpu' ? 'gpu' : 'software',
    ...FRAGMENT_SCHEDULE,
  };
  return plan.dispatches.map((dispatch) => {
    const call = loweringOf(dispatch.op)(dispatch, context);
    if (call.grid.some((n) => n < 1 || n > MAX_GROUPS)) {
      throw new RangeError(
        `Cannot dispatch ${call.shader}: grid is ${call.grid.join(' x ')}, ` +
          `each must be 1 to ${MAX_GROUPS}; use a smaller blueprint`,
      );
    }
    return call;
  });
}
