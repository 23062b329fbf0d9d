import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../base/errors.ts';
import { DataSpec } from '../contracts/experiment.ts';
import { memoryFiles, writeIdx, writeNpy, writeZip } from './_test-files.ts';
import { type Dataset, DEFAULT_VALIDATION_ROWS, loadDataset } from './dataset.ts';

const load = (
  spec: object,
  files: Record<string, string | Uint8Array> = {},
  seed = 1,
): Promise<Dataset> => loadDataset(DataSpec.parse(spec), seed, memoryFiles(files));

/** Rows whose first feature is the row's number. */
function numbered(rows: number, classes = 2): string {
  return Array.from({ length: rows }, (_, i) => `${i},${i * i},${i % classes}`).join('\n');
}

const firstFeatures = (part: Dataset['train'], features: number) =>
  Array.from({ length: part.size }, (_, r) => part.x[r * features]!);

describe('loadDataset() with CSV files', () => {
  it('joins files, orders text classes and keeps the test file apart', async () => {
    const data = await load(
      { source: 'csv', train: ['a', 'b'], test: 't', scaling: 'none', label: 'kind' },
      { a: 'w,kind\n1,dog\n2,cat\n', b: 'w,kind\n3,ant\n', t: 'w,kind\n9,cat\n' },
    );
    expect(data.classes).toEqual(['ant', 'cat', 'dog']);
    expect([...data.train.x]).toEqual([1, 2, 3]);
    expect([...data.train.y]).toEqual([2, 1, 0]);
    expect([...data.test.x, ...data.test.y]).toEqual([9, 1]);
    expect(data.imageShape).toBeNull();
  });

  it('fits the default scaling on training rows only', async () => {
    const data = await load(
      { source: 'csv', train: 'a', test: 't' },
      { a: '0,7,0\n2,7,1', t: '101,8,0' },
    );
    expect(data.scaling).toEqual({ kind: 'standard', offset: [1, 7], factor: [1, 1] });
    expect([...data.train.x]).toEqual([-1, 0, 1, 0]);
    expect([...data.test.x]).toEqual([100, 1]);
  });

  it('splits disjointly and deterministically by seed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 20, max: 90 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        async (rows, seed) => {
          const spec = { source: 'csv', train: 'a', scaling: 'none', validationFraction: 0.25 };
          const data = await load(spec, { a: numbered(rows) }, seed);
          const parts = [data.train, data.validation, data.test];
          const all = parts.flatMap((part) => firstFeatures(part, 2));
          expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: rows }, (_, i) => i));
          expect(parts.every((part) => part.size > 0)).toBe(true);
          expect(await load(spec, { a: numbered(rows) }, seed)).toEqual(data);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('lets the controller look at training rows when nothing is held out for it', async () => {
    const small = await load({ source: 'csv', train: 'a' }, { a: numbered(100) });
    expect(small.validation).toBe(small.train);
    const large = await load({ source: 'csv', train: 'a', scaling: 'none' }, { a: numbered(2000) });
    expect(large.validation.size).toBe(DEFAULT_VALIDATION_ROWS);
    const training = new Set(firstFeatures(large.train, 2));
    expect(firstFeatures(large.validation, 2).every((id) => training.has(id))).toBe(true);
  });

  it('describes equal data alike and other data otherwise', async () => {
    const one = await load({ source: 'csv', train: 'a' }, { a: numbered(50) });
    expect(one.source).toMatch(/^a 40\/40\/10x2, 2 classes, sha256:[0-9a-f]{64}$/);
    const same = await load({ source: 'csv', train: 'a' }, { a: `# c\n${numbered(50)}` });
    expect(same.source).toBe(one.source);
    const other = await load(
      { source: 'csv', train: 'a' },
      { a: numbered(50).replace('3,9', '3,8') },
    );
    expect(other.source).not.toBe(one.source);
  });

  it.each<[string, object, Record<string, string>, string]>([
    ['a missing file', {}, {}, 'Cannot read "a": no such file'],
    ['an empty file', {}, { a: '' }, 'Cannot read "a": the file is empty'],
    ['one class', {}, { a: '1,0\n2,0' }, 'every training row has class "0", at least two'],
    [
      'a class only in test',
      { test: 't' },
      { a: '1,0\n2,1', t: '1,0\n1,7' },
      'Cannot use label "7" at t:2: out of range, the classes of the training rows are 0 to 1',
    ],
    [
      'a label beyond the declared',
      { classes: 10 },
      { a: '1,0\n2,1\n3,42' },
      'Cannot use label "42" at a:3: out of range, the declared classes are 0 to 9',
    ],
    ['a fractional label', {}, { a: '1,0\n2,0.5' }, 'Cannot use label 0.5 at a:2'],
    [
      'another width in test',
      { test: 't' },
      { a: '1,0\n2,1', t: '1,2,0' },
      'Cannot read t:1: 3 columns, expected 2 as in a:1',
    ],
    [
      'a wrong image shape',
      { imageShape: [2, 2, 1] },
      { a: '1,2,3,0\n1,2,3,1' },
      'Cannot use "data.imageShape" [2, 2, 1]: its product is 4, rows of "a" have 3 features',
    ],
    ['no class to split', {}, { a: '1,0\n2,1' }, 'no class has two rows or more'],
    [
      'both test rows and a fraction',
      { test: 'a', testFraction: 0.5 },
      { a: '1,0\n2,1' },
      'Cannot use "data.testFraction"',
    ],
    [
      'a value beyond float32',
      { test: 'a', scaling: 'none' },
      { a: '1,0\n1e39,1' },
      'Cannot use a:2, feature 0: 1e+39 does not fit a 32-bit float',
    ],
  ])('refuses %s', async (_, extra, files, message) => {
    const loading = load({ source: 'csv', train: 'a', ...extra }, files);
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toBeInstanceOf(InputError);
  });
});

