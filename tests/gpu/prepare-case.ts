/** From a parity case to a plan and filled buffers on a backend. */
import type { Backend, DeviceBuffer } from '../../shared/engine/plan/backend.ts';
import { planIn } from '../../shared/engine/plan/numerics.ts';
import { makePlan, type Plan } from '../../shared/engine/plan/plan.ts';
import { pack } from '../../shared/engine/plan/shape.ts';
import { CaseBuilder, draw, type ParityCase } from './parity-case.ts';

/** A case made ready for any backend: plan and buffer contents. */
export interface PreparedCase {
  plan: Plan;
  data: ReadonlyMap<string, Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>;
  scheduleColumns: number;
}

/** @param seeds The replicas' seeds. */
export function prepareCase(
  c: ParityCase,
  seeds: readonly number[] = c.seeds ?? [1],
): PreparedCase {
  const b = new CaseBuilder(seeds);
  const outputs = c.build(b);
  const plan = planIn(makePlan(c.name, b.graph, seeds.length, outputs), c.numerics ?? 'f32');
  const parameters = new Float32Array(seeds.length * plan.parameterElements);
  seeds.forEach((seed, r) => {
    for (const p of plan.parameters) {
      const fill = b.fills.get(p.name);
      if (!fill) throw new RangeError(`Cannot fill parameter "${p.name}" of case "${c.name}"`);
      const values = draw(seed, p.name, p.shape, fill);
      parameters.set(pack(values, p.shape, p.padded), r * plan.parameterElements + p.offset);
    }
  });
  const data = new Map(b.data);
  data.set('parameters', parameters);
  data.set('gradients', new Float32Array(parameters.length));
  return { plan, data, scheduleColumns: b.columns };
}

/** Buffers of a case on a backend, filled. */
export function uploadCase(backend: Backend, c: PreparedCase): Record<string, DeviceBuffer> {
  const buffers: Record<string, DeviceBuffer> = {};
  for (const [name, values] of c.data) {
    const buffer = backend.createBuffer(name, values.length);
    if (values instanceof Uint32Array) backend.writeWords(buffer, values);
    else backend.writeFloats(buffer, values);
    buffers[name] = buffer;
  }
  return buffers;
}
