/**
 * Labels to class numbers. Integer labels order their classes by value, text labels by code unit;
 * a declared number or list of classes overrides what the training rows hold.
 */
import { InputError } from '../base/errors.ts';

/** Largest number of classes read from labels: more is a wrong label column. */
export const MAX_CLASSES = 1000;

/** A label column: text from CSV, numbers from IDX and NPY. */
export interface LabelColumn {
  values: readonly string[] | ArrayLike<number>;
  rows: number;
  /** Names the file and line of a row, for messages. */
  place(row: number): string;
}

/** Class names in order, and the class number of a label. */
export interface ClassCode {
  names: string[];
  /** False when labels are compared as text. */
  isInteger: boolean;
  numberOf: ReadonlyMap<string, number>;
  /** `declared` or `of the training rows`, for messages. */
  origin: 'declared' | 'training';
}

/** An integer written as 3, +3, 03 or 3.0; null for anything else. */
function integerOf(label: string | number): number | null {
  const value =
    typeof label === 'number'
      ? label
      : /^[+-]?\d+(\.0*)?$/.test(label)
        ? Number(label)
        : Number.NaN;
  // Adding 0 turns -0 into 0.
  return Number.isSafeInteger(value) ? value + 0 : null;
}

function keyOf(label: string | number, isInteger: boolean): string | null {
  if (!isInteger) return String(label);
  const value = integerOf(label);
  return value === null ? null : String(value);
}

/**
 * Learns the classes from the training labels.
 *
 * @param declared Number of classes, or their names; undefined: the values found.
 * @throws {InputError} For labels that are numbers but not whole, for fewer than two classes, and
 *   for more than MAX_CLASSES.
 */
export function findClasses(
  column: LabelColumn,
  declared: number | readonly string[] | undefined,
): ClassCode {
  const isInteger = areIntegers(column);
  if (declared !== undefined) return declaredCode(declared, isInteger);
  const found = new Map<string, number>();
  for (let row = 0; row < column.rows; row++) {
    const key = keyOf(column.values[row]!, isInteger)!;
    if (!found.has(key)) found.set(key, row);
    if (found.size > MAX_CLASSES) {
      throw new InputError(
        `Cannot use the labels up to ${column.place(row)}: more than ${MAX_CLASSES} different values; is this the label column?`,
      );
    }
  }
  const names = [...found.keys()].sort(
    isInteger ? (a, b) => Number(a) - Number(b) : (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  );
  return code(names, isInteger, 'training');
}

/** All integers, or all text. @throws {InputError} For numbers that are not whole. */
function areIntegers(column: LabelColumn): boolean {
  let firstFraction = -1;
  let firstText = -1;
  for (let row = 0; row < column.rows; row++) {
    const label = column.values[row]!;
    if (integerOf(label) !== null) continue;
    const isText = typeof label === 'string' && Number.isNaN(Number(label));
    if (isText && firstText === -1) firstText = row;
    if (!isText && firstFraction === -1) firstFraction = row;
  }
  if (firstText !== -1) return false;
  if (firstFraction === -1) return true;
  throw new InputError(
    `Cannot use label ${column.values[firstFraction]} at ${column.place(firstFraction)}: ` +
      'labels must be whole numbers or text; is this the label column?',
  );
}

function declaredCode(declared: number | readonly string[], isInteger: boolean): ClassCode {
  if (typeof declared === 'number') {
    const names = Array.from({ length: declared }, (_, i) => String(i));
    return code(names, true, 'declared');
  }
  const repeated = declared.find((name, i) => declared.indexOf(name) !== i);
  if (repeated !== undefined) {
    throw new InputError(`Cannot use "data.classes": "${repeated}" is listed twice`);
  }
  // Integer labels index a list of names, unless the names are themselves the integers.
  if (isInteger && !declared.every((name) => integerOf(name) !== null)) {
    const numberOf = new Map(declared.map((_, i) => [String(i), i]));
    return { names: [...declared], isInteger, numberOf, origin: 'declared' };
  }
  return code([...declared], isInteger, 'declared');
}

function code(names: string[], isInteger: boolean, origin: ClassCode['origin']): ClassCode {
  const numberOf = new Map(names.map((name, i) => [isInteger ? keyOf(name, true)! : name, i]));
  return { names, isInteger, numberOf, origin };
}

/**
 * Class number of each row.
 *
 * @throws {InputError} `Cannot use label "12" at test.csv:9: out of range, the declared classes are
 *   0 to 9` and for classes that the training rows lack.
 */
export function encodeLabels(column: LabelColumn, classes: ClassCode): Uint32Array<ArrayBuffer> {
  const encoded = new Uint32Array(column.rows);
  for (let row = 0; row < column.rows; row++) {
    const label = column.values[row]!;
    const key = keyOf(label, classes.isInteger);
    const number = key === null ? undefined : classes.numberOf.get(key);
    if (number === undefined) {
      const quoted = typeof label === 'string' ? `"${label}"` : String(label);
      throw new InputError(
        `Cannot use label ${quoted} at ${column.place(row)}: ${labelFault(key, classes)}`,
      );
    }
    encoded[row] = number;
  }
  return encoded;
}

function labelFault(key: string | null, classes: ClassCode): string {
  if (key === null && classes.origin === 'declared') {
    return 'not a whole number; give "data.classes" as a list of names';
  }
  if (key === null) return 'not a whole number, as the labels of the training rows are';
  const known = [...classes.numberOf.keys()];
  const shown = known.length > 20 ? [...known.slice(0, 20), '…'] : known;
  const isRange = classes.isInteger && known.every((k, i) => k === String(i));
  const list = isRange ? `0 to ${known.length - 1}` : shown.join(', ');
  return classes.origin === 'declared'
    ? `out of range, the declared classes are ${list}`
    : `out of range, the classes of the training rows are ${list}`;
}
