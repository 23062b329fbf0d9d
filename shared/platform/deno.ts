/**
 * Storage in files, through node:fs: Deno is the runtime it serves, and Node runs it unchanged.
 * A blob is written to a temporary file, synced, and renamed over the old one, so a killed process
 * leaves the old bytes or the new. Lines are synced before an append resolves.
 */
import { randomUUID } from 'node:crypto';
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InputError, messageOf, StorageFullError } from '../base/errors.ts';
import { blobKeySegments } from './blob-key.ts';
import { assertOneLine } from './memory.ts';
import type { BlobStorage, FileReader, LineLog, RunStorage } from './platform.ts';

/** Blobs as files under a folder; a key is a relative path. */
export class FileBlobStorage implements BlobStorage {
  #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async read(key: string): Promise<Uint8Array<ArrayBuffer> | null> {
    try {
      return new Uint8Array(await readFile(this.#path(key)));
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await writeFileAtomic(this.#path(key), bytes);
  }

  async remove(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  async list(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    const walk = async (folder: string): Promise<void> => {
      const entries = await readdir(join(this.#dir, folder), { withFileTypes: true }).catch(
        (error: unknown) => {
          if (isMissing(error)) return [];
          throw error;
        },
      );
      for (const entry of entries) {
        if (entry.name.startsWith('.')) continue;
        const key = folder === '' ? entry.name : `${folder}/${entry.name}`;
        if (entry.isDirectory()) await walk(key);
        else if (key.startsWith(prefix)) keys.push(key);
      }
    };
    await walk('');
    return keys.sort();
  }

  #path(key: string): string {
    return join(this.#dir, ...blobKeySegments(key));
  }
}

/**
 * Writes a file so that a reader, and whoever comes after a crash, sees all of it or none.
 *
 * @throws {StorageFullError} If the disk has no room; the old file stays.
 */
export async function writeFileAtomic(path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.tmp-${randomUUID()}`);
  try {
    await mkdir(folder, { recursive: true });
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw asStorageError(error, path, bytes.byteLength);
  }
}

/**
 * Removes temporary files that killed processes left under a folder. Only for a folder no other
 * process writes to at this moment.
 *
 * @returns Number of files removed.
 */
export async function sweepTemporaries(dir: string): Promise<number> {
  let removed = 0;
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  for (const entry of entries) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) removed += await sweepTemporaries(path);
    else if (entry.name.startsWith('.tmp-')) {
      await rm(path, { force: true });
      removed++;
    }
  }
  return removed;
}

/** Makes a rename in the folder durable; file systems without folder sync need none. */
async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, 'r');
    await handle.sync();
  } catch {
    // Windows and some network file systems refuse to open or sync a folder.
  } finally {
    await handle?.close();
  }
}

/** Lines of one file. Appends run one after the other. */
export class FileLineLog implements LineLog {
  #path: string;
  #file: FileHandle | null = null;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  append(lines: readonly string[]): Promise<void> {
    return this.#enqueue(async () => {
      if (lines.length === 0) return;
      for (const line of lines) assertOneLine(line);
      const file = await this.#open();
      const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`);
      const before = (await file.stat()).size;
      try {
        await file.writeFile(bytes);
        await file.datasync();
      } catch (error) {
        // Half an append must not look like a line once more lines follow.
        await file.truncate(before).catch(() => undefined);
        throw asStorageError(error, this.#path, bytes.byteLength);
      }
    });
  }

  readAll(): Promise<string[]> {
    return this.#enqueue(async () => {
      const text = await this.#readText();
      const end = text.lastIndexOf('\n');
      return end < 0 ? [] : text.slice(0, end).split('\n');
    });
  }

  truncate(count: number): Promise<void> {
    return this.#enqueue(async () => {
      const bytes = await this.#readBytes();
      let end = 0;
      for (let line = 0; line < count; line++) {
        const next = bytes.indexOf(0x0a, end);
        if (next < 0) break;
        end = next + 1;
      }
      if (end < bytes.byteLength) await truncate(this.#path, end);
    });
  }

  /** Closes the file; a later append opens it again. */
  close(): Promise<void> {
    return this.#enqueue(async () => {
      await this.#file?.close();
      this.#file = null;
    });
  }

  async #open(): Promise<FileHandle> {
    if (this.#file) return this.#file;
    await mkdir(dirname(this.#path), { recursive: true });
    const file = await open(this.#path, 'a');
    // A line that a crash cut in two would otherwise swallow the next one.
    const bytes = await this.#readBytes();
    const end = bytes.lastIndexOf(0x0a) + 1;
    if (end < bytes.byteLength) await file.truncate(end);
    this.#file = file;
    return file;
  }

  async #readBytes(): Promise<Uint8Array> {
    return await readFile(this.#path).catch((error: unknown) => {
      if (isMissing(error)) return new Uint8Array();
      throw error;
    });
  }

  async #readText(): Promise<string> {
    return new TextDecoder().decode(await this.#readBytes());
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

/** The folder of one run: `events.jsonl` beside its blobs. */
export function fileRunStorage(dir: string): RunStorage & { close(): Promise<void> } {
  const events = new FileLineLog(join(dir, 'events.jsonl'));
  return { blobs: new FileBlobStorage(dir), events, close: () => events.close() };
}

/** Reads the user's files by path. */
export const diskFiles: FileReader = {
  async read(path) {
    try {
      return new Uint8Array(await readFile(path));
    } catch (error) {
      if (isMissing(error)) {
        throw new InputError(`Cannot read "${path}": there is no such file`);
      }
      if (codeOf(error) === 'EISDIR') {
        throw new InputError(`Cannot read "${path}": it is a folder; name a file in it`);
      }
      throw new InputError(`Cannot read "${path}": ${messageOf(error)}`);
    }
  },
};

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** @returns A StorageFullError where the cause is lack of room, else the error itself. */
export function asStorageError(error: unknown, path: string, bytes: number): unknown {
  const code = codeOf(error);
  // Deno gives some file errors without a code; the system's own words remain.
  const full = code ? FULL.has(code) : /no space left|quota exceeded/i.test(messageOf(error));
  if (!full) return error;
  return new StorageFullError(
    `Cannot write ${bytes} bytes to "${path}": the disk is full; free some space and try again`,
  );
}
