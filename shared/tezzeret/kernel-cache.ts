/**
 * The kernel cache: artifacts by key, in memory and in a storage that outlives the process. What was
 * asked for least often is the first to go, of equals the least recently used. Digests are checked on every read; what does not match is dropped,
 * counted and never handed out. Without a storage, or with one that is full, it works in memory.
 */
import { messageOf, StorageFullError } from '../base/errors.ts';
import type { BlobStorage } from '../platform/platform.ts';
import type { CompiledArtifact } from './artifact.ts';
import { decodeEntry, encodeEntry } from './cache-entry.ts';

const PREFIX = 'artifacts/';
/** Order of use and sizes, so that a restart need not read every entry. */
const INDEX = 'artifact-index.json';

export interface KernelCacheOptions {
  /** Where entries outlive the process; null keeps them in memory only. */
  storage: BlobStorage | null;
  /** Bytes of all entries together: `CACHE_SIZE_MB` times 2^20. */
  maxBytes: number;
  /** `MAX_CACHE_ENTRIES`. */
  maxEntries: number;
  /** Told once for each kind of trouble with the storage; the cache goes on. */
  onNotice?: (message: string) => void;
}

export interface KernelCacheStats {
  entries: number;
  bytes: number;
  hits: number;
  misses: number;
  /** Misses of keys that were never asked for before: no cache could have had them. */
  firstMisses: number;
  /** Entries that made room for others. */
  evictions: number;
  /** Entries dropped because their bytes did not match their digests. */
  corrupt: number;
}

/** Share of hits among what a warm cache could have had, in [0, 1]; null: nothing was asked twice. */
export function warmHitRate({
  firstMisses,
  hits,
  misses,
}: Pick<KernelCacheStats, 'firstMisses' | 'hits' | 'misses'>): number | null {
  const asked = hits + misses - firstMisses;
  return asked > 0 ? hits / asked : null;
}

export interface CacheHit {
  artifact: CompiledArtifact;
  origin: 'memory' | 'storage';
}

interface Entry {
  bytes: number;
  /** The encoded artifact, once it was read or put by this process. */
  resident: Uint8Array<ArrayBuffer> | null;
  isStored: boolean;
}

export class KernelCache {
  #o: KernelCacheOptions;
  /** Least recently used first. */
  #entries = new Map<string, Entry>();
  #bytes = 0;
  #counts = { hits: 0, misses: 0, firstMisses: 0, evictions: 0, corrupt: 0 };
  /** How often each key was asked for, also those that are not here. */
  #asked = new Map<string, number>();
  #noticed = new Set<string>();
  /** Operations run one after another. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: KernelCacheOptions) {
    this.#o = options;
  }

  /** Opens a cache and finds what its storage holds. Never fails: without an index it reads all. */
  static async open(options: KernelCacheOptions): Promise<KernelCache> {
    const cache = new KernelCache(options);
    await cache.#load();
    return cache;
  }

  stats(): KernelCacheStats {
    return { entries: this.#entries.size, bytes: this.#bytes, ...this.#counts };
  }

  /** @returns The artifact, every digest checked; null if there is none that can be used. */
  get(key: string): Promise<CacheHit | null> {
    return this.#serially(async () => {
      const hit = await this.#find(key);
      if (hit) this.#counts.hits++;
      else {
        this.#counts.misses++;
        if (!this.#asked.has(key)) this.#counts.firstMisses++;
      }
      this.#asked.set(key, (this.#asked.get(key) ?? 0) + 1);
      return hit;
    });
  }

