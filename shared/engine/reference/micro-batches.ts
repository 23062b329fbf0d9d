/** Ops along the batch in float64; definitions in engine/plan/ops-batch.ts. */
import { numberAttr } from '../plan/op-definition.ts';
import type { ReferenceOp } from './reference-call.ts';

export const microBatchReference: Record<string, ReferenceOp> = {
  batch_rows(call) {
    const [x, y] = [call.input(0), call.output(0)];
    const { attrs, inputs } = call.dispatch;
    const start = numberAttr(attrs, 'start') * (x.length / inputs[0]!.padded[0]!);
    y.set(x.subarray(start, start + y.length));
  },
  join_batches(call) {
    call.output(0).set(call.input(0));
    call.output(0).set(call.input(1), call.input(0).length);
  },
  mix_losses(call) {
    const { attrs } = call.dispatch;
    const [a, b] = [numberAttr(attrs, 'a'), numberAttr(attrs, 'b')];
    const [rowsA, gradA, rowsB, gradB] = [0, 1, 2, 3].map((i) => call.input(i)) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const [rows, gradient] = [call.output(0), call.output(1)];
    rows.set(rowsA);
    for (let i = 0; i < rows.length; i += 4) rows[i] = a * rowsA[i]! + b * rowsB[i]!;
    for (let i = 0; i < gradient.length; i++) gradient[i] = a * gradA[i]! + b * gradB[i]!;
  },
};
