/** Reads the built page from a folder. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AssetReader } from './deps.ts';

/** Files are read each time, so a new build shows without a restart. */
export function diskAssets(dir: string): AssetReader {
  return async (path) => {
    const file = join(dir, path);
    try {
      const info = await stat(file);
      if (!info.isFile()) return null;
      const version = `${info.size.toString(36)}-${Math.round(info.mtimeMs).toString(36)}`;
      return { bytes: new Uint8Array(await readFile(file)), version };
    } catch {
      return null;
    }
  };
}