const images = (n: number) =>
  writeIdx(
    'u8',
    [n, 2, 2],
    Array.from({ length: 4 * n }, (_, i) => i % 256),
  );
const digits = (n: number) =>
  writeIdx(
    'u8',
    [n],
    Array.from({ length: n }, (_, i) => i % 2),
  );
const idx = { source: 'idx', train: { features: 'x', labels: 'y' } };

describe('loadDataset() with IDX files', () => {
  it('reads images, raw or gzip, and scales bytes by 255', async () => {
    const test = { features: 'tx', labels: 'ty' };
    const data = await load(
      { ...idx, test },
      { x: gzipSync(images(3)), y: gzipSync(digits(3)), tx: images(2), ty: digits(2) },
    );
    expect(data.imageShape).toEqual([2, 2, 1]);
    expect(data.scaling.kind).toBe('divideBy');
    expect(data.train.x[11]).toBeCloseTo(11 / 255, 7);
    expect([data.train.size, data.test.size]).toEqual([3, 2]);
  });

  it('joins several files', async () => {
    const train = { features: ['x', 'x2'], labels: ['y', 'y2'] };
    const data = await load(
      { ...idx, train },
      { x: images(6), x2: images(4), y: digits(6), y2: digits(4) },
    );
    expect(data.train.size + data.test.size).toBe(10);
  });

  it.each<[string, Record<string, string | Uint8Array>, string]>([
    [
      'damaged gzip',
      { x: gzipSync(images(3)).subarray(0, 30), y: digits(3) },
      'Cannot read "x": the gzip data is damaged or cut off',
    ],
    [
      'other counts',
      { x: images(3), y: digits(4) },
      'Cannot match features to labels: "x" has 3 rows, "y" has 4',
    ],
    ['swapped files', { x: digits(3), y: images(3) }, 'are features and labels swapped?'],
    ['a wrong magic', { x: '1,2,3,4', y: digits(3) }, 'Cannot read "x": IDX magic is 0x312c322c'],
    [
      'no rows',
      { x: images(0), y: digits(0) },
      'Cannot read "x": shape is [0, 2, 2], it holds no rows',
    ],
    [
      'NaN',
      { x: writeIdx('f32', [2, 2], [1, 2, Number.NaN, 4]), y: digits(2) },
      'Cannot use "x" row 1, feature 0: NaN is not a finite number',
    ],
  ])('refuses %s', async (_, files, message) => {
    const loading = load(idx, files);
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toBeInstanceOf(InputError);
  });
});

