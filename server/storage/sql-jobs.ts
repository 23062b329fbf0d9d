/**
 * The job queue in an SQL table. Lease times are those of a clock that never jumps while the server
 * runs; a lease that ends later than it could have been given for was written under another clock,
 * and counts as over.
 */
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
import type { SqlDatabase, SqlRunner, SqlValue } from './sql-database.ts';

const JOB = `SELECT position, id, kind, spec, max_tries AS "maxTries", state, tries, worker, progress,
  result, error, cancel_requested AS "cancelFlag", created_at AS "createdAt",
  updated_at AS "updatedAt", fence FROM jobs`;

type JobRow = Omit<StoredJob, 'cancelRequested'> & { cancelFlag: number; fence: string | null };

export class SqlJobQueue implements JobQueue {
  #db: SqlDatabase;
  #now: () => number;
  #newFence: () => string;

  /** @param now Milliseconds since 1970 by a clock that does not jump: storage/steady-clock.ts. */
  constructor(db: SqlDatabase, now: () => number, newFence: () => string) {
    this.#db = db;
    this.#now = now;
    this.#newFence = newFence;
  }

  async enqueue({ id, kind, spec, maxTries }: NewJob): Promise<'created' | 'exists'> {
    const now = this.#now();
    const changes = await this.#db.transact('jobs', (tx) =>
      tx.run(
        `INSERT INTO jobs (id, kind, spec, max_tries, state, created_at, updated_at)
         VALUES (?, ?, ?, ?, 'queued', ?, ?) ON CONFLICT (id) DO NOTHING`,
        id,
        kind,
        spec,
        maxTries,
        now,
        now,
      ),
    );
    return changes === 1 ? 'created' : 'exists';
  }

  async claim({ kinds, worker, leaseMs }: ClaimRequest) {
    const marks = kinds.map(() => '?').join(', ');
    return await this.#db.transact('job-claims', async (tx) => {
      await this.#expire(tx);
      const next = await tx.get<{ position: number }>(
        `SELECT position FROM jobs WHERE state = 'queued' AND kind IN (${marks})
         ORDER BY position LIMIT 1${this.#db.forUpdate}`,
        ...kinds,
      );
      if (!next) return null;
      const fence = this.#newFence();
      const now = this.#now();
      await tx.run(
        `UPDATE jobs SET state = 'running', tries = tries + 1, worker = ?, fence = ?, lease_ms = ?,
           lease_until = ?, progress = NULL, updated_at = ? WHERE position = ?`,
        worker,
        fence,
        leaseMs,
        now + leaseMs,
        now,
        next.position,
      );
      const row = await tx.get<JobRow>(`${JOB} WHERE position = ?`, next.position);
      return row ? { job: present(row), fence } : null;
    });
  }

  async renew(id: string, fence: string, leaseMs: number, progress: string | null) {
    return await this.#held(id, fence, async (tx, job) => {
      const now = this.#now();
      await tx.run(
        `UPDATE jobs SET lease_ms = ?, lease_until = ?, progress = coalesce(?, progress),
           updated_at = ? WHERE position = ?`,
        leaseMs,
        now + leaseMs,
        progress,
        now,
        job.position,
      );
      return { cancelRequested: job.cancelFlag === 1 };
    });
  }

  async holds(id: string, fence: string): Promise<boolean> {
    return (await this.#held(id, fence, async () => true)) === true;
  }

  async complete(id: string, fence: string, result: string): Promise<'ok' | LeaseLost> {
    return await this.#held(id, fence, (tx, job) => this.#end(tx, job, 'done', null, result));
  }

  async fail(id: string, fence: string, error: string, retryable: boolean) {
    return await this.#held(id, fence, (tx, job) => {
      const again = retryable && job.tries < job.maxTries && job.cancelFlag === 0;
      const state = job.cancelFlag === 1 ? 'cancelled' : again ? 'queued' : 'dead';
      return this.#end(tx, job, state, error, null);
    });
  }

  async release(id: string, fence: string, cancelled: boolean) {
    return await this.#held(id, fence, async (tx, job) => {
      const isCancelled = cancelled || job.cancelFlag === 1;
      if (!isCancelled) {
        await tx.run('UPDATE jobs SET tries = tries - 1 WHERE position = ?', job.position);
      }
      return await this.#end(tx, job, isCancelled ? 'cancelled' : 'queued', null, null);
    });
  }

  async cancel(id: string): Promise<StoredJob | null> {
    return await this.#changed(id, async (tx, job) => {
      if (job.state === 'queued') await this.#end(tx, job, 'cancelled', null, null);
      else if (job.state === 'running') {
        await tx.run('UPDATE jobs SET cancel_requested = 1 WHERE position = ?', job.position);
      }
    });
  }

  async retry(id: string): Promise<StoredJob | null> {
    return await this.#changed(id, async (tx, job) => {
      if (job.state !== 'dead' && job.state !== 'cancelled') return;
      await tx.run(
        `UPDATE jobs SET state = 'queued', tries = 0, error = NULL, progress = NULL,
           cancel_requested = 0, updated_at = ? WHERE position = ?`,
        this.#now(),
        job.position,
      );
    });
  }

  async get(id: string): Promise<StoredJob | null> {
    const row = await this.#db.get<JobRow>(`${JOB} WHERE id = ?`, id);
    return row && present(row);
  }

  async list({ before, limit, state, kind }: JobQuery): Promise<StoredJob[]> {
    const filters = ['position < ?'];
    const values: SqlValue[] = [before ?? Number.MAX_SAFE_INTEGER];
    for (const [column, value] of Object.entries({ state, kind })) {
      if (value === undefined) continue;
      filters.push(`${column} = ?`);
      values.push(value);
    }
    const where = `WHERE ${filters.join(' AND ')} ORDER BY position DESC LIMIT ?`;
    return (await this.#db.all<JobRow>(`${JOB} ${where}`, ...values, limit)).map(present);
  }

  async counts(): Promise<Record<JobState, number>> {
    const rows = await this.#db.all<{ state: JobState; n: number }>(
      'SELECT state, count(*) AS n FROM jobs GROUP BY state',
    );
    return { ...NO_JOBS, ...Object.fromEntries(rows.map(({ state, n }) => [state, n])) };
  }

  async sweep(): Promise<number> {
    return await this.#db.transact('job-claims', (tx) => this.#expire(tx));
  }

  /** The database is the MetaStore's to close. */
  async close(): Promise<void> {}

  async #expire(tx: SqlRunner): Promise<number> {
    const now = this.#now();
    const lost = await tx.all<JobRow>(
      `${JOB} WHERE state = 'running' AND (lease_until <= ? OR lease_until > ? + lease_ms)
       ${this.#db.forUpdate}`,
      now,
      now,
    );
    for (const job of lost) {
      const next = afterLoss({ ...job, cancelRequested: job.cancelFlag === 1 });
      await this.#end(tx, job, next.state, next.error, null);
    }
    return lost.length;
  }

  /** Runs `work` if the fence is the current one and its lease has not run out. */
  async #held<T>(
    id: string,
    fence: string,
    work: (tx: SqlRunner, job: JobRow) => Promise<T>,
  ): Promise<T | LeaseLost> {
    return await this.#db.transact('job-claims', async (tx) => {
      await this.#expire(tx);
      const job = await tx.get<JobRow>(`${JOB} WHERE id = ?`, id);
      if (!job) return 'unknown';
      if (job.state !== 'running' || job.fence !== fence) return 'lost';
      return await work(tx, job);
    });
  }

  async #changed(id: string, work: (tx: SqlRunner, job: JobRow) => Promise<unknown>) {
    return await this.#db.transact('job-claims', async (tx) => {
      const job = await tx.get<JobRow>(`${JOB} WHERE id = ?`, id);
      if (!job) return null;
      await work(tx, job);
      const after = await tx.get<JobRow>(`${JOB} WHERE id = ?`, id);
      return after && present(after);
    });
  }

  async #end(
    tx: SqlRunner,
    job: JobRow,
    state: JobState,
    error: string | null,
    result: string | null,
  ): Promise<'ok'> {
    await tx.run(
      `UPDATE jobs SET state = ?, error = ?, result = ?, fence = NULL, lease_until = NULL,
         cancel_requested = 0, updated_at = ? WHERE position = ?`,
      state,
      error,
      result,
      this.#now(),
      job.position,
    );
    return 'ok';
  }
}

function present({ cancelFlag, fence: _fence, ...job }: JobRow): StoredJob {
  return { ...job, cancelRequested: cancelFlag === 1 };
}
