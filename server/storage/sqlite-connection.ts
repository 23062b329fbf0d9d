/// <reference types="./node-sqlite.d.ts" />
/**
 * One connection to a SQLite file: durable settings, schema, transactions, and counts of what went
 * wrong. WAL with synchronous=FULL: a transaction that returned survives a killed process and, on
 * an honest disk, a power cut.
 */
import {
  closeSync,
  copyFileSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { stat } from 'node:fs/promises';
import { backup, DatabaseSync, type StatementSync } from 'node:sqlite';
import { InputError, messageOf, StorageFullError } from '#shared/base/errors.ts';
import type { Clock } from '#shared/platform/platform.ts';
import { UnavailableError } from './ports.ts';
import { Samples } from './samples.ts';
import { MIGRATIONS } from './sqlite-schema.ts';

const BUSY_TIMEOUT_MS = 5000;
const ACQUIRE_SAMPLES = 256;
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;

export interface SqliteOptions {
  /** Told where the copy is that was made before an older file was brought forward. */
  onBackup?: (path: string) => void;
  /** Schema to stop at, for tests of the way forward. @default {the newest} */
  upTo?: number;
  /** Milliseconds a writer waits for another process's transaction. @default {5000} */
  busyMs?: number;
}

export class SqliteConnection {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #clock: Clock;
  readonly #statements = new Map<string, StatementSync>();
  readonly #acquireMs = new Samples(ACQUIRE_SAMPLES);
  #timeouts = 0;
  #errors = 0;
  #lastErrorAt: number | null = null;
  #lastFailedAcquire: number | null = null;

  /**
   * Opens the file, creating it and its tables as needed.
   *
   * @throws {InputError} If the file is not a database, or was written by a newer version.
   */
  constructor(path: string, clock: Clock, options: SqliteOptions = {}) {
    this.path = path;
    this.#clock = clock;
    try {
      this.#db = new DatabaseSync(path, { timeout: options.busyMs ?? BUSY_TIMEOUT_MS });
      for (const pragma of ['journal_mode = wal', 'synchronous = full', 'foreign_keys = on']) {
        this.#db.prepare(`PRAGMA ${pragma}`).get();
      }
    } catch (error) {
      throw new InputError(
        `Cannot open the database "${path}": ${messageOf(error)}; ` +
          'choose another folder with --data or restore a backup',
      );
    }
    this.#migrate(options.onBackup, options.upTo ?? MIGRATIONS.length);
  }

  /** First row, or null. Values are bound by position. */
  get<T>(sql: string, ...values: (string | number | null)[]): T | null {
    return this.#counted(() => {
      const row = this.#statement(sql).get(...values);
      // Rows come without a prototype.
      return row === undefined ? null : ({ ...row } as T);
    });
  }

  all<T>(sql: string, ...values: (string | number | null)[]): T[] {
    return this.#counted(() =>
      this.#statement(sql)
        .all(...values)
        .map((row) => ({ ...row }) as T),
    );
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
   * @throws {UnavailableError} If another process keeps the lock too long.
   */
  transact<T>(work: () => T): T {
    this.#begin();
    try {
      const result = work();
      this.run('COMMIT');
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  /** The same for work that awaits; nothing else may use the connection meanwhile. */
  async transactAsync<T>(work: () => Promise<T>): Promise<T> {
    this.#begin();
    try {
      const result = await work();
      this.run('COMMIT');
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  /** Reads that see one moment, whatever another process writes. */
  async snapshotAsync<T>(work: () => Promise<T>): Promise<T> {
    this.run('BEGIN');
    try {
      return await work();
    } finally {
      this.#rollBack();
    }
  }

  /** Copies the database, whole and consistent, beside the target and then onto it. */
  async backup(target: string): Promise<void> {
    const part = `${target}.part`;
    await backup(this.#db, part);
    syncFile(part);
    renameSync(part, target);
  }

  #begin(): void {
    const started = this.#clock.now();
    try {
      this.run('BEGIN IMMEDIATE');
    } catch (error) {
      this.#lastFailedAcquire = this.#clock.now();
      throw error;
    }
    this.#acquireMs.add(this.#clock.now() - started);
  }

  /** A full disk may have rolled back already, and then there is nothing to roll back. */
  #rollBack(): void {
    try {
      this.#statement('ROLLBACK').run();
    } catch {}
  }

  /** Quantiles and counts for DatabaseStats. */
  async measure() {
    const pageCount = this.get<{ page_count: number }>('PRAGMA page_count')?.page_count ?? 0;
    const pageSize = this.get<{ page_size: number }>('PRAGMA page_size')?.page_size ?? 0;
    const failedAt = this.#lastFailedAcquire;
    const isUnhealthy = failedAt !== null && this.#clock.now() - failedAt < 10_000;
    return {
      acquire_p50_ms: this.#acquireMs.quantile(0.5),
      acquire_p99_ms: this.#acquireMs.quantile(0.99),
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
      if ((code & 0xff) === SQLITE_BUSY) {
        this.#timeouts++;
        throw new UnavailableError(`Another process holds "${this.path}"`, { cause: error });
      }
      if ((code & 0xff) === SQLITE_FULL) {
        throw new StorageFullError(
          `Cannot write to "${this.path}": the disk is full; free some space and try again`,
          { cause: error },
        );
      }
      throw error;
    }
  }

  /**
   * Brings an older file forward, one step at a time, each in its own transaction. What was there
   * is copied first, to `<file>.schema-<version>.bak`.
   */
  #migrate(onBackup: ((path: string) => void) | undefined, newest: number): void {
    const version = this.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0;
    if (version > newest) {
      this.close();
      throw new InputError(
        `Cannot open the database "${this.path}": it has schema ${version}, this version knows ` +
          `up to ${newest}; use the newer version that wrote it`,
      );
    }
    if (version > 0 && version < newest) {
      const copy = this.#keepCopy(version);
      onBackup?.(copy);
    }
    for (let next = version; next < newest; next++) {
      this.transact(() => {
        // Another process may have migrated while this one waited for the lock.
        const now = this.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0;
        if (now > next) return;
        for (const statement of MIGRATIONS[next] ?? []) this.#db.exec(statement);
        this.#db.exec(`PRAGMA user_version = ${next + 1}`);
      });
    }
  }

  /** Copies the file before it is changed. */
  #keepCopy(version: number): string {
    const copy = `${this.path}.schema-${version}.bak`;
    const part = `${copy}.part`;
    try {
      for (let tries = 0; ; tries++) {
        this.get('PRAGMA wal_checkpoint(TRUNCATE)');
        this.run('BEGIN IMMEDIATE');
        try {
          // Another process may have written between the checkpoint and the lock.
          if ((statSync(`${this.path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) {
            if (tries >= 10) throw new Error('another process keeps writing to it');
            continue;
          }
          copyFileSync(this.path, part);
          syncFile(part);
          renameSync(part, copy);
          return copy;
        } finally {
          this.#rollBack();
        }
      }
    } catch (error) {
      rmSync(part, { force: true });
      this.close();
      throw new InputError(
        `Cannot bring the database "${this.path}" forward from schema ${version}: the copy ` +
          `"${copy}" that comes first failed (${messageOf(error)}); make room and start again`,
      );
    }
  }
}

function syncFile(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
