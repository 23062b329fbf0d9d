/**
 * Checks that every shader is in the import list, in the kernel catalog and in a parity case, and
 * that the catalog's bindings and constants agree with the shaders. Plans are pure, so this needs
 * no device: each case is planned and lowered for both adapter families, with every tile that the
 * autotuner may choose.
 *
 * Usage: deno run --allow-read tools/check-shaders.ts
 */

import { SHADERS } from '#shaders/index.ts';
import { messageOf } from '#shared/base/errors.ts';
import { KERNELS } from '#shared/engine/kernels/catalog.ts';
import { scheduleBase } from '#shared/engine/kernels/control.ts';
import type { LoweringContext } from '#shared/engine/kernels/kernel-call.ts';
import { CASES } from '../tests/gpu/cases.ts';
import { HALF_CASES } from '../tests/gpu/half-cases.ts';
import { prepareCase } from '../tests/gpu/prepare-case.ts';
import { TILE_CASES } from '../tests/gpu/tile-cases.ts';
import { checkCall, checkCoverage, checkFiles } from './shader-check.ts';

const FOLDER = new URL('../shaders/', import.meta.url);
const FAMILIES = ['software', 'gpu'] as const;

async function readShaders(folder: string, into: Record<string, string>): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, FOLDER))) {
    const path = `${folder}${name}`;
    if (isDirectory) await readShaders(`${path}/`, into);
    else if (name.endsWith('.wgsl')) into[path] = await Deno.readTextFile(new URL(path, FOLDER));
  }
}

const files: Record<string, string> = {};
await readShaders('', files);

/** Products once as they are and once with operands rounded to float16. */
const ALL = [...CASES, ...TILE_CASES, ...HALF_CASES];

const messages = new Set(checkFiles(files, SHADERS));
const called = new Set<string>();
const planned = new Set<string>();
for (const parityCase of ALL) {
  const { plan, scheduleColumns } = prepareCase(parityCase);
  for (const family of FAMILIES) {
    const context: LoweringContext = {
      replicas: plan.replicas,
      parameterElements: plan.parameterElements,
      family,
      scheduleBase: scheduleBase(plan.replicas),
      scheduleColumns,
    };
    for (const dispatch of plan.dispatches) {
      planned.add(dispatch.op);
      const lowering = KERNELS[dispatch.op];
      if (!lowering) {
        messages.add(`Op "${dispatch.op}" has no row in shared/engine/kernels/catalog.ts: add one`);
        continue;
      }
      try {
        const standard = lowering(dispatch, context);
        const { candidates = [], key = '', start } = standard.choice ?? {};
        const others = [...candidates, ...(start ? [start] : [])].map((tile) =>
          lowering(dispatch, { ...context, tiles: { [key]: tile } }),
        );
        for (const call of [standard, ...others]) {
          called.add(call.shader);
          for (const message of checkCall(call, files, `Catalog row "${dispatch.op}"`)) {
            messages.add(message);
          }
        }
      } catch (error) {
        messages.add(`Case "${parityCase.name}", op "${dispatch.op}": ${messageOf(error)}`);
      }
    }
  }
}
for (const message of checkCoverage(files, Object.keys(KERNELS), called, planned)) {
  messages.add(message);
}
for (const message of messages) console.error(message);
console.log(
  `${Object.keys(files).length} shader files, ${ALL.length} cases, ${messages.size} violations`,
);
Deno.exit(messages.size > 0 ? 1 : 0);
