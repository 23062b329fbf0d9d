/**
 * PostgreSQL behind the interface of the stores: a bounded pool whose state can be seen, time
 * limits on everything, and errors that say whether the same request may succeed later.
 */
import pg from 'pg';
import { InputError, messageOf, StorageFullError } from '#shared/base/errors.ts';
import type { Clock } from '#shared/platform/platform.ts';
import { UnavailableError } from './ports.ts';
import { POSTGRES_MIGRATIONS } from './postgres-schema.ts';
import { Samples } from './samples.ts';
import type { SqlDatabase, SqlRunner, SqlValue } from './sql-database.ts';

const INT8 = 20;
const DISK_FULL = '53100';
/** A statement that takes longer is ended by the server. */
const STATEMENT_MS = 10_000;
/** After a failed acquisition the pool counts as unhealthy for this long. */
const UNHEALTHY_MS = 10_000;

export interface PostgresOptions {
  url: string;
  /** Connections at most. */
  max: number;
  /** Milliseconds a connection is waited for. */
  timeoutMs: number;
  /** Milliseconds that a database which starts beside the server has to answer. @default {0} */
  startMs?: number;
  clock: Clock;
  /** Told of a connection that failed while nobody used it. */
  onIdleError?: (error: Error) => void;
}

/** Between two tries to reach a database that starts, milliseconds. */
const RETRY_MS = 200;

export class PostgresDatabase implements SqlDatabase {
  readonly forUpdate = ' FOR UPDATE';
  readonly #pool: pg.Pool;
  readonly #options: PostgresOptions;
  readonly #acquireMs = new Samples(256);
  readonly #texts = new Map<string, string>();
  #checkedOut = 0;
  #timeouts = 0;
  #errors = 0;
  #lastErrorAt: number | null = null;
  #lastFailedAcquire: number | null = null;

