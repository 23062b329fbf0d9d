/**
 * The data sources that read the user's files: CSV, IDX, NPY and NPZ. Each joins the files it is
 * given, checks features against labels, and turns labels into class numbers.
 */
import { InputError } from '../base/errors.ts';
import type { DataSpec, Scaling } from '../contracts/experiment.ts';
import type { FileReader } from '../platform/platform.ts';
import type { CodedData, CodedPart } from './coded-data.ts';
import { type CsvTable, readCsvTable } from './csv-table.ts';
import { parseIdx } from './idx.ts';
import { readPlain } from './inflate.ts';
import { encodeLabels, findClasses } from './labels.ts';
import { parseNpy } from './npy.ts';
import { type JoinedArray, joinArrays, product, type RawArray } from './raw-array.ts';
import { openZip } from './zip.ts';

type FileSpec = Extract<DataSpec, { source: 'csv' | 'idx' | 'npy' | 'npz' }>;
type Declared = FileSpec['classes'];

/** @throws {InputError} For every fault of the files; the message names file and line or row. */
export async function readFileSource(spec: FileSpec, files: FileReader): Promise<CodedData> {
  switch (spec.source) {
    case 'csv':
      return readCsvSource(spec, files);
    case 'idx':
      return readArraySource(spec, (path) => readArray(files, path, parseIdxFile));
    case 'npy':
      return readArraySource(spec, (path) => readArray(files, path, parseNpyFile));
    case 'npz':
      return readNpzSource(spec, files);
  }
}

function listOf(paths: string | readonly string[]): readonly string[] {
  return typeof paths === 'string' ? [paths] : paths;
}

/** Last part of a path. */
function baseName(path: string): string {
  return path.split(/[\\/]/).at(-1) || path;
}

async function readCsvSource(
  spec: Extract<FileSpec, { source: 'csv' }>,
  files: FileReader,
): Promise<CodedData> {
  const read = (paths: string | readonly string[]) =>
    Promise.all(
      listOf(paths).map(async (path) => ({ fileName: path, bytes: await readPlain(files, path) })),
    );
  const train = readCsvTable(await read(spec.train), spec);
  const test = spec.test === undefined ? null : readCsvTable(await read(spec.test), spec, train);
  const labelsOf = (table: CsvTable) => ({
    values: table.labels,
    rows: table.labels.length,
    place: table.place,
  });
  const classes = findClasses(labelsOf(train), spec.classes);
  const codedPart = (table: CsvTable): CodedPart => ({
    values: table.values,
    labels: encodeLabels(labelsOf(table), classes),
    rows: table.labels.length,
    place: table.place,
  });
  return {
    name: baseName(listOf(spec.train)[0]!),
    features: train.features,
    imageShape: null,
    classes: classes.names,
    train: codedPart(train),
    test: test && codedPart(test),
    defaultScaling: 'standard',
  };
}

type ReadArray = (path: string) => Promise<RawArray>;
interface ArrayPair {
  features: string | readonly string[];
  labels: string | readonly string[];
}

async function readArray(
  files: FileReader,
  path: string,
  parse: (bytes: Uint8Array<ArrayBuffer>, path: string) => RawArray,
): Promise<RawArray> {
  return parse(await readPlain(files, path), path);
}

const parseIdxFile = parseIdx;
const parseNpyFile = (bytes: Uint8Array<ArrayBuffer>, path: string) => parseNpy(bytes, `"${path}"`);

async function readNpzSource(
  spec: Extract<FileSpec, { source: 'npz' }>,
  files: FileReader,
): Promise<CodedData> {
  const archive = openZip(await readPlain(files, spec.file), spec.file);
  const arrays = archive.names.map((name) => name.replace(/\.npy$/, ''));
  const read: ReadArray = async (name) => {
    if (!arrays.includes(name)) {
      throw new InputError(
        `Cannot find array "${name}" in "${spec.file}": it holds ${arrays.join(', ')}`,
      );
    }
    const entry = archive.names.includes(`${name}.npy`) ? `${name}.npy` : name;
    return parseNpy(await archive.read(entry), `"${name}" of "${spec.file}"`);
  };
  const data = await readArraySource(spec, read);
  return { ...data, name: baseName(spec.file) };
}

async function readArraySource(
  spec: { source: string; train: ArrayPair; test?: ArrayPair | undefined; classes?: Declared },
  read: ReadArray,
): Promise<CodedData> {
  const train = await readPair(spec.train, read);
  const test = spec.test === undefined ? null : await readPair(spec.test, read);
  const { rowShape, fileName } = train.features;
  if (test && test.features.rowShape.join() !== rowShape.join()) {
    const found = test.features.rowShape;
    throw new InputError(
      `Cannot test on ${test.features.fileName}: rows have ${product(found)} features (shape ` +
        `[${found.join(', ')}]), those of ${fileName} have ${product(rowShape)} ([${rowShape.join(', ')}])`,
    );
  }
  const classes = findClasses(train.labels, spec.classes);
  const codedPart = (pair: Pair): CodedPart => ({
    values: pair.features.values,
    labels: encodeLabels(pair.labels, classes),
    rows: pair.features.rows,
    place: pair.features.place,
  });
  const isBytes = train.features.values instanceof Uint8Array;
  const defaultScaling: Scaling = spec.source === 'idx' && isBytes ? { divideBy: 255 } : 'standard';
  return {
    name: baseName(listOf(spec.train.features)[0]!),
    features: product(rowShape),
    imageShape: imageShapeOf(rowShape),
    classes: classes.names,
    train: codedPart(train),
    test: test && codedPart(test),
    defaultScaling,
  };
}

/** [h, w] are grey images, [h, w, c] images with channels last; anything else is no image. */
function imageShapeOf(rowShape: readonly number[]): [number, number, number] | null {
  const [height, width, channels = 1] = rowShape;
  if (rowShape.length < 2 || rowShape.length > 3) return null;
  return [height!, width!, channels];
}

interface Pair {
  features: JoinedArray;
  labels: JoinedArray;
}

async function readPair(pair: ArrayPair, read: ReadArray): Promise<Pair> {
  const features = joinArrays(await Promise.all(listOf(pair.features).map(read)));
  const labels = joinArrays((await Promise.all(listOf(pair.labels).map(read))).map(asColumn));
  if (product(labels.rowShape) !== 1) {
    throw new InputError(
      `Cannot use ${labels.fileName} as labels: it has ${product(labels.rowShape)} values a row ` +
        `(shape [${labels.rowShape.join(', ')}]), labels are one; are features and labels swapped?`,
    );
  }
  if (features.rows !== labels.rows) {
    throw new InputError(
      `Cannot match features to labels: ${features.fileName} has ${features.rows} rows, ` +
        `${labels.fileName} has ${labels.rows}`,
    );
  }
  if (product(features.rowShape) === 0) {
    throw new InputError(`Cannot use ${features.fileName}: its rows have no features`);
  }
  checkFinite(features);
  return { features, labels };
}

/** Labels of shape [n, 1] are as good as [n]. */
function asColumn(array: RawArray): RawArray {
  const [rows, ...rest] = array.shape;
  return rows !== undefined && product(rest) === 1 ? { ...array, shape: [rows] } : array;
}

function checkFinite({ values, rows, place }: JoinedArray): void {
  const features = values.length / rows;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    throw new InputError(
      `Cannot use ${place(Math.floor(i / features))}, feature ${i % features}: ` +
        `${values[i]} is not a finite number; fill it or remove the row`,
    );
  }
}
