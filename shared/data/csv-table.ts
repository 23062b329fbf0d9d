/**
 * CSV files as a table of numbers and a column of labels: finds the header, the label column and
 * every cell that is not a finite number.
 */
import { InputError } from '../base/errors.ts';
import { type CsvRecord, decodeText, detectDelimiter, readRecords } from './csv.ts';

export interface CsvOptions {
  /** One character, or `auto`. */
  delimiter: string;
  header: boolean | 'auto';
  comment: string;
  /** Column name, or index from 0; negative counts from the end. */
  label: string | number;
}

/** One or several files with the same columns, joined in order. */
export interface CsvTable {
  /** [rows, features], row-major. */
  values: Float64Array<ArrayBuffer>;
  labels: string[];
  features: number;
  /** Column names of the features; null when no file had a header. */
  names: string[] | null;
  /** `train.csv:12`, the file and line of a row. */
  place(row: number): string;
}

export interface CsvFile {
  fileName: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/** Spelled-out missing values: in a first line they are data with a hole, not column names. */
const MISSING = /^(|nan|[+-]?inf(inity)?|na|n\/a|null|none|\?)$/i;

function parseNumber(cell: string): number {
  // Number() also takes '' and 0x1f, which are no decimal numbers.
  const value = Number(cell);
  return cell.trim() === '' || /^[+-]?0[xob]/i.test(cell) || !Number.isFinite(value)
    ? Number.NaN
    : value;
}

interface Columns {
  width: number;
  label: number;
  header: string[] | null;
  /** Where the width was learnt, for messages. */
  learntFrom: string;
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
  let columns: Columns | null = known ? (tableColumns.get(known) ?? null) : null;
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
        if (header) continue;
      }
      readRow(record, columns!, fileName, values, labels);
      lines.push(record.line);
    }
    if (labels.length === starts.at(-1)!.row) {
      const found = isFirst ? 'no lines but blank ones and comments' : 'a header and no rows';
      throw new InputError(`Cannot read "${fileName}": ${found}`);
    }
  }
  const { header, label, width } = columns!;
  const table: CsvTable = {
    values: values.finish(),
    labels,
    features: width - 1,
    names: header ? header.filter((_, i) => i !== label) : null,
    place(row) {
      let i = starts.length - 1;
      while (i > 0 && starts[i]!.row > row) i--;
      return `${starts[i]!.fileName}:${lines[row]}`;
    },
  };
  tableColumns.set(table, columns!);
  return table;
}

/** Columns a table was read with, for the test files that must match them. */
const tableColumns = new WeakMap<CsvTable, Columns>();

function isHeader(record: CsvRecord, options: CsvOptions): boolean {
  if (options.header !== 'auto') return options.header;
  if (typeof options.label === 'string' && record.cells.includes(options.label)) return true;
  const labelIndex = typeof options.label === 'number' ? resolveIndex(options.label, record) : -1;
  const features = record.cells.filter((cell, i) => i !== labelIndex && !MISSING.test(cell));
  // All of them: one word among numbers is a fault to report, not a header.
  return features.length > 0 && features.every((cell) => Number.isNaN(parseNumber(cell)));
}

function resolveIndex(label: number, record: CsvRecord): number {
  return label < 0 ? record.cells.length + label : label;
}

function matchColumns(
  known: Columns | null,
  record: CsvRecord,
  header: string[] | null,
  options: CsvOptions,
  fileName: string,
  delimiter: string,
): Columns {
  const width = record.cells.length;
  if (known) {
    if (width !== known.width) {
      throw new InputError(
        `Cannot read ${fileName}:${record.line}: ${width} columns, expected ${known.width} as in ${known.learntFrom}`,
      );
    }
    if (header && known.header && header.join('\n') !== known.header.join('\n')) {
      const i = header.findIndex((name, j) => name !== known.header![j]);
      throw new InputError(
        `Cannot read ${fileName}:${record.line}: column ${i} is "${header[i]}", expected "${known.header[i]}" as in ${known.learntFrom}`,
      );
    }
    return known;
  }
  if (width < 2) {
    throw new InputError(
      `Cannot read ${fileName}:${record.line}: 1 column, expected a label and at least one feature; ` +
        `set "delimiter" if the columns are not separated by ${JSON.stringify(delimiter)}`,
    );
  }
  return {
    width,
    label: findLabel(record, header, options.label, fileName),
    header,
    learntFrom: `${fileName}:${record.line}`,
  };
}

function findLabel(
  record: CsvRecord,
  header: string[] | null,
  label: string | number,
  fileName: string,
): number {
  if (typeof label === 'number') {
    const index = resolveIndex(label, record);
    if (index >= 0 && index < record.cells.length) return index;
    throw new InputError(
      `Cannot find label column ${label} in "${fileName}": it has ${record.cells.length} columns, ` +
        `0 to ${record.cells.length - 1} or -${record.cells.length} to -1`,
    );
  }
  if (!header) {
    throw new InputError(
      `Cannot find label column "${label}" in "${fileName}": it has no header; give the column's index, or set "header": true`,
    );
  }
  const index = header.indexOf(label);
  if (index === -1) {
    throw new InputError(
      `Cannot find label column "${label}" in "${fileName}": its columns are ${header.map((name) => `"${name}"`).join(', ')}`,
    );
  }
  if (header.lastIndexOf(label) !== index) {
    throw new InputError(
      `Cannot choose label column "${label}" in "${fileName}": columns ${index} and ${header.lastIndexOf(label)} have that name; give the index`,
    );
  }
  return index;
}

function readRow(
  record: CsvRecord,
  columns: Columns,
  fileName: string,
  values: GrowingArray,
  labels: string[],
): void {
  const { cells, line } = record;
  if (cells.length !== columns.width) {
    throw new InputError(
      `Cannot read ${fileName}:${line}: ${cells.length} columns, expected ${columns.width} as in ${columns.learntFrom}`,
    );
  }
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i]!;
    if (i === columns.label) {
      if (cell === '') throw new InputError(`Cannot read ${fileName}:${line}: the label is empty`);
      labels.push(cell);
      continue;
    }
    const value = parseNumber(cell);
    if (Number.isNaN(value)) {
      const name = columns.header ? `"${columns.header[i]}"` : `${i}`;
      throw new InputError(
        `Cannot read ${fileName}:${line}, column ${name}: ${numberFault(cell, columns.header !== null)}`,
      );
    }
    values.push(value);
  }
}

function numberFault(cell: string, hasHeader: boolean): string {
  if (cell === '') return 'the cell is empty; fill it or remove the row';
  if (MISSING.test(cell)) return `"${cell}" is not a finite number; fill it or remove the row`;
  if (/^[+-]?\d+,\d+$/.test(cell)) return `"${cell}" has a decimal comma; use a point`;
  const hint = hasHeader ? '' : ', or set "header": true if this line names the columns';
  return `"${cell}" is not a number; features must be numbers${hint}`;
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
