/**
 * Storage in IndexedDB. One database holds the blobs and lines of every run; a transaction makes
 * each write whole. Works in pages and workers.
 */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { messageOf, StorageFullError } from '../base/errors.ts';
import { blobKeySegments } from './blob-key.ts';
import { assertOneLine } from './memory.ts';
import type { BlobStorage, LineLog, RunStorage } from './platform.ts';

interface Schema extends DBSchema {
  /** [space, key] to bytes. */
  blobs: { key: [string, string]; value: Uint8Array<ArrayBuffer> };
  /** [log, line number from 0] to line. */
  lines: { key: [string, number]; value: string };
}

type Database = IDBPDatabase<Schema>;

/** Everything this origin keeps. */
export interface BrowserStorage {
  run(runId: string): RunStorage;
  /** Blobs outside any run, such as the kernel cache. */
  blobs(space: string): BlobStorage;
  /** Ids of the runs that hold anything, sorted. */
  listRuns(): Promise<string[]>;
  removeRun(runId: string): Promise<void>;
  close(): void;
}

/**
 * Opens, and on first use creates, the database.
 *
 * @param onClosing Called when another tab needs this one to let go, or the browser closed it.
 * @throws {Error} If the browser offers no IndexedDB (some private windows); fall back to memory.
 */
export async function openBrowserStorage(
  name = 'esper',
  onClosing: (reason: string) => void = () => undefined,
): Promise<BrowserStorage> {
  const db = await openDB<Schema>(name, 1, {
    upgrade(database) {
      database.createObjectStore('blobs');
      database.createObjectStore('lines');
    },
    blocking(_current, _blocked, event) {
      (event.target as IDBDatabase).close();
      onClosing('a newer version of this page is open in another tab; reload this one');
    },
    terminated: () => onClosing('the browser closed its storage; reload the page'),
  });
  return {
    run: (runId) => ({
      blobs: new IdbBlobStorage(db, `run/${runId}`),
      events: new IdbLineLog(db, `run/${runId}`),
    }),
    blobs: (space) => new IdbBlobStorage(db, `space/${space}`),
    async listRuns() {
      const keys = [
        ...(await db.getAllKeys('blobs', IDBKeyRange.bound(['run/'], ['run0']))),
        ...(await db.getAllKeys('lines', IDBKeyRange.bound(['run/'], ['run0']))),
      ];
      return [...new Set(keys.map(([space]) => space.slice('run/'.length)))].sort();
    },
    async removeRun(runId) {
      const tx = db.transaction(['blobs', 'lines'], 'readwrite', { durability: 'strict' });
      const space = `run/${runId}`;
      await Promise.all([
        tx.objectStore('blobs').delete(IDBKeyRange.bound([space], [space, []])),
        tx.objectStore('lines').delete(IDBKeyRange.bound([space], [space, []])),
        tx.done,
      ]);
    },
    close: () => db.close(),
  };
}

class IdbBlobStorage implements BlobStorage {
  #db: Database;
  #space: string;

  constructor(db: Database, space: string) {
    this.#db = db;
    this.#space = space;
  }

  async read(key: string): Promise<Uint8Array<ArrayBuffer> | null> {
    blobKeySegments(key);
    return (await this.#db.get('blobs', [this.#space, key])) ?? null;
  }

  async write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    blobKeySegments(key);
    await orStorageFull(`${bytes.byteLength} bytes under "${key}"`, async () => {
      const tx = this.#db.transaction('blobs', 'readwrite', { durability: 'strict' });
      // A view of a larger buffer would be stored with the whole of that buffer.
      const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
      await Promise.all([tx.store.put(whole, [this.#space, key]), tx.done]);
    });
  }

  async remove(key: string): Promise<void> {
    blobKeySegments(key);
    await this.#db.delete('blobs', [this.#space, key]);
  }

  async list(prefix: string): Promise<string[]> {
    const range = IDBKeyRange.bound([this.#space, prefix], [this.#space, []]);
    const keys = (await this.#db.getAllKeys('blobs', range)).map(([, key]) => key);
    return keys.filter((key) => key.startsWith(prefix)).sort();
  }
}

class IdbLineLog implements LineLog {
  #db: Database;
  #log: string;

  constructor(db: Database, log: string) {
    this.#db = db;
    this.#log = log;
  }

  async append(lines: readonly string[]): Promise<void> {
    for (const line of lines) assertOneLine(line);
    await orStorageFull(`${lines.length} lines of "${this.#log}"`, async () => {
      const tx = this.#db.transaction('lines', 'readwrite', { durability: 'strict' });
      const last = await tx.store.openKeyCursor(this.#range(0), 'prev');
      const next = last ? last.key[1] + 1 : 0;
      await Promise.all([
        ...lines.map((line, i) => tx.store.put(line, [this.#log, next + i])),
        tx.done,
      ]);
    });
  }

  async readAll(): Promise<string[]> {
    return await this.#db.getAll('lines', this.#range(0));
  }

  async truncate(count: number): Promise<void> {
    await this.#db.delete('lines', this.#range(count));
  }

  #range(from: number): IDBKeyRange {
    return IDBKeyRange.bound([this.#log, from], [this.#log, []]);
  }
}

/** Chrome reports a full disk as QuotaExceededError or as an AbortError of the transaction. */
async function orStorageFull(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const name = error instanceof Error || error instanceof DOMException ? error.name : '';
    if (name !== 'QuotaExceededError' && name !== 'AbortError') throw error;
    throw new StorageFullError(
      `Cannot store ${what}: the browser's storage is full (${messageOf(error) || name}); ` +
        'remove old runs or free disk space',
    );
  }
}
