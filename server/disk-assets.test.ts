import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskAssets } from './disk-assets.ts';

describe('diskAssets()', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'esper-assets-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('reads a file anew each time, under a version that changes with it', async () => {
    const read = diskAssets(dir);
    mkdirSync(join(dir, 'assets'));
    const file = join(dir, 'assets', 'a.js');
    writeFileSync(file, 'one');
    const first = await read('assets/a.js');
    expect(new TextDecoder().decode(first?.bytes)).toBe('one');
    expect((await read('assets/a.js'))?.version).toBe(first?.version);
    writeFileSync(file, 'three');
    const second = await read('assets/a.js');
    expect(new TextDecoder().decode(second?.bytes)).toBe('three');
    expect(second?.version).not.toBe(first?.version);
  });

  it('has no folders and nothing that is not there', async () => {
    mkdirSync(join(dir, 'assets'));
    const read = diskAssets(dir);
    expect(await read('assets')).toBeNull();
    expect(await read('none.js')).toBeNull();
    expect(await diskAssets(join(dir, 'not-built'))('index.html')).toBeNull();
  });
});