  private constructor(options: PostgresOptions) {
    this.#options = options;
    this.#pool = new pg.Pool({
      connectionString: options.url,
      max: options.max,
      connectionTimeoutMillis: options.timeoutMs,
      idleTimeoutMillis: 30_000,
      statement_timeout: STATEMENT_MS,
      // A dead server must not hold a connection for longer than a statement may take.
      query_timeout: STATEMENT_MS + 1000,
      keepAlive: true,
      types: {
        // Positions and times stay far below 2^53.
        getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
          oid === INT8
            ? Number
            : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
      },
    });
    // Without a listener the loss of an idle connection would end the process.
    this.#pool.on('error', (error) => {
      this.#count();
      options.onIdleError?.(error);
    });
  }

  /**
   * Connects and brings the schema forward; servers that start together do it one after the other.
   *
   * @throws {InputError} If the database cannot be used, or is of a newer version.
   */
  static async open(options: PostgresOptions): Promise<PostgresDatabase> {
    const db = new PostgresDatabase(options);
    const end = options.clock.now() + (options.startMs ?? 0);
    try {
      await db.#migrateBy(end);
    } catch (error) {
      await db.close();
      if (error instanceof InputError) throw error;
      throw new InputError(
        `Cannot use the database of DATABASE_URL: ${messageOf(error)}; check that PostgreSQL runs ` +
          'and that the user may create tables',
      );
    }
    return db;
  }

  async #migrateBy(end: number): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      try {
        return await this.#migrate();
      } catch (error) {
        if (!(error instanceof UnavailableError) || clock.now() >= end) throw error;
        await clock.sleep(RETRY_MS);
      }
    }
  }

  async get<T>(sql: string, ...values: SqlValue[]): Promise<T | null> {
    return await this.#with((client) => this.#runner(client).get<T>(sql, ...values));
  }

  async all<T>(sql: string, ...values: SqlValue[]): Promise<T[]> {
    return await this.#with((client) => this.#runner(client).all<T>(sql, ...values));
  }

  async run(sql: string, ...values: SqlValue[]): Promise<number> {
    return await this.#with((client) => this.#runner(client).run(sql, ...values));
  }

  async transact<T>(lock: string | null, work: (tx: SqlRunner) => Promise<T>): Promise<T> {
    return await this.#transaction('BEGIN', async (tx) => {
      if (lock !== null) await tx.run('SELECT pg_advisory_xact_lock(hashtext(?))', lock);
      return await work(tx);
    });
  }

  async snapshot<T>(work: (tx: SqlRunner) => Promise<T>): Promise<T> {
    return await this.#transaction('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', work);
  }

  async measure() {
    const failedAt = this.#lastFailedAcquire;
    const { now } = this.#options.clock;
    const waiting = this.#pool.waitingCount;
    const isUnhealthy =
      failedAt !== null && now.call(this.#options.clock) - failedAt < UNHEALTHY_MS;
    return {
      engine: 'postgresql',
      max: this.#options.max,
      size: this.#pool.totalCount,
      idle: this.#pool.idleCount,
      checked_out: this.#checkedOut,
      waiting,
      acquire_p50_ms: this.#acquireMs.quantile(0.5),
      acquire_p99_ms: this.#acquireMs.quantile(0.99),
      timeouts_total: this.#timeouts,
      errors_total: this.#errors,
      last_error_at: this.#lastErrorAt,
      status: isUnhealthy
        ? ('unhealthy' as const)
        : waiting > 0
          ? ('saturated' as const)
          : ('healthy' as const),
      page_count: null,
      page_bytes: null,
      wal_bytes: null,
    };
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #transaction<T>(begin: string, work: (tx: SqlRunner) => Promise<T>): Promise<T> {
    return await this.#with(async (client) => {
      await client.query(begin);
      try {
        const result = await work(this.#runner(client));
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined);
        throw error;
      }
    });
  }

  async #with<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const started = clock.now();
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      this.#count();
      this.#timeouts++;
      this.#lastFailedAcquire = clock.now();
      throw new UnavailableError(`Cannot get a database connection: ${messageOf(error)}`, {
        cause: error,
      });
    }
    this.#acquireMs.add(clock.now() - started);
    this.#checkedOut++;
    let broken: Error | undefined;
    // Its loss while it is in use comes as the query's own error as well.
    const onError = (error: Error) => {
      broken = error;
    };
    client.on('error', onError);
    try {
      return await work(client);
    } catch (error) {
      this.#count();
      const known = asKnown(error);
      if (known instanceof UnavailableError) broken ??= known;
      throw known;
    } finally {
      this.#checkedOut--;
      client.off('error', onError);
      client.release(broken);
    }
  }

  #runner(client: pg.PoolClient): SqlRunner {
    const query = (sql: string, values: SqlValue[]) => client.query(this.#numbered(sql), values);
    return {
      get: async <T>(sql: string, ...values: SqlValue[]) =>
        ((await query(sql, values)).rows[0] as T | undefined) ?? null,
      all: async <T>(sql: string, ...values: SqlValue[]) => (await query(sql, values)).rows as T[],
      run: async (sql: string, ...values: SqlValue[]) => (await query(sql, values)).rowCount ?? 0,
    };
  }

  /** `?` as `$1`, `$2`, …; no statement of the stores has one in a text. */
  #numbered(sql: string): string {
    let text = this.#texts.get(sql);
    if (text === undefined) {
      let n = 0;
      text = sql.replace(/\?/g, () => `$${++n}`);
      if (this.#texts.size < 1000) this.#texts.set(sql, text);
    }
    return text;
  }

  #count(): void {
    this.#errors++;
    this.#lastErrorAt = this.#options.clock.wallTime();
  }

  async #migrate(): Promise<void> {
    await this.transact('migrations', async (tx) => {
      await tx.run('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)');
      const row = await tx.get<{ version: number }>('SELECT version FROM schema_version');
      const version = row?.version ?? 0;
      const newest = POSTGRES_MIGRATIONS.length;
      if (version > newest) {
        throw new InputError(
          `Cannot use the database of DATABASE_URL: it has schema ${version}, this version knows up ` +
            `to ${newest}; use the newer version that wrote it`,
        );
      }
      for (const statements of POSTGRES_MIGRATIONS.slice(version)) {
        for (const statement of statements) await tx.run(statement);
      }
      if (!row) await tx.run('INSERT INTO schema_version (version) VALUES (?)', newest);
      else await tx.run('UPDATE schema_version SET version = ?', newest);
    });
  }
}

/** Errors of the connection, of a server that stops, of a transaction that another one beat. */
const PASSING = /^(08|57P0|53300|40001|40P01|57014|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH)/;

function asKnown(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === DISK_FULL) {
    return new StorageFullError('Cannot write: the disk of the database is full', { cause: error });
  }
  const text = messageOf(error);
  if (PASSING.test(code) || /connection terminated|query read timeout|not queryable/i.test(text)) {
    return new UnavailableError(`The database does not answer: ${text}`, { cause: error });
  }
  return error;
}
