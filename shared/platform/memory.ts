/** Storage that lives as long as the object: tests, and pages whose browser offers no other. */
import { InputError, StorageFullError } from '../base/errors.ts';
import { blobKeySegments } from './blob-key.ts';
import type { BlobStorage, FileReader, LineLog, RunStorage } from './platform.ts';

/** Blobs in a map. */
export class MemoryBlobStorage implements BlobStorage {
  #blobs = new Map<string, Uint8Array<ArrayBuffer>>();
  #capacity: number;

  /** @param capacity Bytes of all blobs together. @default {Infinity} */
  constructor(capacity = Number.POSITIVE_INFINITY) {
    this.#capacity = capacity;
  }

  async read(key: string): Promise<Uint8Array<ArrayBuffer> | null> {
    blobKeySegments(key);
    return this.#blobs.get(key)?.slice() ?? null;
  }

  async write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    blobKeySegments(key);
    let used = bytes.byteLength;
    for (const [other, blob] of this.#blobs) if (other !== key) used += blob.byteLength;
    if (used > this.#capacity) {
      throw new StorageFullError(
        `Cannot store ${bytes.byteLength} bytes under "${key}": ${used} bytes would pass the ` +
          `capacity of ${this.#capacity}; remove something first`,
      );
    }
    this.#blobs.set(key, bytes.slice());
  }

  async remove(key: string): Promise<void> {
    blobKeySegments(key);
    this.#blobs.delete(key);
  }

  async list(prefix: string): Promise<string[]> {
    return [...this.#blobs.keys()].filter((key) => key.startsWith(prefix)).sort();
  }
}

/** Lines in an array. */
export class MemoryLineLog implements LineLog {
  #lines: string[] = [];

  async append(lines: readonly string[]): Promise<void> {
    for (const line of lines) assertOneLine(line);
    this.#lines.push(...lines);
  }

  async readAll(): Promise<string[]> {
    return [...this.#lines];
  }

  async truncate(count: number): Promise<void> {
    this.#lines.length = Math.min(count, this.#lines.length);
  }
}

/** @throws {RangeError} If the text holds a line break, which would read back as two lines. */
export function assertOneLine(line: string): void {
  if (/[\n\r]/.test(line)) {
    throw new RangeError(`Cannot append "${line.slice(0, 40)}": a line must not hold a line break`);
  }
}

/** An empty run. */
export function memoryRunStorage(): RunStorage {
  return { blobs: new MemoryBlobStorage(), events: new MemoryLineLog() };
}

/** Reads files that were given by name, such as those dropped on the page. */
export class NamedFiles implements FileReader {
  #files: Map<string, Uint8Array<ArrayBuffer>>;

  constructor(files: Iterable<readonly [string, Uint8Array<ArrayBuffer>]>) {
    this.#files = new Map(files);
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.#files.get(path);
    if (!bytes) {
      const names = [...this.#files.keys()].map((name) => `"${name}"`).join(', ') || 'none';
      throw new InputError(
        `Cannot read "${path}": no file of that name was given (given: ${names})`,
      );
    }
    return bytes;
  }
}
