import { describe, expect, it } from 'vitest';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { runTiny, tinyDataset, tinyExperiment } from './_test-run.ts';
import { uploadData } from './device-data.ts';

/** A reference backend that binds at most so many bytes. */
function narrow(bytes: number) {
  const backend = createReferenceBackend();
  Object.defineProperty(backend, 'maxBindingBytes', { value: bytes });
  return backend;
}

describe('uploadData()', () => {
  const part = {
    x: Float32Array.from({ length: 15 }, (_, i) => i),
    y: new Uint32Array(5),
    size: 5,
  };

  it('keeps rows in one buffer where they fit', () => {
    const data = uploadData(createReferenceBackend(), 'train', part, [3]);
    expect(Object.keys(data.buffers)).toEqual(['dataset_x', 'dataset_y']);
    expect(data.rows).toEqual({ size: 5, partRows: 5 });
  });

  it('cuts them where they do not, the last part short', async () => {
    const backend = narrow(2 * 4 * 4);
    const data = uploadData(backend, 'train', part, [3]);
    expect(data.rows).toEqual({ size: 5, partRows: 2 });
    expect(data.x.label).toBe('train_x');
    const names = ['dataset_x', 'dataset_x.1', 'dataset_x.2'];
    const rows = await Promise.all(names.map((n) => backend.readFloats(data.buffers[n]!)));
    expect(rows.map((r) => [...r])).toEqual([
      [0, 1, 2, 0, 3, 4, 5, 0],
      [6, 7, 8, 0, 9, 10, 11, 0],
      [12, 13, 14, 0],
    ]);
  });

  it('refuses a row that is larger than a binding', () => {
    expect(() => uploadData(narrow(12), 'train', part, [3])).toThrow(
      'Cannot upload "train": one row of 4 numbers is more than the adapter binds at once (12 bytes)',
    );
  });
});

describe('a run on rows in several buffers', () => {
  it.each([1, 7, 25])('has the digest of one on whole rows, with %i rows each', async (rows) => {
    const experiment = tinyExperiment({ steps: 20, host: { kind: 'cnn', channels: [3] } });
    const dataset = tinyDataset([4, 5, 2]);
    const whole = await runTiny({ experiment, dataset });
    const split = await runTiny({ experiment, dataset, backend: narrow(rows * 4 * 5 * 4 * 4) });
    expect(split.digest).toBe(whole.digest);
    expect(await split.trainer.evaluate('test')).toEqual(await whole.trainer.evaluate('test'));
  });
});
