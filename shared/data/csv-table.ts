/**
 * CSV files as a table of numbers and a column of labels, and every cell that does not fit. What the
 * columns are is csv-columns.ts's business.
 */
import { InputError } from '../base/errors.ts';
import { type CsvRecord, decodeText, detectDelimiter, readRecords } from './csv.ts';
import { CategoryCoder, MAX_VALUES } from './csv-categories.ts';
import {
  type ColumnRole,
  type Columns,
  type CsvOptions,
  columnName,
  isHeader,
  MISSING,
  matchColumns,
  parseNumber,
} from './csv-columns.ts';

/** One or several files with the same columns, joined in order. */
export interface CsvTable {
  /** [rows, features], row-major. */
  values: Float64Array<ArrayBuffer>;
  labels: string[];
  features: number;
  /** Names of the features, `colour=red` for a value of a category; null when no file had a header. */
  names: string[] | null;
  /** `train.csv:12`, the file and line of a row. */
  place(row: number): string;
}

export interface CsvFile {
  fileName: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Reads and joins CSV files.
 *
 * @param known Columns of files read earlier (the training files), which these must match.
 * @throws {InputError} Naming file, line and column: `Cannot read data.csv:7: 5 columns, expected 4
 *   as in data.csv:1`, `Cannot read data.csv:7, column "width": "nan" is not a finite number; …`
 */
export function readCsvTable(
  files: readonly CsvFile[],
  options: CsvOptions,
  known?: CsvTable,
): CsvTable {
  const values = new GrowingArray();
  const labels: string[] = [];
  const lines: number[] = [];
  const starts: { row: number; fileName: string }[] = [];
  const before = known && learnt.get(known);
  let columns: Columns | null = before?.columns ?? null;
  let coder = before?.coder;
  for (const { fileName, bytes } of files) {
    const text = decodeText(bytes, fileName);
    const delimiter =
      options.delimiter === 'auto' ? detectDelimiter(text, options.comment) : options.delimiter;
    starts.push({ row: labels.length, fileName });
    let isFirst = true;
    for (const record of readRecords(text, delimiter, options.comment, fileName)) {
      if (isFirst) {
        isFirst = false;
        const header = isHeader(record, options) ? record.cells : null;
        columns = matchColumns(columns, record, header, options, fileName, delimiter);
        coder ??= new CategoryCoder(
          columns.roles.flatMap((role, i) => (role === 'category' ? [i] : [])),
        );
        if (header) continue;
      }
      readRow(record, columns!, coder!, fileName, values, labels);
      lines.push(record.line);
    }
    if (labels.length === starts.at(-1)!.row) {
      const found = isFirst ? 'no lines but blank ones and comments' : 'a header and no rows';
      throw new InputError(`Cannot read "${fileName}": ${found}`);
    }
  }
  coder!.finishLearning();
  const { header, roles } = columns!;
  const read = roles.flatMap((role, i) => (isFeature(role) ? [i] : []));
  const table: CsvTable = {
    ...coder!.expand(values.finish(), read),
    labels,
    names:
      header &&
      read.flatMap((i) =>
        roles[i] === 'category' ? coder!.values(i).map((v) => `${header[i]}=${v}`) : [header[i]!],
      ),
    place(row) {
      let i = starts.length - 1;
      while (i > 0 && starts[i]!.row > row) i--;
      return `${starts[i]!.fileName}:${lines[row]}`;
    },
  };
  learnt.set(table, { columns: columns!, coder: coder! });
  return table;
}

const isFeature = (role: ColumnRole) => role === 'number' || role === 'category';

/** What a table was read with, for the test files that must match it. */
const learnt = new WeakMap<CsvTable, { columns: Columns; coder: CategoryCoder }>();

function readRow(
  record: CsvRecord,
  columns: Columns,
  coder: CategoryCoder,
  fileName: string,
  values: GrowingArray,
  labels: string[],
): void {
  const { cells, line } = record;
  const { roles } = columns;
  if (cells.length !== roles.length) {
    throw new InputError(
      `Cannot read ${fileName}:${line}: ${cells.length} columns, expected ${roles.length} as in ${columns.learntFrom}`,
    );
  }
  const fault = (i: number, what: string) =>
    new InputError(`Cannot read ${fileName}:${line}, column ${columnName(columns, i)}: ${what}`);
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i]!;
    switch (roles[i]!) {
      case 'ignored':
        break;
      case 'label':
        if (cell === '')
          throw new InputError(`Cannot read ${fileName}:${line}: the label is empty`);
        labels.push(cell);
        break;
      case 'category': {
        if (cell === '') throw fault(i, numberFault(cell, true));
        const code = coder.code(i, cell);
        if (code === null) throw fault(i, unknownValue(cell, coder.values(i)));
        if (code >= MAX_VALUES) {
          throw fault(i, `more than ${MAX_VALUES} values are no category; name it in "ignore"`);
        }
        values.push(code);
        break;
      }
      case 'number': {
        const value = parseNumber(cell);
        if (Number.isNaN(value)) throw fault(i, numberFault(cell, columns.header !== null));
        values.push(value);
      }
    }
  }
}

function unknownValue(cell: string, values: readonly string[]): string {
  const shown = values.slice(0, 8).map((v) => `"${v}"`);
  if (values.length > shown.length) shown.push('…');
  return `"${cell}" is in no training row, where the values are ${shown.join(', ')}`;
}

function numberFault(cell: string, hasHeader: boolean): string {
  if (cell === '') return 'the cell is empty; fill it or remove the row';
  if (MISSING.test(cell)) return `"${cell}" is not a finite number; fill it or remove the row`;
  if (/^[+-]?\d+,\d+$/.test(cell)) return `"${cell}" has a decimal comma; use a point`;
  const hint = hasHeader ? '' : ', or set "header": true if this line names the columns';
  return `"${cell}" is not a number; name columns of text in "categories" or "ignore"${hint}`;
}

/** A float64 array that doubles when full: the number of rows is known only at the end. */
class GrowingArray {
  #values = new Float64Array(1024);
  #length = 0;

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Float64Array(2 * this.#length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  finish(): Float64Array<ArrayBuffer> {
    return this.#values.slice(0, this.#length);
  }
}
