/**
 * What the rest of the code needs from its host, given as arguments by the entry points.
 * Implementations: browser.ts (IndexedDB), deno.ts (files), memory.ts (tests).
 */

/** Named byte blobs with atomic writes: a reader sees the old bytes or the new, never a mix. */
export interface BlobStorage {
  read(key: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** @throws {StorageFullError} When the storage has no room; what was there before stays. */
  write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  remove(key: string): Promise<void>;
  /** Keys that start with `prefix`, sorted. */
  list(prefix: string): Promise<string[]>;
}

/** An append-only list of lines, such as a run's event log. */
export interface LineLog {
  append(lines: readonly string[]): Promise<void>;
  /** All complete lines; a torn last line is dropped. */
  readAll(): Promise<string[]>;
  /** Keeps the first `count` lines. */
  truncate(count: number): Promise<void>;
}

/** Where one run lives: blobs (checkpoints, configuration) and its event log. */
export interface RunStorage {
  blobs: BlobStorage;
  events: LineLog;
}

export interface Clock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds since 1970; only for display and logs. */
  wallTime(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Reads a file of the user's by path or by dropped name. */
export interface FileReader {
  /** @throws {InputError} When there is no such file; the message names the path. */
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
}
