/**
 * The job queue on BullMQ: its queues keep order and locks, one queue a kind; what people see of a
 * job is a hash beside it, since BullMQ knows no cancelled jobs and forgets who worked. A lock is a
 * lease and its token the fence. Where a crash came between the two, `sweep` believes BullMQ.
 */
import { Job, Queue, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { messageOf } from '#shared/base/errors.ts';
import { JobKind, type JobState } from '#shared/contracts/api-jobs.ts';
import {
  afterLoss,
  type ClaimRequest,
  type JobQuery,
  type JobQueue,
  type LeaseLost,
  type NewJob,
  type StoredJob,
} from './job-port.ts';
import { UnavailableError } from './ports.ts';
import { onRedis } from './redis-connection.ts';
import { RedisJobRecords } from './redis-job-records.ts';

/** Time BullMQ may take for one operation before its Redis counts as away. */
const OPERATION_MS = 3000;
/** Lock of a job until its lease is set: as long as a server that dies in between holds it. */
const TAKE_LOCK_MS = 5000;
/** Time a sweeper holds a job it found without a lock. */
const SWEEP_LOCK_MS = 5000;

export interface BullJobsOptions {
  /** For commands; fails at once when Redis is away. */
  redis: Redis;
  /** For BullMQ's own use; waits. */
  connection: Redis;
  now: () => number;
  newFence: () => string;
  /** Of all keys and queues. @default {esper} */
  prefix?: string;
  /** What BullMQ keeps of ended jobs, for each kind. @default {a day, 1000} */
  keepEnded?: KeepEnded;
}

export interface KeepEnded {
  /** Seconds. */
  age: number;
  count: number;
}

/**
 * The records beside BullMQ keep every job. Its own copy of an ended one is only needed until the
 * next look for lost jobs, a second later, if the server died between the two.
 */
const KEEP_ENDED: KeepEnded = { age: 24 * 3600, count: 1000 };

interface Kind {
  queue: Queue;
  worker: Worker;
}

export class BullJobQueue implements JobQueue {
  #o: BullJobsOptions;
  #records: RedisJobRecords;
  #kinds = new Map<JobKind, Kind>();

  constructor(options: BullJobsOptions) {
    this.#o = options;
    this.#records = new RedisJobRecords(options.redis, options.prefix ?? 'esper', options.now);
    for (const kind of JobKind.options) {
      const shared = { connection: options.connection, prefix: this.#records.bullPrefix };
      const queue = new Queue(kind, shared);
      // Without a processor: jobs are fetched one by one, when somebody asks.
      const lockDuration = TAKE_LOCK_MS;
      const worker = new Worker(kind, undefined, { ...shared, autorun: false, lockDuration });
      queue.on('error', () => undefined);
      worker.on('error', () => undefined);
      this.#kinds.set(kind, { queue, worker });
    }
  }

  async enqueue(job: NewJob): Promise<'created' | 'exists'> {
    return await this.#limited(async () => {
      if (await this.#records.create(job)) {
        await this.#add(job);
        return 'created';
      }
      // A crash may have come before it was added. BullMQ may have forgotten one that has ended,
      // and would take it for new.
      if ((await this.#records.read(job.id))?.state === 'queued') await this.#add(job);
      return 'exists';
    });
  }

  async claim({ kinds, worker, leaseMs }: ClaimRequest) {
    return await this.#limited(async () => {
      await this.#sweepLost();
      for (const kind of kinds) {
        for (;;) {
          const fence = this.#o.newFence();
          const bull = await this.#kind(kind).worker.getNextJob(fence, { block: false });
          if (!bull?.id) break;
          const job = await this.#records.read(bull.id);
          // Cancelled while it waited, or added twice by a crash.
          if (job?.state !== 'queued') {
            await bull.moveToFailed(new UnrecoverableError('not wanted'), fence, false);
            continue;
          }
          await bull.extendLock(fence, leaseMs);
          const changes = { worker, progress: '', error: '' };
          await this.#records.setState(job, 'running', changes, 1);
          const tries = job.tries + 1;
          const taken = { state: 'running' as const, tries, worker, progress: null, error: null };
          return { job: { ...job, ...taken, updatedAt: this.#o.now() }, fence };
        }
      }
      return null;
    });
  }

  async renew(id: string, fence: string, leaseMs: number, progress: string | null) {
    return await this.#held(id, fence, async (bull, job) => {
      if ((await bull.extendLock(fence, leaseMs)) !== 1) return 'lost';
      const changes = progress === null ? {} : { progress };
      await this.#records.set(id, { ...changes, updatedAt: this.#o.now() });
      return { cancelRequested: job.cancelRequested };
    });
  }

  async holds(id: string, fence: string): Promise<boolean> {
    return (await this.#held(id, fence, async () => true)) === true;
  }

  async complete(id: string, fence: string, result: string): Promise<'ok' | LeaseLost> {
    return await this.#held(id, fence, (bull, job) =>
      this.#end(bull, job, fence, 'done', '', result),
    );
  }

  async fail(id: string, fence: string, error: string, retryable: boolean) {
    return await this.#held(id, fence, (bull, job) => {
      const again = retryable && job.tries < job.maxTries && !job.cancelRequested;
      const state = job.cancelRequested ? 'cancelled' : again ? 'queued' : 'dead';
      return this.#end(bull, job, fence, state, error, '');
    });
  }

  async release(id: string, fence: string, cancelled: boolean) {
    return await this.#held(id, fence, async (bull, job) => {
      const isCancelled = cancelled || job.cancelRequested;
      const tries = isCancelled ? 0 : -1;
      return await this.#end(bull, job, fence, isCancelled ? 'cancelled' : 'queued', '', '', tries);
    });
  }

  async cancel(id: string): Promise<StoredJob | null> {
    return await this.#limited(async () => {
      const job = await this.#records.read(id);
      if (!job) return null;
      if (job.state === 'queued') await this.#records.setState(job, 'cancelled', {});
      else if (job.state === 'running') await this.#records.set(id, { cancel: 1 });
      return await this.#records.read(id);
    });
  }

  async retry(id: string): Promise<StoredJob | null> {
    return await this.#limited(async () => {
      const job = await this.#records.read(id);
      if (!job) return null;
      if (job.state !== 'dead' && job.state !== 'cancelled') return job;
      const start = { tries: 0, error: '', progress: '', cancel: 0 };
      await this.#records.setState(job, 'queued', start);
      const { queue } = this.#kind(job.kind);
      const bull = await queue.getJob(id);
      // One that was cancelled while it waited is in the queue still.
      if (bull && (await bull.isFailed())) await bull.remove();
      await this.#add(job);
      return await this.#records.read(id);
    });
  }

  async get(id: string): Promise<StoredJob | null> {
    return await this.#limited(() => this.#records.read(id));
  }

  async list({ before, limit, state, kind }: JobQuery): Promise<StoredJob[]> {
    return await this.#limited(async () => {
      const found: StoredJob[] = [];
      let from = before;
      for (;;) {
        const { jobs, next } = await this.#records.page(state, from, Math.min(200, limit));
        for (const job of jobs) {
          if (kind === undefined || job.kind === kind) found.push(job);
          if (found.length >= limit) return found;
        }
        if (next === null) return found;
        from = next;
      }
    });
  }

  async counts(): Promise<Record<JobState, number>> {
    return await this.#limited(() => this.#records.counts());
  }

  async sweep(): Promise<number> {
    return await this.#limited(() => this.#sweepLost());
  }

  async close(): Promise<void> {
    for (const { queue, worker } of this.#kinds.values()) {
      await worker.close(true).catch(() => undefined);
      await queue.close().catch(() => undefined);
    }
  }

  /** Jobs that run without a lock: their worker is gone, or a crash came before the last word. */
  async #sweepLost(): Promise<number> {
    let moved = 0;
    for (const id of await this.#records.lost()) {
      const job = await this.#records.read(id);
      if (!job) continue;
      const { queue } = this.#kind(job.kind);
      const token = `sweep-${this.#o.newFence()}`;
      const lock = `${queue.toKey(id)}:lock`;
      // Whoever sets the lock is the one that moves the job.
      if ((await this.#o.redis.set(lock, token, 'PX', SWEEP_LOCK_MS, 'NX')) !== 'OK') continue;
      const bull = await queue.getJob(id);
      const place = bull ? await bull.getState() : 'unknown';
      if (bull && place === 'active') await this.#endLost(bull, job, token);
      else {
        await this.#o.redis.del(lock);
        if (job.state !== 'running') continue;
        const result = bull?.returnvalue ? String(bull.returnvalue) : '';
        const state = place === 'completed' ? 'done' : place === 'failed' ? 'dead' : 'queued';
        await this.#records.setState(job, state, { result });
        if (place === 'unknown') await this.#add(job);
      }
      moved++;
    }
    return moved;
  }

  async #endLost(bull: Job, job: StoredJob, token: string): Promise<void> {
    if (job.state === 'running') {
      const next = afterLoss(job);
      await this.#end(bull, job, token, next.state, next.error ?? '', '');
    } else if (job.state === 'queued') await this.#end(bull, job, token, 'queued', '', '');
    else await bull.moveToFailed(new UnrecoverableError('not wanted'), token, false);
  }

  async #held<T>(
    id: string,
    fence: string,
    work: (bull: Job, job: StoredJob) => Promise<T>,
  ): Promise<T | LeaseLost> {
    return await this.#limited(async () => {
      const found = await this.#records.readHeld(id);
      if (!found) return 'unknown';
      const { holder, job } = found;
      if (job.state !== 'running' || holder !== fence) {
        await this.#sweepLost();
        return 'lost';
      }
      const bull = await Job.fromId(this.#kind(job.kind).queue, id);
      return bull ? await work(bull, job) : 'lost';
    });
  }

  async #end(
    bull: Job,
    job: StoredJob,
    token: string,
    state: JobState,
    error: string,
    result: string,
    tries = 0,
  ): Promise<'ok' | 'lost'> {
    try {
      if (state === 'done') await bull.moveToCompleted(result, token, false);
      else {
        // A job that goes on is added anew: BullMQ would count the try its own way.
        await bull.moveToFailed(new UnrecoverableError(error || state), token, false);
      }
    } catch (thrown) {
      if (/lock/i.test(messageOf(thrown))) return 'lost';
      throw thrown;
    }
    await this.#records.setState(job, state, { error, result, cancel: 0 }, tries);
    if (state === 'queued') {
      await bull.remove();
      await this.#add(job);
    }
    return 'ok';
  }

  /** Lets a job wait in BullMQ; does nothing if it is there. */
  async #add({ id, kind }: Pick<StoredJob, 'id' | 'kind'>): Promise<void> {
    const keep = this.#o.keepEnded ?? KEEP_ENDED;
    const options = { jobId: id, attempts: 1, removeOnComplete: keep, removeOnFail: keep };
    await this.#kind(kind).queue.add(kind, {}, options);
  }

  #kind(kind: JobKind): Kind {
    const found = this.#kinds.get(kind);
    if (!found) throw new RangeError(`Cannot queue jobs of kind "${kind}"`);
    return found;
  }

  /** BullMQ waits for a Redis that is away; callers of the server must not. */
  async #limited<T>(work: () => Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new UnavailableError(`The job queue does not answer in ${OPERATION_MS} ms`)),
        OPERATION_MS,
      );
    });
    try {
      return await Promise.race([onRedis(work), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
