/**
 * One-dimensional signals for the suites: MNIST-1D as its authors froze it, from a folder of the
 * user's, or the built-in task where there is none.
 */
import { sha256Hex } from '../../base/canonical.ts';
import { InputError } from '../../base/errors.ts';
import { RandomStream } from '../../base/random.ts';
import { DataSpec } from '../../contracts/experiment.ts';
import { type DataPart, type Dataset, loadDataset } from '../../data/dataset.ts';
import type { SuiteOptions } from './suite.ts';

/** Values of a signal. */
export const LENGTH = 40;
const CLASSES = 10;
/** Training rows held out for choices. */
export const VALIDATION = 500;

export interface Signals {
  /** Positions as they are. */
  original: Dataset;
  /** The same rows, with the same permutation of positions in every one. */
  shuffled: Dataset;
  note: string;
}

type Parts = Pick<Dataset, 'train' | 'validation' | 'test'>;

/** Frozen MNIST-1D from a folder, or the built-in signals; rows are the values as they stand. */
export async function signalsOf(options: SuiteOptions): Promise<Signals> {
  const { name, note, parts } = await partsOf(options);
  const mixed = {
    train: shuffled(parts.train),
    validation: shuffled(parts.validation),
    test: shuffled(parts.test),
  };
  return {
    original: await datasetOf(name, parts),
    shuffled: await datasetOf(`${name}-shuffled`, mixed),
    note,
  };
}

async function datasetOf(name: string, parts: Parts): Promise<Dataset> {
  const digests = await Promise.all(
    Object.values(parts)
      .flatMap(({ x, y }) => [x, y])
      .map((values) => sha256Hex(new Uint8Array(values.slice().buffer))),
  );
  return {
    ...parts,
    ...{ name, features: LENGTH, imageShape: null },
    classes: Array.from({ length: CLASSES }, (_, digit) => String(digit)),
    scaling: { kind: 'none', offset: [], factor: [] },
    source: `${name}, sha256:${await sha256Hex(digests.join(' '))}`,
  };
}

async function partsOf({
  bench,
  dataFolder,
}: SuiteOptions): Promise<{ name: string; note: string; parts: Parts }> {
  const { files } = bench;
  if (dataFolder === null) {
    const spec = DataSpec.parse({ source: 'signals', samples: 5000, length: LENGTH });
    const { test, train } = await loadDataset(spec, 1, files);
    return {
      name: 'signals',
      parts: { ...split(train), test },
      note: 'Data: the built-in signals, not MNIST-1D (name its folder with --data); published and pilot figures are of MNIST-1D and only show the direction.',
    };
  }
  const read = async (name: string, rows: number, bytes: number) => {
    const content = await files.read(`${dataFolder}/${name}`);
    if (content.byteLength === rows * bytes) return content;
    throw new InputError(
      `Cannot use "${dataFolder}/${name}": it has ${content.byteLength} bytes, must have ${rows * bytes}; is this the frozen MNIST-1D?`,
    );
  };
  const part = async (name: string, size: number): Promise<DataPart> => {
    const x = await read(`x_${name}.f32.bin`, size, LENGTH * 4);
    const y = await read(`y_${name}.u8.bin`, size, 1);
    return { x: new Float32Array(x.slice().buffer), y: Uint32Array.from(y), size };
  };
  return {
    name: 'mnist-1d',
    parts: { ...split(await part('train', 4000)), test: await part('test', 1000) },
    note: `Data: MNIST-1D as frozen by its authors; ${VALIDATION} of the 4,000 training rows are held out for the choice.`,
  };
}

/** The last training rows are what the choice is made on. */
function split({ size, x, y }: DataPart): Pick<Parts, 'train' | 'validation'> {
  const kept = size - VALIDATION;
  return {
    train: { x: x.slice(0, kept * LENGTH), y: y.slice(0, kept), size: kept },
    validation: { x: x.slice(kept * LENGTH), y: y.slice(kept), size: VALIDATION },
  };
}

/** The same permutation of positions in every row. */
function shuffled(part: DataPart): DataPart {
  const order = new RandomStream(1, 'grown-convolution/positions').shuffle(
    Array.from({ length: LENGTH }, (_, i) => i),
  );
  const x = part.x.map((_, i) => part.x[i - (i % LENGTH) + order[i % LENGTH]!]!);
  return { ...part, x };
}
