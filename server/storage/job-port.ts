/**
 * What the server needs from a job queue. Adapters: sql-jobs.ts, memory-jobs.ts, bullmq-jobs.ts;
 * tests/server/job-queue-contract.ts holds them to the promises made here.
 *
 * One worker holds a job at a time, for as long as it renews its lease. A claim gives a fence, and
 * whatever a worker says without the current fence is refused: its lease ran out and the job may be
 * another's. A job gets `maxTries` claims; one that fails or is lost on its last is dead.
 */
import type { JobKind, JobState } from '#shared/contracts/api-jobs.ts';

export interface NewJob {
  id: string;
  kind: JobKind;
  /** JSON. */
  spec: string;
  maxTries: number;
}

export interface StoredJob extends NewJob {
  /** Rises with every new job; the key of pagination. */
  position: number;
  state: JobState;
  tries: number;
  worker: string | null;
  /** JSON. */
  progress: string | null;
  /** JSON. */
  result: string | null;
  error: string | null;
  cancelRequested: boolean;
  createdAt: number;
  updatedAt: number;
}

export interface ClaimRequest {
  kinds: readonly JobKind[];
  worker: string;
  leaseMs: number;
}

export interface JobQuery {
  /** Newest first: jobs at a lower position; null: from the newest. */
  before: number | null;
  limit: number;
  state?: JobState | undefined;
  kind?: JobKind | undefined;
}

/** What a worker that lost its lease is told; `unknown`: there is no such job. */
export type LeaseLost = 'lost' | 'unknown';

export interface JobQueue {
  /** Stores the job unless one of that id is there, whatever became of it. */
  enqueue(job: NewJob): Promise<'created' | 'exists'>;
  /** The oldest job that waits, or null. Expired leases count as waiting. */
  claim(request: ClaimRequest): Promise<{ job: StoredJob; fence: string } | null>;
  /** Starts the lease anew. */
  renew(
    id: string,
    fence: string,
    leaseMs: number,
    progress: string | null,
  ): Promise<{ cancelRequested: boolean } | LeaseLost>;
  /** Whether the fence is the current one and its lease has not run out. */
  holds(id: string, fence: string): Promise<boolean>;
  complete(id: string, fence: string, result: string): Promise<'ok' | LeaseLost>;
  /** Back to the queue, or dead: on the last try, or where another would fail the same way. */
  fail(id: string, fence: string, error: string, retryable: boolean): Promise<'ok' | LeaseLost>;
  /** Back to the queue without counting the try; or cancelled, if somebody asked for that. */
  release(id: string, fence: string, cancelled: boolean): Promise<'ok' | LeaseLost>;
  /** A waiting job is cancelled at once, a running one when its worker hears of it. */
  cancel(id: string): Promise<StoredJob | null>;
  /** Gives a dead or cancelled job its tries back; others stay as they are. */
  retry(id: string): Promise<StoredJob | null>;
  get(id: string): Promise<StoredJob | null>;
  list(query: JobQuery): Promise<StoredJob[]>;
  counts(): Promise<Record<JobState, number>>;
  /**
   * Puts jobs whose lease ran out back, and sets those aside that have no try left. `claim` does the
   * same for what it meets; this is for jobs nobody asks for.
   *
   * @returns Jobs moved.
   */
  sweep(): Promise<number>;
  close(): Promise<void>;
}

export const NO_JOBS: Readonly<Record<JobState, number>> = {
  queued: 0,
  running: 0,
  done: 0,
  dead: 0,
  cancelled: 0,
};

/** Where a job goes whose worker went away. */
export function afterLoss(job: { tries: number; maxTries: number; cancelRequested: boolean }) {
  if (job.cancelRequested) return { state: 'cancelled' as const, error: null };
  if (job.tries < job.maxTries) return { state: 'queued' as const, error: 'the worker went away' };
  return {
    state: 'dead' as const,
    error: `the worker went away on try ${job.tries} of ${job.maxTries}`,
  };
}
