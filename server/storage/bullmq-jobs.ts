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
  NO_JOBS,
  type StoredJob,
} from './job-port.ts';
import { UnavailableError } from './ports.ts';
import { onRedis } from './redis-connection.ts';

const STATES = Object.keys(NO_JOBS) as JobState[];
/** Time BullMQ may take for one operation before its Redis counts as away. */
const OPERATION_MS = 3000;
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
}

interface Kind {
  queue: Queue;
  worker: Worker;
}

export class BullJobQueue implements JobQueue {
  #o: BullJobsOptions;
  #prefix: string;
  #kinds = new Map<JobKind, Kind>();

  constructor(options: BullJobsOptions) {
    this.#o = options;
    this.#prefix = options.prefix ?? 'esper';
    for (const kind of JobKind.options) {
      const shared = { connection: options.connection, prefix: `${this.#prefix}:bull` };
      const queue = new Queue(kind, shared);
      // Without a processor: jobs are fetched one by one, when somebody asks.
      const worker = new Worker(kind, undefined, { ...shared, autorun: false });
      queue.on('error', () => undefined);
      worker.on('error', () => undefined);
      this.#kinds.set(kind, { queue, worker });
    }
  }

  async enqueue(job: NewJob): Promise<'created' | 'exists'> {
    return await this.#limited(async () => {
      const { redis, now } = this.#o;
      const isNew = (await redis.hsetnx(this.#key(job.id), 'id', job.id)) === 1;
      if (isNew) {
        const position = await redis.incr(`${this.#prefix}:jobs:position`);
        const { kind, spec, maxTries } = job;
        const time = now();
        const start = { kind, spec, maxTries, position, tries: 0, createdAt: time };
        await redis.hset(this.#key(job.id), start);
        await redis.zadd(`${this.#prefix}:jobs`, position, job.id);
        await this.#setState(job.id, position, 'queued', {});
      }
      // Also for a job that is known: a crash may have come before this.
      await this.#kind(job.kind).queue.add(job.kind, {}, { jobId: job.id, attempts: 1 });
      return isNew ? 'created' : 'exists';
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
          const job = await this.#read(bull.id);
          // Cancelled while it waited, or added twice by a crash.
          if (job?.state !== 'queued') {
            await bull.moveToFailed(new UnrecoverableError('not wanted'), fence, false);
            continue;
          }
          await bull.extendLock(fence, leaseMs);
          const tries = await this.#o.redis.hincrby(this.#key(job.id), 'tries', 1);
          const changes = { worker, progress: '', error: '' };
          await this.#setState(job.id, job.position, 'running', changes);
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
      await this.#o.redis.hset(this.#key(id), { ...changes, updatedAt: this.#o.now() });
      return { cancelRequested: job.cancelRequested };
    });
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
      if (!isCancelled) await this.#o.redis.hincrby(this.#key(id), 'tries', -1);
      return await this.#end(bull, job, fence, isCancelled ? 'cancelled' : 'queued', '', '');
    });
  }

  async cancel(id: string): Promise<StoredJob | null> {
    return await this.#limited(async () => {
      const job = await this.#read(id);
      if (!job) return null;
      if (job.state === 'queued') await this.#setState(id, job.position, 'cancelled', {});
      else if (job.state === 'running') await this.#o.redis.hset(this.#key(id), 'cancel', 1);
      return await this.#read(id);
    });
  }

  async retry(id: string): Promise<StoredJob | null> {
    return await this.#limited(async () => {
      const job = await this.#read(id);
      if (!job) return null;
      if (job.state !== 'dead' && job.state !== 'cancelled') return job;
      await this.#o.redis.hset(this.#key(id), { tries: 0 });
      await this.#setState(id, job.position, 'queued', { error: '', progress: '', cancel: 0 });
      const { queue } = this.#kind(job.kind);
      const bull = await queue.getJob(id);
      // One that was cancelled while it waited is in the queue still.
      if (bull && (await bull.isFailed())) await bull.remove();
      await queue.add(job.kind, {}, { jobId: id, attempts: 1 });
      return await this.#read(id);
    });
  }

  async get(id: string): Promise<StoredJob | null> {
    return await this.#limited(() => this.#read(id));
  }

  async list({ before, limit, state, kind }: JobQuery): Promise<StoredJob[]> {
    return await this.#limited(async () => {
      const key = state ? this.#stateKey(state) : `${this.#prefix}:jobs`;
      const found: StoredJob[] = [];
      let from = before === null ? '+inf' : `(${before}`;
      for (;;) {
        const page = ['LIMIT', 0, 100] as const;
        const ids = await this.#o.redis.zrevrangebyscore(key, from, '-inf', ...page);
        for (const id of ids) {
          const job = await this.#read(id);
          if (!job) continue;
          from = `(${job.position}`;
          if (kind === undefined || job.kind === kind) found.push(job);
          if (found.length >= limit) return found;
        }
        if (ids.length < 100) return found;
      }
    });
  }

  async counts(): Promise<Record<JobState, number>> {
    return await this.#limited(async () => {
      const counts = { ...NO_JOBS };
      for (const state of STATES) counts[state] = await this.#o.redis.zcard(this.#stateKey(state));
      return counts;
    });
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
    for (const id of await this.#o.redis.zrange(this.#stateKey('running'), '0', '99')) {
      const job = await this.#read(id);
      if (job?.state !== 'running') continue;
      const { queue } = this.#kind(job.kind);
      const token = `sweep-${this.#o.newFence()}`;
      const lock = `${queue.toKey(id)}:lock`;
      // Whoever sets the lock is the one that moves the job.
      if ((await this.#o.redis.set(lock, token, 'PX', SWEEP_LOCK_MS, 'NX')) !== 'OK') continue;
      const bull = await queue.getJob(id);
      const place = bull ? await bull.getState() : 'unknown';
      if (bull && place === 'active') {
        const next = afterLoss(job);
        await this.#end(bull, job, token, next.state, next.error ?? '', '');
      } else {
        await this.#o.redis.del(lock);
        const result = bull?.returnvalue ? String(bull.returnvalue) : '';
        const state = place === 'completed' ? 'done' : place === 'failed' ? 'dead' : 'queued';
        await this.#setState(id, job.position, state, { result });
        if (place === 'unknown') await queue.add(job.kind, {}, { jobId: id, attempts: 1 });
      }
      moved++;
    }
    return moved;
  }

  async #held<T>(
    id: string,
    fence: string,
    work: (bull: Job, job: StoredJob) => Promise<T>,
  ): Promise<T | LeaseLost> {
    return await this.#limited(async () => {
      await this.#sweepLost();
      const job = await this.#read(id);
      if (!job) return 'unknown';
      const { queue } = this.#kind(job.kind);
      const holder = await this.#o.redis.get(`${queue.toKey(id)}:lock`);
      if (job.state !== 'running' || holder !== fence) return 'lost';
      const bull = await Job.fromId(queue, id);
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
    await this.#setState(job.id, job.position, state, { error, result, cancel: 0 });
    if (state === 'queued') {
      await bull.remove();
      await this.#kind(job.kind).queue.add(job.kind, {}, { jobId: job.id, attempts: 1 });
    }
    return 'ok';
  }

  async #read(id: string): Promise<StoredJob | null> {
    const row = await this.#o.redis.hgetall(this.#key(id));
    const { kind, spec, state, position } = row;
    if (!kind || !spec || !state || !position) return null;
    return {
      id,
      kind: kind as JobKind,
      spec,
      state: state as JobState,
      position: Number(position),
      maxTries: Number(row['maxTries']),
      tries: Number(row['tries']),
      worker: row['worker'] || null,
      progress: row['progress'] || null,
      result: row['result'] || null,
      error: row['error'] || null,
      cancelRequested: row['cancel'] === '1',
      createdAt: Number(row['createdAt']),
      updatedAt: Number(row['updatedAt']),
    };
  }

  async #setState(
    id: string,
    position: number,
    state: JobState,
    changes: Record<string, string | number>,
  ): Promise<void> {
    const all = this.#o.redis.multi();
    all.hset(this.#key(id), { ...changes, state, updatedAt: this.#o.now() });
    for (const other of STATES) if (other !== state) all.zrem(this.#stateKey(other), id);
    all.zadd(this.#stateKey(state), position, id);
    await all.exec();
  }

  #kind(kind: JobKind): Kind {
    const found = this.#kinds.get(kind);
    if (!found) throw new RangeError(`Cannot queue jobs of kind "${kind}"`);
    return found;
  }

  #key(id: string): string {
    return `${this.#prefix}:job:${id}`;
  }

  #stateKey(state: JobState): string {
    return `${this.#prefix}:jobs:${state}`;
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
