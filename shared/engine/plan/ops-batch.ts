/**
 * Ops along the batch: a training step made of several small batches, whose gradients add up, and
 * several losses of the same rows. None is differentiated: they stand before the network and after
 * its loss.
 */
import { mismatch, numberAttr, type OpDefinition } from './op-definition.ts';
import { sameShape } from './shape.ts';

export const batchOps: Record<string, OpDefinition> = {
  // inputs a batch that gather_batch began, rows `first` and on of its data set, control; attrs those
  // of gather_batch and first. Writes into the batch
  gather_part: { infer: () => [] },
  // attrs start, length: rows of a batch, floats or words
  batch_rows: {
    infer([x], attrs) {
      const [start, length] = [numberAttr(attrs, 'start'), numberAttr(attrs, 'length')];
      const rows = x!.shape[0]!;
      if (!(start >= 0 && length >= 1 && start + length <= rows)) {
        throw mismatch('batch_rows', `rows ${start} to ${start + length} leave the batch`, x!);
      }
      return [
        {
          shape: [length, ...x!.shape.slice(1)],
          padded: [length, ...x!.padded.slice(1)],
          dtype: x!.dtype,
        },
      ];
    },
  },
  // inputs a, b: rows that follow each other
  join_batches: {
    infer([a, b]) {
      const fits =
        sameShape(a!.shape.slice(1), b!.shape.slice(1)) &&
        sameShape(a!.padded.slice(1), b!.padded.slice(1));
      if (!fits) throw mismatch('join_batches', 'rows differ', a!, b!);
      const rows = (t: readonly number[], u: readonly number[]) => [t[0]! + u[0]!, ...t.slice(1)];
      return [{ shape: rows(a!.shape, b!.shape), padded: rows(a!.padded, b!.padded) }];
    },
  },
  // inputs row statistics and dL/dlogits of two losses; attrs a, b: what each counts
  mix_losses: {
    infer([rowsA, gradA, rowsB, gradB]) {
      if (!sameShape(rowsA!.shape, rowsB!.shape) || !sameShape(gradA!.shape, gradB!.shape)) {
        throw mismatch('mix_losses', 'the losses are not of the same rows', gradA!, gradB!);
      }
      return [
        { shape: rowsA!.shape, padded: rowsA!.padded },
        { shape: gradA!.shape, padded: gradA!.padded },
      ];
    },
  },
};
