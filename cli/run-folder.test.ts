import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InputError } from '#shared/base/errors.ts';
import { claimRunFolder, emptyRunFolder, LOCK_FILE } from './run-folder.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'esper-run-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const START = { resume: false, force: false };
const RESUME = { resume: true, force: false };
const FORCE = { resume: false, force: true };

async function placeRun(): Promise<void> {
  await writeFile(join(folder, 'events.jsonl'), '{}\n');
  await mkdir(join(folder, 'checkpoints'));
  await writeFile(join(folder, 'checkpoints', '500.safetensors'), 'x');
}

describe('claimRunFolder()', () => {
  test('takes an empty or missing folder', async () => {
    await claimRunFolder(folder, START);
    await claimRunFolder(join(folder, 'new', 'deep'), START);
    await claimRunFolder(folder, FORCE);
  });

  test('never overwrites a run unasked', async () => {
    await placeRun();
    const claim = claimRunFolder(folder, START);
    await expect(claim).rejects.toThrow(InputError);
    await expect(claim).rejects.toThrow('add --resume to continue it, --force to replace it');
    expect(await readdir(folder)).toEqual(['checkpoints', 'events.jsonl']);
  });

  test('--resume keeps the run, --force removes it', async () => {
    await placeRun();
    await claimRunFolder(folder, RESUME);
    expect(await readdir(folder)).toHaveLength(2);
    await claimRunFolder(folder, FORCE);
    expect(await readdir(folder)).toHaveLength(2);
    await emptyRunFolder(folder);
    expect(await readdir(folder)).toEqual([]);
  });

  test('a run that was killed as it began is a run, a stale lock is not', async () => {
    await writeFile(join(folder, LOCK_FILE), '');
    await writeFile(join(folder, '.tmp-1'), 'x');
    await claimRunFolder(folder, START);
    await writeFile(join(folder, 'experiment.json'), '{}');
    await claimRunFolder(folder, RESUME);
    await expect(claimRunFolder(folder, START)).rejects.toThrow('it holds a run');
  });

  test('--resume needs a run', async () => {
    await expect(claimRunFolder(folder, RESUME)).rejects.toThrow('it holds no run');
  });

  test('--force never empties a folder that is not a run', async () => {
    await writeFile(join(folder, 'thesis.tex'), 'x');
    await expect(claimRunFolder(folder, FORCE)).rejects.toThrow('it holds other files');
    await expect(claimRunFolder(join(folder, 'thesis.tex'), FORCE)).rejects.toThrow('it is a file');
    expect(await readdir(folder)).toEqual(['thesis.tex']);
  });
});
