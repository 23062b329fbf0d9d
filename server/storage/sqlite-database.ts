/**
 * SQLite behind the asynchronous interface of the stores. There is one connection, so what runs
 * beside a transaction would be part of it: statements wait until it has ended.
 */
import type { Clock } from '#shared/platform/platform.ts';
import type { SqlDatabase, SqlRunner, SqlValue } from './sql-database.ts';
import { SqliteConnection, type SqliteOptions } from './sqlite-connection.ts';

export class SqliteDatabase implements SqlDatabase {
  readonly forUpdate = '';
  readonly #connection: SqliteConnection;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #isBusy = false;

  /**
   * @param path Of the database file; its folder must exist.
   * @throws {InputError} If the file cannot be used.
   */
  constructor(path: string, clock: Clock, options: SqliteOptions = {}) {
    this.#connection = new SqliteConnection(path, clock, options);
  }

  async get<T>(sql: string, ...values: SqlValue[]): Promise<T | null> {
    return await this.#inTurn(() => this.#connection.get<T>(sql, ...values));
  }

  async all<T>(sql: string, ...values: SqlValue[]): Promise<T[]> {
    return await this.#inTurn(() => this.#connection.all<T>(sql, ...values));
  }

  async run(sql: string, ...values: SqlValue[]): Promise<number> {
    return await this.#inTurn(() => this.#connection.run(sql, ...values));
  }

  async transact<T>(_lock: string | null, work: (tx: SqlRunner) => Promise<T>): Promise<T> {
    const tx = this.#runner();
    return await this.#inTurn(() => this.#connection.transactAsync(() => work(tx)));
  }

  async snapshot<T>(work: (tx: SqlRunner) => Promise<T>): Promise<T> {
    const tx = this.#runner();
    return await this.#inTurn(() => this.#connection.snapshotAsync(() => work(tx)));
  }

  async measure() {
    return {
      engine: 'sqlite',
      max: 1,
      size: 1,
      idle: this.#isBusy ? 0 : 1,
      checked_out: this.#isBusy ? 1 : 0,
      waiting: this.#waiting,
      ...(await this.#connection.measure()),
    };
  }

  /** Copies the database, whole and consistent, while it is in use. */
  async backup(target: string): Promise<void> {
    await this.#inTurn(() => this.#connection.backup(target));
  }

  async close(): Promise<void> {
    await this.#inTurn(() => this.#connection.close());
  }

  #runner(): SqlRunner {
    const connection = this.#connection;
    return {
      get: async <T>(sql: string, ...values: SqlValue[]) => connection.get<T>(sql, ...values),
      all: async <T>(sql: string, ...values: SqlValue[]) => connection.all<T>(sql, ...values),
      run: async (sql: string, ...values: SqlValue[]) => connection.run(sql, ...values),
    };
  }

  #inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    this.#waiting++;
    const result = this.#tail.then(async () => {
      this.#waiting--;
      this.#isBusy = true;
      try {
        return await work();
      } finally {
        this.#isBusy = false;
      }
    });
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
