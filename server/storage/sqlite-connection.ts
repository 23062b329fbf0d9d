/// <reference types="./node-sqlite.d.ts" />
/**
 * One connection to a SQLite file: durable settings, schema, transactions, and counts of what went
 * wrong. WAL with synchronous=FULL: a transaction that returned survives a killed process and, on
 * an honest disk, a power cut.
 */
import { stat } from 'node:fs/promises';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { InputError, messageOf, StorageFullError } from '#shared/base/errors.ts';
import type { Clock } from '#shared/platform/platform.ts';
import { MIGRATIONS } from './sqlite-schema.ts';

/** Milliseconds a writer waits for another process's transaction. */
const BUSY_TIMEOUT_MS = 5000;
const ACQUIRE_SAMPLES = 256;
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;

export class SqliteConnection {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #clock: Clock;
  readonly #statements = new Map<string, StatementSync>();
  #acquireMs: number[] = [];
  #timeouts = 0;
  #errors = 0;
  #lastErrorAt: number | null = null;
  #lastFailedAcquire: number | null = null;

  /**
   * Opens the file, creating it and its tables as needed.
   *
   * @throws {InputError} If the file is not a database, or was written by a newer version.
   */
  constructor(path: string, clock: Clock) {
    this.path = path;
    this.#clock = clock;
    try {
      this.#db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
      for (const pragma of ['journal_mode = wal', 'synchronous = full', 'foreign_keys = on']) {
        this.#db.prepare(`PRAGMA ${pragma}`).get();
      }
    } catch (error) {
      throw new InputError(
        `Cannot open the database "${path}": ${messageOf(error)}; ` +
          'choose another folder with --data or restore a backup',
      );
    }
    this.#migrate();
  }

  /** First row, or null. Values are bound by position. */
  get<T>(sql: string, ...values: (string | number | null)[]): T | null {
    return this.#counted(() => (this.#statement(sql).get(...values) as T | undefined) ?? null);
  }

  all<T>(sql: string, ...values: (string | number | null)[]): T[] {
    return this.#counted(() => this.#statement(sql).all(...values) as T[]);
  }

  /** @returns Rows changed. */
  run(sql: string, ...values: (string | number | null)[]): number {
    return this.#counted(() => Number(this.#statement(sql).run(...values).changes));
  }

  /**
   * Runs `work` in a transaction that holds the write lock from its start: one that upgrades later
   * fails as soon as another process has written, whatever the timeout.
   *
   * @throws {StorageFullError} If the disk is full; nothing of `work` remains.
   */
  transact<T>(work: () => T): T {
    const started = this.#clock.now();
    try {
      this.run('BEGIN IMMEDIATE');
    } catch (error) {
      this.#lastFailedAcquire = this.#clock.now();
      throw error;
    }
    this.#acquireMs.push(this.#clock.now() - started);
    if (this.#acquireMs.length > ACQUIRE_SAMPLES) this.#acquireMs.shift();
    try {
      const result = work();
      this.run('COMMIT');
      return result;
    } catch (error) {
      // A full disk may have rolled back already, and then there is nothing to roll back.
      try {
        this.#statement('ROLLBACK').run();
      } catch {}
      throw error;
    }
  }

  /** Quantiles and counts for DatabaseStats. */
  async measure() {
    const sorted = [...this.#acquireMs].sort((a, b) => a - b);
    const quantile = (q: number) => sorted[Math.floor(q * (sorted.length - 1))] ?? null;
    const pageCount = this.get<{ page_count: number }>('PRAGMA page_count')?.page_count ?? 0;
    const pageSize = this.get<{ page_size: number }>('PRAGMA page_size')?.page_size ?? 0;
    const failedAt = this.#lastFailedAcquire;
    const isUnhealthy = failedAt !== null && this.#clock.now() - failedAt < 10_000;
    return {
      acquire_p50_ms: quantile(0.5),
      acquire_p99_ms: quantile(0.99),
      timeouts_total: this.#timeouts,
      errors_total: this.#errors,
      last_error_at: this.#lastErrorAt,
      status: isUnhealthy ? ('unhealthy' as const) : ('healthy' as const),
      page_count: pageCount,
      page_bytes: pageSize,
      wal_bytes: await stat(`${this.path}-wal`).then(
        ({ size }) => size,
        () => 0,
      ),
    };
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #counted<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.#errors++;
      this.#lastErrorAt = this.#clock.wallTime();
      const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0;
      if ((code & 0xff) === SQLITE_BUSY) this.#timeouts++;
      if ((code & 0xff) === SQLITE_FULL) {
        throw new StorageFullError(
          `Cannot write to "${this.path}": the disk is full; free some space and try again`,
          { cause: error },
        );
      }
      throw error;
    }
  }

  /** Brings an older file forward, one step at a time, each in its own transaction. */
  #migrate(): void {
    const version = this.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0;
    if (version > MIGRATIONS.length) {
      this.close();
      throw new InputError(
        `Cannot open the database "${this.path}": it has schema ${version}, this version knows ` +
          `up to ${MIGRATIONS.length}; use the newer version that wrote it`,
      );
    }
    for (let next = version; next < MIGRATIONS.length; next++) {
      this.transact(() => {
        // Another process may have migrated while this one waited for the lock.
        const now = this.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0;
        if (now > next) return;
        for (const statement of MIGRATIONS[next] ?? []) this.#db.exec(statement);
        this.#db.exec(`PRAGMA user_version = ${next + 1}`);
      });
    }
  }
}