  /** Keeps an artifact under the key of its manifest, unless it alone is larger than the budget. */
  put(artifact: CompiledArtifact): Promise<void> {
    return this.#serially(async () => {
      const { key } = artifact.manifest;
      if (key === undefined) throw new TypeError('Cannot cache an artifact without a key');
      const resident = encodeEntry(artifact);
      await this.#remove(key);
      if (resident.length <= this.#o.maxBytes && this.#o.maxEntries > 0) {
        await this.#makeRoom(resident.length);
        const isStored = await this.#store(key, resident);
        this.#add(key, { bytes: resident.length, resident, isStored });
      }
      await this.#saveIndex();
    });
  }

  /** Forgets an entry. */
  drop(key: string): Promise<void> {
    return this.#serially(async () => {
      await this.#remove(key);
      await this.#saveIndex();
    });
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #find(key: string): Promise<CacheHit | null> {
    const entry = this.#entries.get(key);
    if (!entry) return null;
    if (entry.resident) {
      const artifact = await this.#decode(entry.resident, key);
      if (artifact) {
        this.#touch(key, entry);
        return { artifact, origin: 'memory' };
      }
      entry.resident = null;
    }
    const stored = entry.isStored ? await this.#read(key) : null;
    const artifact = stored ? await this.#decode(stored, key) : null;
    if (!stored || !artifact) {
      await this.#remove(key);
      await this.#saveIndex();
      return null;
    }
    // The index may have had another size; what was read counts.
    this.#bytes += stored.length - entry.bytes;
    entry.bytes = stored.length;
    entry.resident = stored;
    this.#touch(key, entry);
    await this.#shrink();
    return { artifact, origin: 'storage' };
  }

  async #decode(bytes: Uint8Array<ArrayBuffer>, key: string): Promise<CompiledArtifact | null> {
    try {
      return await decodeEntry(bytes, key);
    } catch (error) {
      this.#counts.corrupt++;
      this.#notice('corrupt', `${messageOf(error)}; it was dropped and will be made again`);
      return null;
    }
  }

  #touch(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
  }

  async #remove(key: string): Promise<void> {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    if (!entry.isStored) return;
    await this.#o.storage?.remove(PREFIX + key).catch((error: unknown) => this.#ill(error));
  }

  async #makeRoom(bytes: number): Promise<void> {
    const { maxBytes, maxEntries } = this.#o;
    while (this.#bytes + bytes > maxBytes || this.#entries.size >= maxEntries) {
      if (!(await this.#evict(() => true))) return;
    }
  }

  /** Drops the least wanted entry that `may` go. @returns False if there is none. */
  async #evict(may: (entry: Entry) => boolean): Promise<boolean> {
    let least: string | null = null;
    let times = Number.POSITIVE_INFINITY;
    for (const [key, entry] of this.#entries) {
      const asked = this.#asked.get(key) ?? 0;
      if (asked >= times || !may(entry)) continue;
      least = key;
      times = asked;
    }
    if (least === null) return false;
    await this.#remove(least);
    this.#counts.evictions++;
    return true;
  }

  /** @returns Whether the storage took it; entries make room while it is full. */
  async #store(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const { storage } = this.#o;
    if (!storage) return false;
    for (;;) {
      try {
        await storage.write(PREFIX + key, bytes);
        return true;
      } catch (error) {
        const isFull = error instanceof StorageFullError;
        if (isFull && (await this.#evict((entry) => entry.isStored))) continue;
        this.#ill(error);
        return false;
      }
    }
  }

  async #read(key: string): Promise<Uint8Array<ArrayBuffer> | null> {
    try {
      return (await this.#o.storage?.read(PREFIX + key)) ?? null;
    } catch (error) {
      this.#ill(error);
      return null;
    }
  }

  #ill(error: unknown): void {
    this.#notice(
      error instanceof StorageFullError ? 'full' : 'storage',
      `The kernel cache goes on in memory: ${messageOf(error)}`,
    );
  }

  #notice(kind: string, message: string): void {
    if (this.#noticed.has(kind)) return;
    this.#noticed.add(kind);
    this.#o.onNotice?.(message);
  }

  async #saveIndex(): Promise<void> {
    const { storage } = this.#o;
    if (!storage) return;
    const entries = [...this.#entries].filter(([, entry]) => entry.isStored);
    const text = JSON.stringify(entries.map(([key, { bytes }]) => [key, bytes]));
    // Only speeds up the next start; without it the entries are read.
    await storage
      .write(INDEX, new TextEncoder().encode(text))
      .catch((error: unknown) => this.#ill(error));
  }

  async #load(): Promise<void> {
    const { storage } = this.#o;
    if (!storage) return;
    try {
      const names = (await storage.list(PREFIX)).map((name) => name.slice(PREFIX.length));
      const there = new Set(names);
      const index = parseIndex(await storage.read(INDEX)).filter(([key]) => there.has(key));
      const listed = new Map(index);
      // What the index does not know was written just before a crash, or by another tab.
      for (const key of names.filter((name) => !listed.has(name))) {
        const bytes = (await this.#read(key))?.length;
        if (bytes !== undefined) this.#add(key, { bytes, resident: null, isStored: true });
      }
      for (const [key, bytes] of listed) this.#add(key, { bytes, resident: null, isStored: true });
    } catch (error) {
      this.#ill(error);
    }
    // The budget may be smaller than last time.
    await this.#shrink();
  }

  async #shrink(): Promise<void> {
    const { maxBytes, maxEntries } = this.#o;
    while (this.#bytes > maxBytes || this.#entries.size > maxEntries) {
      if (!(await this.#evict(() => true))) return;
    }
  }
}

/** Keys and sizes, least recently used first; empty if the bytes are not an index. */
function parseIndex(bytes: Uint8Array<ArrayBuffer> | null): [string, number][] {
  if (!bytes) return [];
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (!Array.isArray(value)) return [];
    return value.filter(
      (item): item is [string, number] =>
        Array.isArray(item) &&
        typeof item[0] === 'string' &&
        Number.isSafeInteger(item[1]) &&
        item[1] >= 0,
    );
  } catch {
    return [];
  }
}
