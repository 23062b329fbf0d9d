/**
 * Datasets: reads or generates what an experiment names, splits it by seed, scales it by numbers
 * fitted on the training rows alone, and hands out float32 rows and class numbers.
 */
import { sha256Hex } from '../base/canonical.ts';
import { InputError } from '../base/errors.ts';
import type { DataSpec } from '../contracts/experiment.ts';
import type { FileReader } from '../platform/platform.ts';
import type { CodedData, CodedPart } from './coded-data.ts';
import { readFileSource } from './file-sources.ts';
import { generateGlyphs } from './generators/glyphs.ts';
import { generateMotifs } from './generators/motifs.ts';
import { generateBlobs, generatePlanar } from './generators/planar.ts';
import { generateSentences } from './generators/sentences.ts';
import { generateSignals } from './generators/signals.ts';
import { generateTwoSpirals } from './generators/spirals.ts';
import { product } from './raw-array.ts';
import { applyScaling, type FittedScaling, fitScaling } from './scaling.ts';
import { sampleRows, splitRows } from './split.ts';

export type { FittedScaling };

/** Share of the rows held out for testing when the experiment says nothing. */
export const DEFAULT_TEST_FRACTION = 0.2;
/** Most training rows the controller looks at when it has no validation rows of its own. */
export const DEFAULT_VALIDATION_ROWS = 512;

export interface DataPart {
  /** Scaled features, row-major [size, features]; images channels last. */
  x: Float32Array<ArrayBuffer>;
  /** Class numbers, [size]. */
  y: Uint32Array<ArrayBuffer>;
  size: number;
}

export interface Dataset {
  name: string;
  features: number;
  /** [height, width, channels], product `features`; null when rows are no images. */
  imageShape: [number, number, number] | null;
  /** Class names; label y means classes[y]. */
  classes: string[];
  train: DataPart;
  /**
   * What the controller measures on. With `validationFraction` these rows are held out of `train`;
   * without it they are training rows: all of them (the same arrays) up to 512, otherwise a
   * seeded sample of at most 512, classes in proportion. Test rows are never among them.
   */
  validation: DataPart;
  test: DataPart;
  scaling: FittedScaling;
  /** Name, sizes, and a SHA-256 of all scaled values and labels: tells whether two runs saw the same data. */
  source: string;
}

/**
 * Loads the data of an experiment.
 *
 * @param seed Seed of the experiment: generators and splits derive from it.
 * @param files Reads the paths of file sources as they stand; see resolveDataPaths().
 * @throws {InputError} For every fault of the data; the message names file and line, row or key.
 */
export async function loadDataset(
  spec: DataSpec,
  seed: number,
  files: FileReader,
): Promise<Dataset> {
  const data = await readSource(spec, seed, files);
  const { features, train } = data;
  const imageShape = checkImageShape(spec.imageShape ?? data.imageShape, data);
  checkClasses(data);
  const { trainRows, validationRows, testRows } = chooseRows(data, spec, seed);

  const scaling = fitScaling(
    spec.scaling ?? data.defaultScaling,
    train.values,
    features,
    trainRows,
  );
  const part = (from: CodedPart, rows: readonly number[]): DataPart => ({
    x: checkScaled(applyScaling(scaling, from.values, features, rows), from, rows, features),
    y: Uint32Array.from(rows, (row) => from.labels[row]!),
    size: rows.length,
  });
  const trainPart = part(train, trainRows);
  const validationPart = validationRows === trainRows ? trainPart : part(train, validationRows);
  const testPart = data.test ? part(data.test, allRows(data.test)) : part(train, testRows);
  return {
    name: data.name,
    features,
    imageShape,
    classes: data.classes,
    train: trainPart,
    validation: validationPart,
    test: testPart,
    scaling,
    source: await describe(data, [trainPart, validationPart, testPart]),
  };
}

