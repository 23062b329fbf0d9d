/**
 * One history of jobs, messages and runs under faults, made from a seed and nothing else: the clock
 * is set by hand, chance is a counter-based stream, and the database fails where the seed says, also
 * after a commit whose acknowledgement is lost. The stores are the real ones, on SQLite in memory.
 *
 * What must hold in every history: a job is one worker's at a time, is finished once, never gets
 * more tries than it has and is never lost; readers see acknowledged messages in order without gap
 * or repeat; a group gets each message until it is dealt with or dead; a run's log has no hole.
 */
import assert from 'node:assert/strict';
import { RandomStream } from '#shared/base/random.ts';
import { ManualClock } from '#shared/platform/clock.ts';
import { UnavailableError } from '../../server/storage/ports.ts';
import type { SqlDatabase, SqlRunner } from '../../server/storage/sql-database.ts';
import { SqlJobQueue } from '../../server/storage/sql-jobs.ts';
import { SqlMessageLog } from '../../server/storage/sql-messages.ts';
import { SqlMetaStore } from '../../server/storage/sql-meta-store.ts';
import { SqliteDatabase } from '../../server/storage/sqlite-database.ts';
import { steadyClock } from '../../server/storage/steady-clock.ts';

const JOBS = 5;
const STEPS = 60;
const LEASE_MS = 1000;
const TOPIC = 't';
const GROUP = 'g';

/** Fails now and then: before the work, in its middle, or after it is durable. */
class FaultyDatabase implements SqlDatabase {
  readonly forUpdate = '';
  #inner: SqlDatabase;
  #random: RandomStream;
  rate = 0;

  constructor(inner: SqlDatabase, random: RandomStream) {
    this.#inner = inner;
    this.#random = random;
  }

  #chance(): boolean {
    return this.rate > 0 && this.#random.integer(1000) < this.rate * 1000;
  }

  async #faulty<T>(work: () => Promise<T>): Promise<T> {
    if (this.#chance()) throw new UnavailableError('injected before');
    const result = await work();
    // It is done, and nobody is told.
    if (this.#chance()) throw new UnavailableError('injected after');
    return result;
  }

  get<T>(sql: string, ...values: (string | number | null)[]) {
    return this.#faulty(() => this.#inner.get<T>(sql, ...values));
  }
  all<T>(sql: string, ...values: (string | number | null)[]) {
    return this.#faulty(() => this.#inner.all<T>(sql, ...values));
  }
  run(sql: string, ...values: (string | number | null)[]) {
    return this.#faulty(() => this.#inner.run(sql, ...values));
  }
  transact<T>(lock: string | null, work: (tx: SqlRunner) => Promise<T>) {
    return this.#faulty(() =>
      this.#inner.transact(lock, async (tx) => {
        const result = await work(tx);
        if (this.#chance()) throw new UnavailableError('injected inside');
        return result;
      }),
    );
  }
  snapshot<T>(work: (tx: SqlRunner) => Promise<T>) {
    return this.#faulty(() => this.#inner.snapshot(work));
  }
  measure() {
    return this.#inner.measure();
  }
  close() {
    return this.#inner.close();
  }
}

interface Holder {
  worker: number;
  fence: string;
  /** By the simulation's own clock: the lease lasts at least, and at most, until then. */
  until: number;
  atMost: number;
  /** It handed in a result and was not told whether it was taken; all it does is ask again. */
  isUnsure: boolean;
}

