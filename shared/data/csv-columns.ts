/**
 * What the columns of CSV files are: the header, the label, and which of the others are numbers,
 * categories or left out.
 */
import { InputError } from '../base/errors.ts';
import type { CsvRecord } from './csv.ts';

/** Column name, or index from 0; negative counts from the end. */
export type ColumnRef = string | number;

export interface CsvOptions {
  /** One character, or `auto`. */
  delimiter: string;
  header: boolean | 'auto';
  comment: string;
  label: ColumnRef;
  /** Columns that are read past: identifiers, dates, notes. */
  ignore?: readonly ColumnRef[] | undefined;
  /** Columns of text that become one feature for each value. */
  categories?: readonly ColumnRef[] | undefined;
}

export type ColumnRole = 'label' | 'number' | 'category' | 'ignored';

export interface Columns {
  roles: readonly ColumnRole[];
  header: string[] | null;
  /** Where the columns were learnt, for messages. */
  learntFrom: string;
}

/** Spelled-out missing values: in a first line they are data with a hole, not column names. */
export const MISSING = /^(|nan|[+-]?inf(inity)?|na|n\/a|null|none|\?)$/i;

/** NaN for what is no finite decimal number. */
export function parseNumber(cell: string): number {
  // Number() also takes '' and 0x1f, which are no decimal numbers.
  const value = Number(cell);
  return cell.trim() === '' || /^[+-]?0[xob]/i.test(cell) || !Number.isFinite(value)
    ? Number.NaN
    : value;
}

/** `"height"`, or the index where the file has no names. */
export function columnName(columns: Pick<Columns, 'header'>, i: number): string {
  return columns.header ? `"${columns.header[i]}"` : `${i}`;
}

/** Whether the first record of a file holds names. */
export function isHeader(record: CsvRecord, options: CsvOptions): boolean {
  if (options.header !== 'auto') return options.header;
  const named = [options.label, ...(options.ignore ?? []), ...(options.categories ?? [])];
  if (named.some((c) => typeof c === 'string' && record.cells.includes(c))) return true;
  // These may hold words in every row.
  const words = new Set(named.map((c) => (typeof c === 'number' ? resolveIndex(c, record) : -1)));
  const features = record.cells.filter((cell, i) => !words.has(i) && !MISSING.test(cell));
  // All of them: one word among numbers is a fault to report, not a header.
  return features.length > 0 && features.every((cell) => Number.isNaN(parseNumber(cell)));
}

function resolveIndex(column: number, record: CsvRecord): number {
  return column < 0 ? record.cells.length + column : column;
}

/**
 * The columns of a file by its first record.
 *
 * @param known Of files read earlier, which this one must match.
 */
export function matchColumns(
  known: Columns | null,
  record: CsvRecord,
  header: string[] | null,
  options: CsvOptions,
  fileName: string,
  delimiter: string,
): Columns {
  const width = record.cells.length;
  const place = `${fileName}:${record.line}`;
  if (known) {
    if (width !== known.roles.length) {
      throw new InputError(
        `Cannot read ${place}: ${width} columns, expected ${known.roles.length} as in ${known.learntFrom}`,
      );
    }
    if (header && known.header && header.join('\n') !== known.header.join('\n')) {
      const i = header.findIndex((name, j) => name !== known.header![j]);
      throw new InputError(
        `Cannot read ${place}: column ${i} is "${header[i]}", expected "${known.header[i]}" as in ${known.learntFrom}`,
      );
    }
    return known;
  }
  if (width < 2) {
    throw new InputError(
      `Cannot read ${place}: 1 column, expected a label and at least one feature; ` +
        `set "delimiter" if the columns are not separated by ${JSON.stringify(delimiter)}`,
    );
  }
  const roles = new Array<ColumnRole>(width).fill('number');
  const assign = (role: ColumnRole, what: string, column: ColumnRef) => {
    const i = findColumn(record, header, column, what, fileName);
    if (roles[i] !== 'number') {
      throw new InputError(
        `Cannot take column ${columnName({ header }, i)} of "${fileName}" as ${what}: it is ${ROLE_NAMES[roles[i]!]} already`,
      );
    }
    roles[i] = role;
  };
  assign('label', 'label column', options.label);
  for (const column of options.ignore ?? []) assign('ignored', 'ignored column', column);
  for (const column of options.categories ?? []) assign('category', 'category column', column);
  if (!roles.some((role) => role === 'number' || role === 'category')) {
    throw new InputError(`Cannot read ${place}: no feature is left, every other column is ignored`);
  }
  return { roles, header, learntFrom: place };
}

const ROLE_NAMES: Readonly<Record<ColumnRole, string>> = {
  ...{ label: 'the label', ignored: 'ignored', category: 'a category', number: 'a number' },
};

function findColumn(
  record: CsvRecord,
  header: string[] | null,
  column: ColumnRef,
  what: string,
  fileName: string,
): number {
  if (typeof column === 'number') {
    const index = resolveIndex(column, record);
    if (index >= 0 && index < record.cells.length) return index;
    throw new InputError(
      `Cannot find ${what} ${column} in "${fileName}": it has ${record.cells.length} columns, ` +
        `0 to ${record.cells.length - 1} or -${record.cells.length} to -1`,
    );
  }
  if (!header) {
    throw new InputError(
      `Cannot find ${what} "${column}" in "${fileName}": it has no header; give the column's index, or set "header": true`,
    );
  }
  const index = header.indexOf(column);
  if (index === -1) {
    throw new InputError(
      `Cannot find ${what} "${column}" in "${fileName}": its columns are ${header.map((name) => `"${name}"`).join(', ')}`,
    );
  }
  if (header.lastIndexOf(column) !== index) {
    throw new InputError(
      `Cannot choose ${what} "${column}" in "${fileName}": columns ${index} and ${header.lastIndexOf(column)} have that name; give the index`,
    );
  }
  return index;
}
