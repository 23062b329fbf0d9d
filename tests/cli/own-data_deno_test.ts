/** A person's own files, in every format, from the command line to a test accuracy. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { RandomStream } from '#shared/base/random.ts';
import { esper, inFolder } from './esper-process.ts';
import { lastLine } from './small-run.ts';

const ROWS = 120;
const NAMES = ['left', 'right'];

/** Two clusters in the plane, as bytes: any format holds them exactly. */
function clusters(): { features: Uint8Array<ArrayBuffer>; labels: Uint8Array<ArrayBuffer> } {
  const random = new RandomStream(1, 'clusters');
  const features = new Uint8Array(2 * ROWS);
  const labels = new Uint8Array(ROWS);
  for (let i = 0; i < ROWS; i++) {
    labels[i] = i % 2;
    features[2 * i] = (i % 2) * 150 + Math.floor(random.uniform() * 80);
    features[2 * i + 1] = Math.floor(random.uniform() * 255);
  }
  return { features, labels };
}

const { features, labels } = clusters();

/** https://yann.lecun.com/exdb/mnist: magic, sizes, values. */
function idx(shape: number[], values: Uint8Array): Uint8Array {
  const head = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  head.setUint32(0, 0x0800 + shape.length);
  for (const [i, size] of shape.entries()) head.setUint32(4 + 4 * i, size);
  return Buffer.concat([new Uint8Array(head.buffer), values]);
}

/** NumPy's format 1.0. */
function npy(shape: number[], values: Uint8Array): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '|u1', 'fortran_order': False, 'shape': (${tuple}), }`;
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const size = [header.length & 255, header.length >> 8];
  const magic = Uint8Array.of(0x93, ...Buffer.from('NUMPY'), 1, 0, ...size);
  return Buffer.concat([magic, Buffer.from(header, 'latin1'), values]);
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** A ZIP archive of stored entries, as numpy.savez writes it. */
function zip(files: Record<string, Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(bytes.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), common, Buffer.from(name), bytes]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    const central = [Buffer.from('PK\u0001\u0002\u0014\u0000'), common, tail, Buffer.from(name)];
    directory.push(Buffer.concat(central));
    parts.push(local);
    offset += local.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(directory.length, 4);
  end.writeUInt16LE(directory.length, 6);
  end.writeUInt32LE(entries.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, entries, Buffer.from('PK\u0005\u0006'), end]);
}

const rows = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, k) => from + k).map(
    (i) => `${features[2 * i]};${features[2 * i + 1]};${NAMES[labels[i]!]}`,
  );

const CASES: {
  name: string;
  data: object;
  files: Record<string, string | Uint8Array>;
  line: RegExp;
}[] = [
  {
    name: 'CSV: semicolons, header, comment, text classes, two files joined',
    data: { source: 'csv', train: ['a.csv', 'b.csv'], label: 'side' },
    files: {
      'a.csv': `# measured by hand\nx;y;side\n${rows(0, 60).join('\n')}\n`,
      'b.csv': `x;y;side\r\n${rows(60, ROWS).join('\r\n')}`,
    },
    line: /a\.csv: 96 rows to train on, 24 to test on, 2 features, 2 classes \(left, right\)/,
  },
  {
    name: 'IDX, gzip-compressed',
    data: { source: 'idx', train: { features: 'x.idx.gz', labels: 'y.idx.gz' }, classes: 2 },
    files: {
      'x.idx.gz': gzipSync(idx([ROWS, 2], features)),
      'y.idx.gz': gzipSync(idx([ROWS], labels)),
    },
    line: /x\.idx\.gz: 96 rows to train on, 24 to test on, 2 features, 2 classes \(0, 1\)/,
  },
  {
    name: 'NPY, train and test given',
    data: {
      source: 'npy',
      train: { features: 'x.npy', labels: 'y.npy' },
      test: { features: 'x.npy', labels: 'y.npy' },
    },
    files: { 'x.npy': npy([ROWS, 2], features), 'y.npy': npy([ROWS], labels) },
    line: /x\.npy: 120 rows to train on, 120 to test on/,
  },
  {
    name: 'NPZ, as images of 1 x 2',
    data: { source: 'npz', file: 'd.npz', train: { features: 'x', labels: 'y' } },
    files: {
      'd.npz': zip({ 'x.npy': npy([ROWS, 1, 2], features), 'y.npy': npy([ROWS], labels) }),
    },
    line: /d\.npz: 96 rows to train on, 24 to test on, 2 features \(1 × 2 × 1\), 2 classes/,
  },
];

for (const { data, files, line, name } of CASES) {
  Deno.test(`own data: ${name}`, async () => {
    await inFolder(async (cwd) => {
      const experiment = { name: 'own', steps: 200, batchSize: 32, data };
      await writeFile(join(cwd, 'own.json'), JSON.stringify(experiment));
      for (const [file, content] of Object.entries(files))
        await writeFile(join(cwd, file), content);
      const outcome = await esper(['train', 'own.json', '--json'], { cwd });
      assert.equal(outcome.code, 0, outcome.stderr);
      assert.match(outcome.stderr, line);
      const { status, testAccuracy } = lastLine(outcome);
      assert.equal(status, 'done');
      assert.ok(Number(testAccuracy) >= 0.95, `test accuracy is ${testAccuracy}`);
    });
  });
}
