/**
 * What people see of a job: a Redis hash each, and sorted sets that keep jobs by state in the order
 * of their coming. Each change is one round trip: with `appendfsync always` it is one wait for the
 * disk as well.
 */
import type { Redis } from 'ioredis';
import { JobKind, type JobState } from '#shared/contracts/api-jobs.ts';
import { type NewJob, NO_JOBS, type StoredJob } from './job-port.ts';

const STATES = Object.keys(NO_JOBS) as JobState[];
/** Running jobs that one look for lost ones takes in. */
const MOST_RUNNING = 1000;

/** KEYS: hash, counter, all jobs, queued jobs. ARGV: id, time, then fields and values. */
const CREATE = `
if redis.call('HSETNX', KEYS[1], 'id', ARGV[1]) == 0 then return 0 end
local position = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], 'position', position, 'state', 'queued', 'tries', 0,
  'createdAt', ARGV[2], 'updatedAt', ARGV[2], unpack(ARGV, 3))
redis.call('ZADD', KEYS[3], position, ARGV[1])
redis.call('ZADD', KEYS[4], position, ARGV[1])
return 1`;

/**
 * KEYS: running jobs. ARGV: prefix of the hashes, prefix of BullMQ's keys, how many, then kinds.
 * BullMQ's lists of active jobs are looked at too: a server that died right after it took one never
 * wrote that it runs.
 */
const LOST = `
local lost = {}
local seen = {}
local function look(id, kind)
  if seen[id] or redis.call('EXISTS', ARGV[2] .. kind .. ':' .. id .. ':lock') == 1 then return end
  seen[id] = true
  lost[#lost + 1] = id
end
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, ARGV[3] - 1)) do
  local kind = redis.call('HGET', ARGV[1] .. id, 'kind')
  if kind then look(id, kind) end
end
for i = 4, #ARGV do
  for _, id in ipairs(redis.call('LRANGE', ARGV[2] .. ARGV[i] .. ':active', 0, ARGV[3] - 1)) do
    look(id, ARGV[i])
  end
end
return lost`;

/** KEYS: hash. ARGV: id, prefix of BullMQ's keys. The hash, and who holds the lock. */
const HELD = `
local kind = redis.call('HGET', KEYS[1], 'kind')
if not kind then return false end
local holder = redis.call('GET', ARGV[2] .. kind .. ':' .. ARGV[1] .. ':lock')
return { redis.call('HGETALL', KEYS[1]), holder or '' }`;

export class RedisJobRecords {
  #redis: Redis;
  #prefix: string;
  #now: () => number;

  constructor(redis: Redis, prefix: string, now: () => number) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#now = now;
  }

  /** Prefix of BullMQ's own keys. */
  get bullPrefix(): string {
    return `${this.#prefix}:bull`;
  }

  /** @returns False if one of that id is there. */
  async create({ id, kind, spec, maxTries }: NewJob): Promise<boolean> {
    const keys = [this.#key(id), `${this.#prefix}:jobs:position`, this.#all, this.#of('queued')];
    const fields = ['kind', kind, 'spec', spec, 'maxTries', maxTries];
    return (await this.#redis.eval(CREATE, keys.length, ...keys, id, this.#now(), ...fields)) === 1;
  }

  async read(id: string): Promise<StoredJob | null> {
    return parse(await this.#redis.hgetall(this.#key(id)));
  }

  /** The job and the token of its lock, in one look; null: there is no such job. */
  async readHeld(id: string): Promise<{ job: StoredJob; holder: string } | null> {
    const found = await this.#redis.eval(HELD, 1, this.#key(id), id, `${this.bullPrefix}:`);
    if (!Array.isArray(found)) return null;
    const [fields, holder] = found as [string[], string];
    const row: Record<string, string> = {};
    for (let i = 0; i + 1 < fields.length; i += 2) row[fields[i]!] = fields[i + 1]!;
    const job = parse(row);
    return job && { job, holder };
  }

  /** Ids of jobs that run, or that BullMQ believes to run, without a lock. */
  async lost(): Promise<string[]> {
    const prefixes = [`${this.#prefix}:job:`, `${this.bullPrefix}:`];
    const last = [MOST_RUNNING, ...JobKind.options];
    return (await this.#redis.eval(LOST, 1, this.#of('running'), ...prefixes, ...last)) as string[];
  }

  /** Newest first, a page of a state or of all; with the last position that was looked at. */
  async page(
    state: JobState | undefined,
    before: number | null,
    size: number,
  ): Promise<{ jobs: StoredJob[]; next: number | null }> {
    const key = state ? this.#of(state) : this.#all;
    const from = before === null ? '+inf' : `(${before}`;
    const limit = ['LIMIT', 0, size, 'WITHSCORES'] as const;
    const found = await this.#redis.zrevrangebyscore(
      ...([key, from, '-inf', ...limit] as unknown as [string, string, string, 'WITHSCORES']),
    );
    if (found.length === 0) return { jobs: [], next: null };
    const rows = this.#redis.pipeline();
    for (let i = 0; i < found.length; i += 2) rows.hgetall(this.#key(found[i]!));
    const jobs: StoredJob[] = [];
    for (const [error, row] of (await rows.exec()) ?? []) {
      if (error) throw error;
      const job = parse(row as Record<string, string>);
      if (job) jobs.push(job);
    }
    return { jobs, next: found.length < 2 * size ? null : Number(found.at(-1)) };
  }

  async counts(): Promise<Record<JobState, number>> {
    const all = this.#redis.pipeline();
    for (const state of STATES) all.zcard(this.#of(state));
    const counts = { ...NO_JOBS };
    for (const [i, [error, count]] of ((await all.exec()) ?? []).entries()) {
      if (error) throw error;
      counts[STATES[i]!] = count as number;
    }
    return counts;
  }

  async set(id: string, fields: Record<string, string | number>): Promise<void> {
    await this.#redis.hset(this.#key(id), fields);
  }

  /** @param tries Added to the job's tries. */
  async setState(
    { id, position }: Pick<StoredJob, 'id' | 'position'>,
    state: JobState,
    changes: Record<string, string | number>,
    tries = 0,
  ): Promise<void> {
    const all = this.#redis.multi();
    all.hset(this.#key(id), { ...changes, state, updatedAt: this.#now() });
    if (tries !== 0) all.hincrby(this.#key(id), 'tries', tries);
    for (const other of STATES) if (other !== state) all.zrem(this.#of(other), id);
    all.zadd(this.#of(state), position, id);
    await all.exec();
  }

  get #all(): string {
    return `${this.#prefix}:jobs`;
  }

  #key(id: string): string {
    return `${this.#prefix}:job:${id}`;
  }

  #of(state: JobState): string {
    return `${this.#prefix}:jobs:${state}`;
  }
}

function parse(row: Record<string, string>): StoredJob | null {
  const { id, kind, spec, state, position } = row;
  if (!id || !kind || !spec || !state || !position) return null;
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
