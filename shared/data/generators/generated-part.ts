/** Rows that a generator made, in the form that file sources hand over too. */
import type { CodedPart } from '../coded-data.ts';
import type { NumberArray } from '../raw-array.ts';

/** @param values [labels.length, features], row-major. */
export function generatedPart(
  name: string,
  values: NumberArray,
  labels: ArrayLike<number>,
): CodedPart {
  return {
    values,
    labels: Uint32Array.from(labels),
    rows: labels.length,
    place: (row) => `row ${row} of ${name}`,
  };
}
