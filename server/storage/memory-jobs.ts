/** The job queue in a map, for tests and as the model that the simulation compares with. */
import type { JobState } from '#shared/contracts/api-jobs.ts';
import {
  afterLoss,
  type ClaimRequest,
  type JobQuery,
  type JobQueue,
  type LeaseLost,
  type NewJob,
  NO_JOBS,
  type StoredJob,
} from './job-port.ts';

interface Entry {
  job: StoredJob;
  fence: string | null;
  leaseUntil: number;
}

export class MemoryJobQueue implements JobQueue {
  #entries = new Map<string, Entry>();
  #now: () => number;
  #newFence: () => string;

  constructor(now: () => number, newFence: () => string) {
    this.#now = now;
    this.#newFence = newFence;
  }

  async enqueue(job: NewJob): Promise<'created' | 'exists'> {
    if (this.#entries.has(job.id)) return 'exists';
    const now = this.#now();
    const start = {
      state: 'queued' as const,
      tries: 0,
      worker: null,
      progress: null,
      result: null,
      error: null,
      cancelRequested: false,
      createdAt: now,
      updatedAt: now,
    };
    const position = this.#entries.size + 1;
    this.#entries.set(job.id, { job: { ...job, ...start, position }, fence: null, leaseUntil: 0 });
    return 'created';
  }

  async claim({ kinds, worker, leaseMs }: ClaimRequest) {
    await this.sweep();
    const entry = [...this.#entries.values()].find(
      ({ job }) => job.state === 'queued' && kinds.includes(job.kind),
    );
    if (!entry) return null;
    const fence = this.#newFence();
    entry.fence = fence;
    entry.leaseUntil = this.#now() + leaseMs;
    this.#set(entry, { state: 'running', tries: entry.job.tries + 1, worker, progress: null });
    return { job: entry.job, fence };
  }

  async renew(id: string, fence: string, leaseMs: number, progress: string | null) {
    return await this.#held(id, fence, (entry) => {
      entry.leaseUntil = this.#now() + leaseMs;
      this.#set(entry, progress === null ? {} : { progress });
      return { cancelRequested: entry.job.cancelRequested };
    });
  }

  async holds(id: string, fence: string): Promise<boolean> {
    return (await this.#held(id, fence, () => true)) === true;
  }

  async complete(id: string, fence: string, result: string) {
    return await this.#held(id, fence, (entry) => this.#end(entry, 'done', { result }));
  }

  async fail(id: string, fence: string, error: string, retryable: boolean) {
    return await this.#held(id, fence, (entry) => {
      const { cancelRequested, tries, maxTries } = entry.job;
      const state = cancelRequested
        ? 'cancelled'
        : retryable && tries < maxTries
          ? 'queued'
          : 'dead';
      return this.#end(entry, state, { error });
    });
  }

  async release(id: string, fence: string, cancelled: boolean) {
    return await this.#held(id, fence, (entry) => {
      const { cancelRequested, tries } = entry.job;
      return cancelled || cancelRequested
        ? this.#end(entry, 'cancelled', { error: null })
        : this.#end(entry, 'queued', { error: null, tries: tries - 1 });
    });
  }

  async cancel(id: string): Promise<StoredJob | null> {
    const entry = this.#entries.get(id);
    if (!entry) return null;
    if (entry.job.state === 'queued') this.#end(entry, 'cancelled', { error: null });
    else if (entry.job.state === 'running') this.#set(entry, { cancelRequested: true });
    return entry.job;
  }

  async retry(id: string): Promise<StoredJob | null> {
    const entry = this.#entries.get(id);
    if (!entry) return null;
    if (entry.job.state === 'dead' || entry.job.state === 'cancelled') {
      this.#set(entry, { state: 'queued', tries: 0, error: null, progress: null });
    }
    return entry.job;
  }

  async get(id: string): Promise<StoredJob | null> {
    return this.#entries.get(id)?.job ?? null;
  }

  async list({ before, limit, state, kind }: JobQuery): Promise<StoredJob[]> {
    return [...this.#entries.values()]
      .map(({ job }) => job)
      .filter((job) => before === null || job.position < before)
      .filter((job) => state === undefined || job.state === state)
      .filter((job) => kind === undefined || job.kind === kind)
      .reverse()
      .slice(0, limit);
  }

  async counts(): Promise<Record<JobState, number>> {
    const counts = { ...NO_JOBS };
    for (const { job } of this.#entries.values()) counts[job.state]++;
    return counts;
  }

  async sweep(): Promise<number> {
    const lost = [...this.#entries.values()].filter(
      ({ job, leaseUntil }) => job.state === 'running' && leaseUntil <= this.#now(),
    );
    for (const entry of lost) {
      const { state, error } = afterLoss(entry.job);
      this.#end(entry, state, { error });
    }
    return lost.length;
  }

  async close(): Promise<void> {}

  async #held<T>(id: string, fence: string, work: (entry: Entry) => T): Promise<T | LeaseLost> {
    await this.sweep();
    const entry = this.#entries.get(id);
    if (!entry) return 'unknown';
    if (entry.job.state !== 'running' || entry.fence !== fence) return 'lost';
    return work(entry);
  }

  #end(entry: Entry, state: JobState, changes: Partial<StoredJob>): 'ok' {
    entry.fence = null;
    this.#set(entry, { result: null, error: null, ...changes, state, cancelRequested: false });
    return 'ok';
  }

  #set(entry: Entry, changes: Partial<StoredJob>): void {
    entry.job = { ...entry.job, ...changes, updatedAt: this.#now() };
  }
}
