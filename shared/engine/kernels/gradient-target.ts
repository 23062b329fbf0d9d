/** Where the gradient of a weight and its bias goes. */
import type { Dispatch, PlannedTensor } from '../plan/plan.ts';
import { LANES } from '../plan/shape.ts';
import type { KernelCall, LoweringContext } from './kernel-call.ts';
import { write } from './kernel-call.ts';

export interface GradientTarget {
  /** SEPARATE: the bias gradient has a binding of its own, after the weight's. */
  defines: { BIAS: number; SEPARATE: number };
  constants: Record<string, number>;
  bindings: KernelCall['bindings'];
}

/** One writable range over a weight's gradient and its bias', which follow each other. */
function gradientRange(dw: PlannedTensor, db: PlannedTensor | undefined, c: LoweringContext) {
  if (dw.buffer !== 'gradients' || (db && (db.buffer !== 'gradients' || db.offset < dw.offset))) {
    throw new RangeError(
      `Cannot write the gradient of "${dw.name}": weight and bias must follow each other in the gradient arena`,
    );
  }
  const end = db ? db.offset + db.elements : dw.offset + dw.elements;
  return {
    range: {
      buffer: dw.buffer,
      offset: dw.offset,
      elements: (c.replicas - 1) * dw.replicaStride + end - dw.offset,
    },
    access: 'read_write',
  } as const;
}

/**
 * In the gradient arena, weight and bias share one binding, since writable ranges of a buffer must
 * not overlap and the replicas' ranges do. Gradients that are still to be added to others (a weight
 * used twice) have buffers of their own.
 *
 * @throws {RangeError} If the arena places the bias before its weight.
 */
export function gradientTarget(
  dw: PlannedTensor,
  db: PlannedTensor | undefined,
  c: LoweringContext,
): GradientTarget {
  const separate = db !== undefined && db.buffer !== dw.buffer;
  const constants = { G_STRIDE: dw.replicaStride / LANES };
  const defines = { BIAS: db ? 1 : 0, SEPARATE: separate ? 1 : 0 };
  if (dw.buffer === 'gradients' && !separate) {
    return {
      defines,
      constants: db ? { ...constants, BIAS_AT: (db.offset - dw.offset) / LANES } : constants,
      bindings: [gradientRange(dw, db, c)],
    };
  }
  return {
    defines,
    constants: db ? { ...constants, B_STRIDE: db.replicaStride / LANES } : constants,
    bindings: [write(dw, c), ...(db ? [write(db, c)] : [])],
  };
}

/** Where the parts of a weight's gradient go: [parts, K + 1, N], the last row for the bias. */
export function partialTarget(d: Dispatch, c: LoweringContext): GradientTarget {
  const partial = d.outputs[0]!;
  const [, rows, columns] = partial.padded as [number, number, number];
  const part4 = (rows * columns) / LANES;
  const bias = Boolean(d.attrs['bias']);
  return {
    defines: { BIAS: bias ? 1 : 0, SEPARATE: 0 },
    constants: { G_STRIDE: part4, ...(bias ? { BIAS_AT: part4 - columns / LANES } : {}) },
    bindings: [write(partial, c)],
  };
}