async function readSource(spec: DataSpec, seed: number, files: FileReader): Promise<CodedData> {
  switch (spec.source) {
    case 'two-spirals':
      return generateTwoSpirals(spec, seed);
    case 'moons':
    case 'circles':
    case 'xor':
      return generatePlanar(spec, seed);
    case 'blobs':
      return generateBlobs(spec, seed);
    case 'signals':
      return generateSignals(spec, seed);
    case 'motifs':
      return generateMotifs(spec, seed);
    case 'sentences':
      return generateSentences(spec, seed);
    case 'glyphs':
      return generateGlyphs(spec, seed);
    default:
      return readFileSource(spec, files);
  }
}

function checkImageShape(
  shape: [number, number, number] | null,
  data: CodedData,
): [number, number, number] | null {
  if (shape && product(shape) !== data.features) {
    throw new InputError(
      `Cannot use "data.imageShape" [${shape.join(', ')}]: its product is ${product(shape)}, ` +
        `rows of "${data.name}" have ${data.features} features`,
    );
  }
  return shape;
}

function checkClasses(data: CodedData): void {
  const first = data.train.labels[0]!;
  if (data.train.labels.some((label) => label !== first)) return;
  throw new InputError(
    `Cannot train on "${data.name}": every training row has class "${data.classes[first]}", ` +
      'at least two classes are needed; is this the label column?',
  );
}

function allRows(part: CodedPart): number[] {
  return Array.from({ length: part.rows }, (_, row) => row);
}

function chooseRows(
  data: CodedData,
  spec: DataSpec,
  seed: number,
): { trainRows: number[]; validationRows: number[]; testRows: number[] } {
  const { labels } = data.train;
  let trainRows = allRows(data.train);
  let testRows: number[] = [];
  if (data.test) {
    if (spec.testFraction !== undefined) {
      throw new InputError(
        `Cannot use "data.testFraction": "${data.name}" comes with test rows of its own; remove one of the two`,
      );
    }
  } else {
    const fraction = spec.testFraction ?? DEFAULT_TEST_FRACTION;
    const split = splitRows(trainRows, labels, fraction, seed, 'data/split/test');
    trainRows = split.kept;
    testRows = split.heldOut;
    if (testRows.length === 0) {
      throw new InputError(
        `Cannot split "${data.name}": no class has two rows or more, so none can be held out for testing`,
      );
    }
  }
  if (spec.validationFraction !== undefined) {
    const purpose = 'data/split/validation';
    const split = splitRows(trainRows, labels, spec.validationFraction, seed, purpose);
    if (split.heldOut.length === 0) {
      throw new InputError(
        `Cannot use "data.validationFraction" on "${data.name}": no class has two training rows or more`,
      );
    }
    return { trainRows: split.kept, validationRows: split.heldOut, testRows };
  }
  const validationRows =
    trainRows.length <= DEFAULT_VALIDATION_ROWS
      ? trainRows
      : sampleRows(trainRows, labels, DEFAULT_VALIDATION_ROWS, seed, 'data/validation');
  return { trainRows, validationRows, testRows };
}

/** A value that is finite in the file may still overflow float32. */
function checkScaled(
  scaled: Float32Array<ArrayBuffer>,
  from: CodedPart,
  rows: readonly number[],
  features: number,
): Float32Array<ArrayBuffer> {
  const i = scaled.findIndex((value) => !Number.isFinite(value));
  if (i === -1) return scaled;
  const row = rows[Math.floor(i / features)]!;
  const value = from.values[row * features + (i % features)]!;
  throw new InputError(
    `Cannot use ${from.place(row)}, feature ${i % features}: ${value} does not fit a 32-bit float ` +
      'once scaled; set "data.scaling" to "standard" or mend the value',
  );
}

async function describe(data: CodedData, parts: readonly DataPart[]): Promise<string> {
  const digests = await Promise.all(
    parts.flatMap(({ x, y }) => [x, y].map((array) => sha256Hex(new Uint8Array(array.buffer)))),
  );
  const digest = await sha256Hex(digests.join(' '));
  const sizes = parts.map((part) => part.size).join('/');
  return `${data.name} ${sizes}x${data.features}, ${data.classes.length} classes, sha256:${digest}`;
}