const npy = { source: 'npy', train: { features: 'x', labels: 'y' }, scaling: 'none' };

describe('loadDataset() with NPY and NPZ files', () => {
  it('joins arrays of different types and names classes by value', async () => {
    const train = { features: ['x', 'x2'], labels: ['y', 'y2'] };
    const data = await load(
      { ...npy, train, test: { features: 'x', labels: 'y' } },
      {
        x: writeNpy('<f4', [2, 2], Float32Array.of(1, 2, 3, 4)),
        x2: writeNpy('|u1', [1, 2], Uint8Array.of(5, 6)),
        y: writeNpy('<i8', [2], BigInt64Array.of(-1n, 1n)),
        y2: writeNpy('<i4', [1, 1], Int32Array.of(-1)),
      },
    );
    expect([...data.train.x]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...data.train.y]).toEqual([0, 1, 0]);
    expect(data.classes).toEqual(['-1', '1']);
    expect(data.imageShape).toBeNull();
  });

  it('takes three axes for grey images and four for images with channels', async () => {
    const y = writeNpy('|u1', [2], Uint8Array.of(0, 1));
    const test = npy.train;
    const grey = await load(
      { ...npy, test },
      { x: writeNpy('|u1', [2, 2, 3], new Uint8Array(12)), y },
    );
    expect(grey.imageShape).toEqual([2, 3, 1]);
    const rgb = await load(
      { ...npy, test },
      { x: writeNpy('|u1', [2, 1, 2, 3], new Uint8Array(12)), y },
    );
    expect(rgb.imageShape).toEqual([1, 2, 3]);
  });

  it('reads named arrays of an archive', async () => {
    const archive = writeZip(
      {
        'x.npy': writeNpy('<f8', [2, 1], Float64Array.of(0.5, 1.5)),
        'y.npy': writeNpy('|b1', [2], Uint8Array.of(0, 1)),
      },
      true,
    );
    const names = { features: 'x', labels: 'y' };
    const spec = { source: 'npz', file: 'd/a.npz', train: names, test: names, scaling: 'minmax' };
    const data = await load(spec, { 'd/a.npz': archive });
    expect(data.name).toBe('a.npz');
    expect([...data.train.x]).toEqual([0, 1]);
    await expect(
      load({ ...spec, train: { features: 'q', labels: 'y' } }, { 'd/a.npz': archive }),
    ).rejects.toThrow('Cannot find array "q" in "d/a.npz": it holds x, y');
  });

  it.each<[string, Record<string, Uint8Array>, object, string]>([
    [
      'labels that are not whole',
      {
        x: writeNpy('<f4', [2, 1], new Float32Array(2)),
        y: writeNpy('<f4', [2], Float32Array.of(0, 0.5)),
      },
      {},
      'Cannot use label 0.5 at "y" row 1',
    ],
    [
      'labels out of the declared range',
      {
        x: writeNpy('<f4', [2, 1], new Float32Array(2)),
        y: writeNpy('|u1', [2], Uint8Array.of(0, 9)),
      },
      { classes: 3 },
      'Cannot use label 9 at "y" row 1: out of range, the declared classes are 0 to 2',
    ],
    [
      'other features in test',
      {
        x: writeNpy('<f4', [2, 1], new Float32Array(2)),
        y: writeNpy('|u1', [2], Uint8Array.of(0, 1)),
        z: writeNpy('<f4', [2, 3], new Float32Array(6)),
      },
      { test: { features: 'z', labels: 'y' } },
      'Cannot test on "z": rows have 3 features (shape [3]), those of "x" have 1 ([1])',
    ],
  ])('refuses %s', async (_, files, extra, message) => {
    await expect(load({ ...npy, ...extra }, files)).rejects.toThrow(message);
  });
});
