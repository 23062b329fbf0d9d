/**
 * What the server needs from its storage. Adapters: memory.ts, sql-meta-store.ts (over SQLite or
 * PostgreSQL), content-store.ts. Jobs and messages have ports of their own: job-port, message-port.
 * One suite, meta-store-contract.ts, holds every MetaStore to the promises made here.
 */
import type { DatabaseStats } from '#shared/contracts/api.ts';

/** An immutable record named by its content. */
export interface ContentRecord {
  /** SHA-256, hexadecimal. */
  id: string;
  /** Id of the record it derives from, or null: a kernel's blueprint. */
  parent: string | null;
  /** What else it is looked up by, or null: a kernel's host. */
  variant: string | null;
  /** Canonical JSON. */
  body: string;
  /** Milliseconds since 1970. */
  createdAt: number;
}

export interface StoredRecord extends ContentRecord {
  /** Rises with every insert; the key of pagination. */
  position: number;
}

export interface RecordQuery {
  /** Only records at a higher position. */
  after: number;
  limit: number;
  parent?: string | undefined;
  variant?: string | undefined;
  /** Only records whose body has this `key`. */
  key?: string | undefined;
}

export interface RecordTable {
  /** Stores the record unless one of that id is there; the first one stays. */
  put(record: ContentRecord): Promise<'created' | 'exists'>;
  get(id: string): Promise<StoredRecord | null>;
  /** Oldest first. Records inserted between two pages neither repeat nor hide others. */
  list(query: RecordQuery): Promise<StoredRecord[]>;
}

export interface NewRun {
  id: string;
  /** Canonical JSON of what the client sent. */
  body: string;
  createdAt: number;
}

export interface StoredRun extends NewRun {
  position: number;
  updatedAt: number | null;
  /** Number of the last event; -1 before the first. */
  acceptedThrough: number;
  /** Rises whenever events are dropped, so that readers know that what they read is void. */
  epoch: number;
  /** Body of the last event, if it ends the run. */
  finished: string | null;
}

export interface StoredEvent {
  /** From 0, without gaps. */
  seq: number;
  /** JSON. */
  body: string;
  /** The event ends the run. */
  isFinish: boolean;
}

export interface AppendRequest {
  /** In order of `seq`, without gaps, not empty. */
  events: readonly StoredEvent[];
  /** Drop the events from this number on first; null: drop nothing. */
  rewindTo: number | null;
  /** Milliseconds since 1970. */
  now: number;
}

export type AppendResult =
  | { outcome: 'accepted'; acceptedThrough: number }
  /** The first event does not follow the last one stored; nothing was stored. */
  | { outcome: 'gap'; acceptedThrough: number }
  /** Event `seq` is stored with other content; nothing was stored. */
  | { outcome: 'conflict'; acceptedThrough: number; seq: number }
  | { outcome: 'unknown-run' };

export interface RunTable {
  /** @param replace A run of that id with another body takes this one; its events stay. */
  create(run: NewRun, replace?: boolean): Promise<'created' | 'exists' | 'conflict'>;
  get(id: string): Promise<StoredRun | null>;
  /** Newest first: runs at a position lower than `before` (null: from the newest). */
  list(query: { before: number | null; limit: number }): Promise<StoredRun[]>;
  /**
   * All or nothing, and durable when it resolves as accepted. Events that are stored already are
   * taken as repeated; see append-plan.ts for what counts as the same.
   */
  append(id: string, request: AppendRequest): Promise<AppendResult>;
  /** Events after `after`, and the run as it was at the same moment; null: no such run. */
  read(
    id: string,
    after: number,
    limit: number,
  ): Promise<{ run: StoredRun; events: StoredEvent[] } | null>;
}

/** A named thing that changes: each change must name the version it changes. */
export interface StoredDocument {
  name: string;
  /** JSON. */
  body: string;
  /** 1 at first. */
  version: number;
  updatedAt: number;
}

export interface DocumentTable {
  get(space: string, name: string): Promise<StoredDocument | null>;
  /**
   * Compare and set.
   *
   * @param expected Version that is there; 0: none is.
   * @returns The document as it is now; `conflict`: another version is there, and stays.
   */
  put(
    space: string,
    name: string,
    body: string,
    expected: number,
    now: number,
  ): Promise<{ outcome: 'created' | 'updated' | 'conflict'; document: StoredDocument | null }>;
  /** In order of names, from the first after `after`. */
  list(space: string, after: string | null, limit: number): Promise<StoredDocument[]>;
}

export interface NewDecision {
  id: string;
  runId: string;
  step: number;
  /** JSON. */
  body: string;
  createdAt: number;
}

export interface StoredDecision extends NewDecision {
  position: number;
  /** JSON; null until it is known. */
  outcome: string | null;
}

export interface DecisionTable {
  put(decision: NewDecision): Promise<'created' | 'exists'>;
  get(id: string): Promise<StoredDecision | null>;
  /** Newest first. */
  list(query: {
    before: number | null;
    limit: number;
    runId?: string | undefined;
  }): Promise<StoredDecision[]>;
  /** The first outcome stays; `conflict`: another one is stored. */
  setOutcome(id: string, outcome: string): Promise<'created' | 'exists' | 'conflict' | 'unknown'>;
}

/** What is known of a request with an idempotency key. */
export type KeyState =
  /** Nobody used the key; it is this caller's until `finish` or `abandon`. */
  | { state: 'new' }
  | { state: 'in-flight' }
  /** The key belongs to a request with another body. */
  | { state: 'mismatch' }
  | { state: 'done'; answer: string };

export interface IdempotencyTable {
  /** @param staleMs Age at which a request that never finished is given up. */
  begin(key: string, digest: string, now: number, staleMs: number): Promise<KeyState>;
  finish(key: string, answer: string): Promise<void>;
  abandon(key: string): Promise<void>;
  /** Forgets keys from before that time. */
  sweep(before: number): Promise<number>;
}

/** Every method may throw StorageFullError when there is no room; what was stored stays. */
export interface MetaStore {
  blueprints: RecordTable;
  kernels: RecordTable;
  runs: RunTable;
  documents: DocumentTable;
  decisions: DecisionTable;
  keys: IdempotencyTable;
  /** @throws If the store cannot answer. */
  ping(): Promise<void>;
  stats(): Promise<DatabaseStats>;
  close(): Promise<void>;
}

/** Bytes under their SHA-256. */
export interface BlobStore {
  /**
   * @returns `exists` where the same bytes were there already; corrupt bytes are replaced.
   * @throws {DigestMismatchError} If the bytes have another digest; nothing is stored.
   */
  put(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<'created' | 'exists'>;
  /**
   * @returns Bytes whose digest was checked; null: none stored.
   * @throws {CorruptDataError} If the stored bytes have another digest; they are set aside.
   */
  get(sha256: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Stores and removes a few bytes. @throws If that does not work. */
  ping(): Promise<void>;
}

/** A service the server needs does not answer; the same request may succeed later. */
export class UnavailableError extends Error {
  override name = 'UnavailableError';
}

/** The uploaded bytes are not those of the name. */
export class DigestMismatchError extends Error {
  override name = 'DigestMismatchError';
}

/**
 * Wakes those who wait for something new on a topic. What is new is read from the store, so a
 * lost wake-up delays a reader and loses nothing.
 */
export interface EventBus {
  publish(topic: string): Promise<void>;
  /** @returns Ends the subscription. */
  subscribe(topic: string, wake: () => void): () => void;
}
