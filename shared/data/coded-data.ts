/** What generators and file sources hand to the dataset: numbers not yet split or scaled. */
import type { Scaling } from '../contracts/experiment.ts';
import type { NumberArray } from './raw-array.ts';

export interface CodedPart {
  /** [rows, features], row-major; every value is finite. */
  values: NumberArray;
  /** Class numbers, [rows]. */
  labels: Uint32Array<ArrayBuffer>;
  rows: number;
  /** Names a row for messages: `data.csv:12`. */
  place(row: number): string;
}

export interface CodedData {
  name: string;
  features: number;
  /** [height, width, channels] when the source itself says that rows are images. */
  imageShape: [number, number, number] | null;
  classes: string[];
  train: CodedPart;
  /** Null: to be split off from `train`. */
  test: CodedPart | null;
  /** Used when the experiment names no scaling. */
  defaultScaling: Scaling;
}
