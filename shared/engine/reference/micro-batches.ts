/** Ops along the batch in float64; definitions in engine/plan/ops-batch.ts. */

import { permute } from '../../base/permutation.ts';
import { CONTROL } from '../kernels/control.ts';
import { numberAttr, stringAttr } from '../plan/op-definition.ts';
import type { ReferenceOp } from './reference-call.ts';

export const microBatchReference: Record<string, ReferenceOp> = {
  gather_part(call) {
    const { attrs, inputs } = call.dispatch;
    const [x, part] = [call.input(0), call.input(1)];
    const control = call.buffer(inputs[2]!);
    const [batch, rows] = [inputs[0]!.padded[0]!, inputs[1]!.padded[0]!];
    const [size, first] = [numberAttr(attrs, 'size'), numberAttr(attrs, 'first')];
    const features = x.length / batch;
    for (let b = 0; b < batch; b++) {
      let row = control[CONTROL.step]! * batch + b;
      if (stringAttr(attrs, 'mode') === 'shuffle') {
        const seed = control[CONTROL.seeds + call.replica]!;
        const stream = numberAttr(attrs, 'stream');
        row = permute(row % size, size, seed, stream, Math.floor(row / size));
      }
      if (row < first || row >= first + rows) continue;
      const at = (row - first) * features;
      x.set(part.subarray(at, at + features), b * features);
    }
  },
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
