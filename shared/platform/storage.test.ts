import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError, StorageFullError } from '../base/errors.ts';
import { RUN_STORAGE_CONTRACT } from './_test-storage.ts';
import { systemClock } from './clock.ts';
import {
  asStorageError,
  diskFiles,
  FileBlobStorage,
  FileLineLog,
  fileRunStorage,
  sweepTemporaries,
} from './deno.ts';
import { MemoryBlobStorage, memoryRunStorage, NamedFiles } from './memory.ts';

let root = '';
let folders = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'esper-storage-'));
});
afterAll(() => rm(root, { recursive: true }));
const folder = () => join(root, String(folders++));

describe('memoryRunStorage()', () => {
  it.each(RUN_STORAGE_CONTRACT)('$name', async ({ run }) => run(memoryRunStorage()));

  it('refuses what does not fit, and keeps what was there', async () => {
    const blobs = new MemoryBlobStorage(10);
    await blobs.write('a', new Uint8Array(6));
    await expect(blobs.write('b', new Uint8Array(5))).rejects.toThrow(StorageFullError);
    await expect(blobs.write('a', new Uint8Array(11))).rejects.toThrow(StorageFullError);
    expect((await blobs.read('a'))?.byteLength).toBe(6);
    await blobs.write('a', new Uint8Array(10));
  });
});

describe('fileRunStorage()', () => {
  it.each(RUN_STORAGE_CONTRACT)('$name', async ({ run }) => {
    const storage = fileRunStorage(folder());
    await run(storage);
    await storage.close();
  });

  it('drops a line that a crash cut in two, on reading and on appending', async () => {
    const dir = folder();
    const first = fileRunStorage(dir);
    await first.events.append(['one', 'two']);
    await first.close();
    await appendFile(join(dir, 'events.jsonl'), '{"cut');
    const second = fileRunStorage(dir);
    expect(await second.events.readAll()).toEqual(['one', 'two']);
    await second.events.append(['three']);
    expect(await second.events.readAll()).toEqual(['one', 'two', 'three']);
    await second.close();
    expect(await readFile(join(dir, 'events.jsonl'), 'utf8')).toBe('one\ntwo\nthree\n');
  });

  it('neither lists nor keeps temporary files', async () => {
    const dir = folder();
    const blobs = new FileBlobStorage(dir);
    await blobs.write('c/a', new Uint8Array(3));
    expect(await readdir(join(dir, 'c'))).toEqual(['a']);
    await writeFile(join(dir, 'c', '.tmp-left-by-a-crash'), 'x');
    expect(await blobs.list('')).toEqual(['c/a']);
    expect(await sweepTemporaries(dir)).toBe(1);
    expect(await readdir(join(dir, 'c'))).toEqual(['a']);
  });

  it('leaves no temporary file when a write fails', async () => {
    const dir = folder();
    await mkdir(join(dir, 'taken'), { recursive: true });
    const blobs = new FileBlobStorage(dir);
    await expect(blobs.write('taken', new Uint8Array(1))).rejects.toThrow();
    expect(await readdir(dir)).toEqual(['taken']);
  });

  it('knows a full disk from other failures', () => {
    const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
    expect(asStorageError(full, 'f', 3)).toBeInstanceOf(StorageFullError);
    const coded = Object.assign(new Error('no space left'), { code: 'EACCES' });
    expect(asStorageError(coded, 'f', 3)).toBe(coded);
    const uncoded = new Error('No space left on device (os error 28)');
    expect(asStorageError(uncoded, 'f', 3)).toBeInstanceOf(StorageFullError);
  });

  it('closes and opens again', async () => {
    const log = new FileLineLog(join(folder(), 'x.jsonl'));
    await log.append(['a']);
    await log.close();
    await log.append(['b']);
    expect(await log.readAll()).toEqual(['a', 'b']);
    await log.close();
  });
});

describe('file readers', () => {
  it('name the path of a file that is not there', async () => {
    await expect(diskFiles.read('/nowhere/x.csv')).rejects.toThrow(
      new InputError('Cannot read "/nowhere/x.csv": there is no such file'),
    );
    const dropped = new NamedFiles([['a.csv', new Uint8Array([1])]]);
    expect(await dropped.read('a.csv')).toEqual(new Uint8Array([1]));
    await expect(dropped.read('b.csv')).rejects.toThrow(
      'no file of that name was given (given: "a.csv")',
    );
  });

  it('explain a folder given for a file', async () => {
    await expect(diskFiles.read(root)).rejects.toThrow(InputError);
  });
});

describe('systemClock', () => {
  it('sleeps, and wakes early for a signal without leaving a timer', async () => {
    const started = systemClock.now();
    await systemClock.sleep(20);
    expect(systemClock.now() - started).toBeGreaterThanOrEqual(19);
    const stop = new AbortController();
    const sleep = systemClock.sleep(60_000, stop.signal);
    stop.abort(new Error('up'));
    await expect(sleep).rejects.toThrow('up');
    await expect(systemClock.sleep(1, stop.signal)).rejects.toThrow('up');
  });
});
