/**
 * Gradients by central differences, in float64: the check of autodiff and of every gradient kernel
 * that shares no formula with them.
 */
import { scheduleBase } from '../../shared/engine/kernels/control.ts';
import type { Plan } from '../../shared/engine/plan/plan.ts';
import { pack } from '../../shared/engine/plan/shape.ts';
import {
  createReferenceBackend,
  outputValues,
  type ReferenceBuffer,
} from '../../shared/engine/reference/reference-backend.ts';
import type { ParityCase } from './parity-case.ts';
import { prepareCase, uploadCase } from './prepare-case.ts';

/** Half the distance of the two evaluations: truncation falls with its square, noise rises. */
const STEP = 1e-5;

/** A plan without what it computes behind its row losses: no loss depends on its own gradients. */
function untilRows(plan: Plan): Plan {
  const rows = plan.outputs['rows'];
  if (!rows)
    throw new RangeError(`Cannot differentiate case "${plan.name}": it has no output "rows"`);
  const last = plan.dispatches.findLastIndex((d) =>
    d.outputs.some((t) => t.buffer === rows.buffer),
  );
  return { ...plan, dispatches: plan.dispatches.slice(0, last + 1) };
}

/**
 * dL/dp for every parameter of every replica, in the layout of the gradient arena; L is the sum of
 * the row losses (output `rows`) over the batch size. Operands are never rounded: what is differentiated
 * is the function that a numeric class approximates.
 */
export async function centralDifferences(c: ParityCase): Promise<Float64Array> {
  const backend = createReferenceBackend();
  const prepared = prepareCase({ ...c, numerics: 'f32' });
  const plan = untilRows(prepared.plan);
  const buffers = uploadCase(backend, prepared);
  const executable = await backend.prepare(plan, {
    buffers,
    scheduleBase: scheduleBase(plan.replicas),
    scheduleColumns: prepared.scheduleColumns,
  });
  const parameters = (buffers['parameters'] as ReferenceBuffer).values;
  const rows = plan.outputs['rows']!;
  const loss = (replica: number): number => {
    backend.run(executable, 1);
    const values = outputValues(executable, 'rows');
    let sum = 0;
    for (let b = 0; b < rows.shape[0]!; b++) sum += values[replica * rows.elements + b * 4]!;
    return sum / rows.shape[0]!;
  };
  const differences = new Float64Array(parameters.length);
  for (let r = 0; r < plan.replicas; r++) {
    for (const p of plan.parameters) {
      const count = p.shape.reduce((a, b) => a * b, 1);
      const real = pack(new Float32Array(count).fill(1), p.shape, p.padded);
      real.forEach((isReal, i) => {
        if (isReal === 0) return;
        const at = r * plan.parameterElements + p.offset + i;
        const before = parameters[at]!;
        parameters[at] = before + STEP;
        const above = loss(r);
        parameters[at] = before - STEP;
        const below = loss(r);
        parameters[at] = before;
        differences[at] = (above - below) / (2 * STEP);
      });
    }
  }
  return differences;
}
