/**
 * What a suite keeps while it runs: its protocol, the parts it has finished, and the runs under way,
 * so that a suite that was stopped or killed goes on where it stood.
 */
import type { z } from 'zod';
import { canonicalJson } from '../../base/canonical.ts';
import { CorruptDataError, InputError } from '../../base/errors.ts';
import { assertOneLine } from '../../platform/memory.ts';
import type { BlobStorage, LineLog, RunStorage } from '../../platform/platform.ts';

/** Written before the first step. */
export const SUITE_FILE = 'suite.json';

/** What a suite's figures depend on; a store that was begun under another is refused. */
export interface SuiteProtocol {
  name: string;
  /** Independent repetitions. */
  seeds: number;
  /** Growing arms of a suite that trains them side by side: parts hold all of them. */
  arms?: string;
  /** Where the rows come from, with their digest where they are read from files. */
  data: string;
  adapter: string;
  /** SHA-256 over the shader sources. */
  shaders: string;
}

const WHAT: Readonly<Record<keyof SuiteProtocol, string>> = {
  name: 'another suite',
  seeds: 'another number of repetitions',
  arms: 'other arms',
  data: 'other data',
  adapter: 'another adapter',
  shaders: 'other shaders',
};

export class SuiteStore {
  readonly #blobs: BlobStorage;

  private constructor(blobs: BlobStorage) {
    this.#blobs = blobs;
  }

  /** @throws {InputError} If the store holds a suite of another protocol. */
  static async open(blobs: BlobStorage, protocol: SuiteProtocol): Promise<SuiteStore> {
    const bytes = await blobs.read(SUITE_FILE);
    if (bytes) checkSame(parseJson(bytes, SUITE_FILE), protocol);
    else await blobs.write(SUITE_FILE, encode(protocol));
    return new SuiteStore(blobs);
  }

  /** A part that was kept; null: there is none, or not one of this version, and it is made again. */
  async part<T>(key: string, schema: z.ZodType<T>): Promise<T | null> {
    const bytes = await this.#blobs.read(`${key}.json`);
    if (!bytes) return null;
    const found = schema.safeParse(parseJson(bytes, `${key}.json`));
    return found.success ? found.data : null;
  }

  async keep(key: string, part: unknown): Promise<void> {
    await this.#blobs.write(`${key}.json`, encode(part));
  }

  async drop(key: string): Promise<void> {
    await this.#blobs.remove(`${key}.json`);
  }

  /** Where a run under that name keeps its log and checkpoints. */
  runStorage(name: string): RunStorage {
    const blobs = new FolderOf(this.#blobs, `${name}/`);
    return { blobs, events: new BlobLineLog(blobs, 'events.jsonl') };
  }
}

/** Keys of another storage that begin with a prefix. */
class FolderOf implements BlobStorage {
  readonly #blobs: BlobStorage;
  readonly #prefix: string;

  constructor(blobs: BlobStorage, prefix: string) {
    this.#blobs = blobs;
    this.#prefix = prefix;
  }

  read(key: string) {
    return this.#blobs.read(this.#prefix + key);
  }

  write(key: string, bytes: Uint8Array<ArrayBuffer>) {
    return this.#blobs.write(this.#prefix + key, bytes);
  }

  remove(key: string) {
    return this.#blobs.remove(this.#prefix + key);
  }

  async list(prefix: string): Promise<string[]> {
    const keys = await this.#blobs.list(this.#prefix + prefix);
    return keys.map((key) => key.slice(this.#prefix.length));
  }
}

/** Lines of one blob, written whole each time: for logs of a few hundred lines. */
class BlobLineLog implements LineLog {
  readonly #blobs: BlobStorage;
  readonly #key: string;
  #lines: string[] | null = null;

  constructor(blobs: BlobStorage, key: string) {
    this.#blobs = blobs;
    this.#key = key;
  }

  async append(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    for (const line of lines) assertOneLine(line);
    const all = await this.#all();
    all.push(...lines);
    await this.#write();
  }

  async readAll(): Promise<string[]> {
    return [...(await this.#all())];
  }

  async truncate(count: number): Promise<void> {
    const all = await this.#all();
    if (all.length <= count) return;
    all.length = count;
    await this.#write();
  }

  async #all(): Promise<string[]> {
    if (this.#lines) return this.#lines;
    const bytes = await this.#blobs.read(this.#key);
    const text = bytes ? new TextDecoder().decode(bytes) : '';
    this.#lines = text.split('\n').slice(0, -1);
    return this.#lines;
  }

  async #write(): Promise<void> {
    const text = this.#lines!.map((line) => `${line}\n`).join('');
    await this.#blobs.write(this.#key, new TextEncoder().encode(text));
  }
}

function checkSame(stored: unknown, protocol: SuiteProtocol): void {
  const found = (stored ?? {}) as Partial<Record<keyof SuiteProtocol, unknown>>;
  const keys = Object.keys(WHAT) as (keyof SuiteProtocol)[];
  const other = keys.find(
    (key) => canonicalJson(found[key] ?? null) !== canonicalJson(protocol[key] ?? null),
  );
  if (other === undefined) return;
  throw new InputError(
    `Cannot go on with the suite in this folder: it was begun with ${WHAT[other]} ` +
      `(${String(found[other] ?? 'unknown')}, now ${protocol[other]}); name a new folder with --out`,
  );
}

function encode(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(value)}\n`);
}

function parseJson(bytes: Uint8Array<ArrayBuffer>, key: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new CorruptDataError(`Cannot read ${key}: it is not JSON; remove the file`, {
      cause: error,
    });
  }
}