/** @throws {AssertionError} If one of the promises is broken; the message names the seed. */
export async function simulate(seed: number): Promise<{ steps: number; faults: number }> {
  const random = new RandomStream(seed, 'simulation');
  const clock = new ManualClock();
  const real = new SqliteDatabase(':memory:', clock);
  const db = new FaultyDatabase(real, new RandomStream(seed, 'faults'));
  let fences = 0;
  let faults = 0;
  const open = () => {
    // A server that restarts reads the wall clock anew; a person may have set it meanwhile.
    const now = steadyClock(clock);
    return {
      jobs: new SqlJobQueue(db, now, () => `f${++fences}`),
      log: new SqlMessageLog(db, now, { maxLength: 1000, maxDeliveries: 3 }),
      meta: new SqlMetaStore(db),
    };
  };
  let server = open();
  const check = (holds: boolean, what: string) => assert.ok(holds, `seed ${seed}: ${what}`);
  /** Null: the outcome is unknown. */
  const attempt = async <T>(work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      faults++;
      return null;
    }
  };

  const ids = Array.from({ length: JOBS }, (_, n) => `j${n}`);
  const holders = new Map<string, Holder[]>();
  const finished = new Map<string, string>();
  const published: { id: string; body: string }[] = [];
  const dealtWith = new Set<string>();
  /** Acknowledged, and the answer was lost. */
  const perhaps = new Set<string>();
  const seen: string[] = [];
  let cursor: string | null = null;
  let appended = -1;
  await server.meta.runs.create({ id: 'r', body: '{}', createdAt: 0 });
  for (const id of ids) {
    await server.jobs.enqueue({ id, kind: 'compile', spec: '{}', maxTries: 3 });
  }

  const claim = async (worker: number) => {
    const kinds = ['compile'] as const;
    const request = { kinds, worker: `w${worker}`, leaseMs: LEASE_MS };
    const got = await attempt(() => server.jobs.claim(request));
    if (!got) return;
    const { job, fence } = got;
    check(!finished.has(job.id), `job ${job.id} was given out after it was done`);
    check(job.tries <= job.maxTries, `job ${job.id} got try ${job.tries}`);
    const others = (holders.get(job.id) ?? []).filter(({ until }) => until > clock.now());
    // A claim whose answer was lost holds the job too; its lease has to run out first.
    check(others.length === 0, `job ${job.id} was given to two workers at once`);
    holders.set(job.id, [
      {
        worker,
        fence,
        until: clock.now() + LEASE_MS,
        atMost: clock.now() + LEASE_MS,
        isUnsure: false,
      },
    ]);
  };
  const pickHolder = (): [string, Holder] | null => {
    const all = [...holders].flatMap(([id, list]) => list.map((h) => [id, h] as [string, Holder]));
    return all.length > 0 ? (all[random.integer(all.length)] ?? null) : null;
  };
  const renew = async () => {
    const [id, holder] = pickHolder() ?? [];
    if (!id || !holder || holder.isUnsure) return;
    const before = holder.atMost;
    const answer = await attempt(() => server.jobs.renew(id, holder.fence, LEASE_MS, null));
    // Renewed, perhaps.
    if (answer === null) holder.atMost = clock.now() + LEASE_MS;
    else if (typeof answer === 'object') {
      check(before > clock.now(), `a lease of ${id} was renewed after it ran out`);
      holder.until = clock.now() + LEASE_MS;
      holder.atMost = holder.until;
    }
  };
  const report = async () => {
    const [id, holder] = pickHolder() ?? [];
    if (!id || !holder) return;
    const kind = random.integer(3);
    const { fence } = holder;
    const result = JSON.stringify(fence);
    const answer = await attempt(() =>
      kind === 0
        ? server.jobs.fail(id, fence, 'boom', true)
        : kind === 1
          ? server.jobs.release(id, fence, false)
          : server.jobs.complete(id, fence, result),
    );
    if (answer === null) {
      // It may have been taken, and then the job is free; the worker no longer counts on it.
      holder.isUnsure = true;
      holder.until = clock.now();
      return;
    }
    if (answer !== 'ok') return;
    check(holder.atMost > clock.now() || holder.isUnsure, `a late result of ${id} was taken`);
    holders.delete(id);
    if (kind !== 2) return;
    check(!finished.has(id), `job ${id} was finished twice`);
    finished.set(id, result);
  };
  const publish = async () => {
    const body = JSON.stringify(published.length);
    const id = await attempt(() => server.log.publish(TOPIC, '', body));
    published.push({ id: id ?? '', body });
  };
  const readOn = async () => {
    const page = await attempt(() => server.log.read(TOPIC, cursor, 1 + random.integer(4)));
    for (const { id, body } of page ?? []) {
      check(cursor === null || Number(id) > Number(cursor), `message ${id} came after ${cursor}`);
      cursor = id;
      seen.push(body);
    }
  };
  const receive = async () => {
    const request = { consumer: `c${random.integer(3)}`, limit: 2, leaseMs: LEASE_MS };
    const given = await attempt(() => server.log.receive(TOPIC, GROUP, request));
    for (const { id, deliveries } of given ?? []) {
      check(!dealtWith.has(id), `message ${id} was delivered after it was dealt with`);
      check(deliveries <= 3, `message ${id} was delivered ${deliveries} times`);
    }
    const [first] = given ?? [];
    if (!first || random.integer(2) === 0) return;
    const count = await attempt(() => server.log.acknowledge(TOPIC, GROUP, [first.id]));
    if (count === 1) dealtWith.add(first.id);
    if (count === null) perhaps.add(first.id);
  };
  const append = async () => {
    // From somewhere before the end: sent again, or overlapping.
    const from = Math.max(0, appended + 1 - random.integer(3));
    const events = Array.from({ length: 1 + random.integer(4) }, (_, i) => ({
      seq: from + i,
      body: `{"seq":${from + i}}`,
      isFinish: false,
    }));
    const request = { events, rewindTo: null, now: 0 };
    const answer = await attempt(() => server.meta.runs.append('r', request));
    if (answer === null) {
      db.rate = 0;
      appended = (await server.meta.runs.get('r'))?.acceptedThrough ?? -1;
      return;
    }
    check(answer.outcome === 'accepted', `an append was answered with ${answer.outcome}`);
    if (answer.outcome === 'accepted') appended = answer.acceptedThrough;
  };

  const rate = random.integer(4) === 0 ? 0 : 0.02 + random.integer(15) / 100;
  for (let step = 0; step < STEPS; step++) {
    db.rate = rate;
    switch (random.integer(11)) {
      case 0:
      case 1:
        await claim(random.integer(3));
        break;
      case 2:
        await renew();
        break;
      case 3:
        await report();
        break;
      case 4:
        await publish();
        break;
      case 5:
        await readOn();
        break;
      case 6:
        await receive();
        break;
      case 7:
        await append();
        break;
      case 8:
        await clock.advance(random.integer(LEASE_MS * 1.5));
        break;
      case 9:
        await attempt(() => server.jobs.sweep());
        break;
      default:
        if (random.integer(3) > 0) break;
        // An hour to and fro while it runs moves nothing.
        clock.shiftWallTime(3_600_000);
        clock.shiftWallTime(-3_600_000);
        server = open();
    }
  }

  // Calm weather: everything comes to its end.
  db.rate = 0;
  for (let round = 0; round < JOBS * 4; round++) {
    await clock.advance(LEASE_MS + 1);
    await server.jobs.sweep();
    holders.clear();
    const got = await server.jobs.claim({ kinds: ['compile'], worker: 'last', leaseMs: LEASE_MS });
    if (!got) continue;
    check(!finished.has(got.job.id), `job ${got.job.id} was given out after it was done`);
    const answer = await server.jobs.complete(got.job.id, got.fence, '"end"');
    check(answer === 'ok', `the last result was answered with ${answer}`);
    finished.set(got.job.id, '"end"');
  }
  for (const id of ids) {
    const job = await server.jobs.get(id);
    check(job?.state === 'done' || job?.state === 'dead', `job ${id} ended as ${job?.state}`);
    check((job?.tries ?? 9) <= 3, `job ${id} had ${job?.tries} tries`);
    if (!finished.has(id)) continue;
    check(job?.state === 'done', `job ${id} was finished and is ${job?.state}`);
    check(job?.result === finished.get(id), `job ${id} has another result`);
  }
  const kept = await server.log.read(TOPIC, null, 1000);
  const bodies = kept.map(({ body }) => body);
  for (const { id, body } of published) {
    if (id !== '') check(bodies.includes(body), `message ${body} was acknowledged and is gone`);
  }
  const rest = await server.log.read(TOPIC, cursor, 1000);
  assert.deepEqual(
    [...seen, ...rest.map(({ body }) => body)],
    bodies,
    `seed ${seed}: what a reader saw`,
  );
  for (let round = 0; round < 8; round++) {
    await clock.advance(LEASE_MS + 1);
    await server.log.receive(TOPIC, GROUP, { consumer: 'last', limit: 100, leaseMs: LEASE_MS });
  }
  const dead = new Set((await server.log.dead(TOPIC, GROUP, 1000)).map(({ id }) => id));
  for (const { id } of kept) {
    check(dead.has(id) || dealtWith.has(id) || perhaps.has(id), `message ${id} was lost`);
    check(!(dead.has(id) && dealtWith.has(id)), `message ${id} is dead and was dealt with`);
  }
  const run = await server.meta.runs.read('r', -1, 1000);
  assert.deepEqual(
    run?.events.map(({ seq }) => seq),
    Array.from({ length: appended + 1 }, (_, i) => i),
    `seed ${seed}: the run's log`,
  );
  await db.close();
  return { steps: STEPS, faults };
}
