/** Records in maps, for tests and for a server that keeps nothing. */
import type { DatabaseStats } from '#shared/contracts/api.ts';
import { planAppend } from './append-plan.ts';
import {
  MemoryDecisionTable,
  MemoryDocumentTable,
  MemoryIdempotencyTable,
} from './memory-tables.ts';
import type {
  AppendRequest,
  AppendResult,
  ContentRecord,
  EventBus,
  MetaStore,
  NewRun,
  RecordQuery,
  RecordTable,
  RunTable,
  StoredEvent,
  StoredRecord,
  StoredRun,
} from './ports.ts';

export class MemoryMetaStore implements MetaStore {
  readonly blueprints = new MemoryRecordTable();
  readonly kernels = new MemoryRecordTable();
  readonly runs = new MemoryRunTable();
  readonly documents = new MemoryDocumentTable();
  readonly decisions = new MemoryDecisionTable();
  readonly keys = new MemoryIdempotencyTable();

  async ping(): Promise<void> {}

  async stats(): Promise<DatabaseStats> {
    return {
      engine: 'memory',
      max: 1,
      size: 1,
      idle: 1,
      checked_out: 0,
      waiting: 0,
      acquire_p50_ms: null,
      acquire_p99_ms: null,
      timeouts_total: 0,
      errors_total: 0,
      last_error_at: null,
      status: 'healthy',
      page_count: null,
      page_bytes: null,
      wal_bytes: null,
      records: {
        blueprints: this.blueprints.size,
        kernels: this.kernels.size,
        runs: this.runs.size,
        events: this.runs.eventCount,
      },
    };
  }

  async close(): Promise<void> {}
}

class MemoryRecordTable implements RecordTable {
  #records = new Map<string, StoredRecord>();

  get size(): number {
    return this.#records.size;
  }

  async put(record: ContentRecord): Promise<'created' | 'exists'> {
    if (this.#records.has(record.id)) return 'exists';
    this.#records.set(record.id, { ...record, position: this.#records.size + 1 });
    return 'created';
  }

  async get(id: string): Promise<StoredRecord | null> {
    return this.#records.get(id) ?? null;
  }

  async list({ after, limit, parent, variant, key }: RecordQuery): Promise<StoredRecord[]> {
    return [...this.#records.values()]
      .filter((record) => record.position > after)
      .filter((record) => parent === undefined || record.parent === parent)
      .filter((record) => variant === undefined || record.variant === variant)
      .filter((record) => key === undefined || JSON.parse(record.body).key === key)
      .slice(0, limit);
  }
}

class MemoryRunTable implements RunTable {
  #runs = new Map<string, { run: StoredRun; events: StoredEvent[] }>();

  get size(): number {
    return this.#runs.size;
  }

  get eventCount(): number {
    return [...this.#runs.values()].reduce((sum, { events }) => sum + events.length, 0);
  }

  async create(run: NewRun, replace = false): Promise<'created' | 'exists' | 'conflict'> {
    const before = this.#runs.get(run.id);
    if (before && replace) before.run = { ...before.run, body: run.body };
    if (before) return before.run.body === run.body ? 'exists' : 'conflict';
    const position = this.#runs.size + 1;
    const start = { updatedAt: null, acceptedThrough: -1, epoch: 0, finished: null };
    this.#runs.set(run.id, { run: { ...run, position, ...start }, events: [] });
    return 'created';
  }

  async get(id: string): Promise<StoredRun | null> {
    return this.#runs.get(id)?.run ?? null;
  }

  async list({ before, limit }: { before: number | null; limit: number }): Promise<StoredRun[]> {
    return [...this.#runs.values()]
      .map(({ run }) => run)
      .filter((run) => before === null || run.position < before)
      .reverse()
      .slice(0, limit);
  }

  async append(id: string, request: AppendRequest): Promise<AppendResult> {
    const entry = this.#runs.get(id);
    if (!entry) return { outcome: 'unknown-run' };
    const { run, events } = entry;
    const plan = planAppend(run.acceptedThrough, (seq) => events[seq]?.body ?? null, request);
    if (plan.result.outcome !== 'accepted') return plan.result;
    if (plan.dropFrom !== null) events.length = plan.dropFrom;
    events.push(...plan.insert);
    const last = events.at(-1);
    entry.run = {
      ...run,
      updatedAt: request.now,
      acceptedThrough: plan.result.acceptedThrough,
      epoch: run.epoch + (plan.dropFrom === null ? 0 : 1),
      finished: last?.isFinish ? last.body : null,
    };
    return plan.result;
  }

  async read(
    id: string,
    after: number,
    limit: number,
  ): Promise<{ run: StoredRun; events: StoredEvent[] } | null> {
    const entry = this.#runs.get(id);
    if (!entry) return null;
    const from = Math.max(0, after + 1);
    return { run: entry.run, events: entry.events.slice(from, from + limit) };
  }
}

/** Wakes subscribers of this process. */
export class LocalEventBus implements EventBus {
  #topics = new Map<string, Set<() => void>>();

  async publish(topic: string): Promise<void> {
    for (const wake of this.#topics.get(topic) ?? []) wake();
  }

  subscribe(topic: string, wake: () => void): () => void {
    const listeners = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, listeners);
    listeners.add(wake);
    return () => {
      listeners.delete(wake);
      if (listeners.size === 0 && this.#topics.get(topic) === listeners) this.#topics.delete(topic);
    };
  }
}
