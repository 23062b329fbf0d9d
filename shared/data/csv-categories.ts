/**
 * Columns of text as numbers: one feature for each value of the training files, 1 where a row has it
 * and 0 elsewhere (one-hot). Values stand in code unit order, so that the order of rows is no matter.
 */

/** A column with more values is no category: each would be a feature. */
export const MAX_VALUES = 256;

export class CategoryCoder {
  /** Columns that are categories, ascending, with their values as they were met. */
  readonly #codes: ReadonlyMap<number, Map<string, number>>;
  #isLearnt = false;

  constructor(columns: readonly number[]) {
    this.#codes = new Map(columns.map((column) => [column, new Map()]));
  }

  /**
   * Number of a value within its column; new values get one while the training files are read.
   *
   * @returns Null for a value that no training row has.
   */
  code(column: number, value: string): number | null {
    const codes = this.#codes.get(column)!;
    const code = codes.get(value);
    if (code !== undefined) return code;
    if (this.#isLearnt) return null;
    codes.set(value, codes.size);
    return codes.size - 1;
  }

  /** Values of a column; in code unit order once all training files are read. */
  values(column: number): string[] {
    return [...this.#codes.get(column)!.keys()].sort((a, b) => (a < b ? -1 : 1));
  }

  /** From here on a new value is a fault. */
  finishLearning(): void {
    this.#isLearnt = true;
  }

  /**
   * Replaces each code by its features.
   *
   * @param table [rows, columns], row-major.
   * @param columns What each column of the table was in the file.
   * @returns [rows, features], row-major.
   */
  expand(
    table: Float64Array<ArrayBuffer>,
    columns: readonly number[],
  ): { values: Float64Array<ArrayBuffer>; features: number } {
    if (this.#codes.size === 0) return { values: table, features: columns.length };
    /** Place of each code among the features of its column; null: the column is a number. */
    const places = columns.map((column) => {
      const codes = this.#codes.get(column);
      if (!codes) return null;
      const sorted = this.values(column);
      return [...codes.keys()].map((value) => sorted.indexOf(value));
    });
    const features = places.reduce((n, p) => n + (p ? p.length : 1), 0);
    const rows = table.length / columns.length;
    const values = new Float64Array(rows * features);
    for (let row = 0; row < rows; row++) {
      let at = row * features;
      for (const [i, place] of places.entries()) {
        const cell = table[row * columns.length + i]!;
        if (place) values[at + place[cell]!] = 1;
        else values[at] = cell;
        at += place ? place.length : 1;
      }
    }
    return { values, features };
  }
}
