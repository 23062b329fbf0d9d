/** Records of the embedded profile, in one SQLite file. */
import type { DatabaseStats } from '#shared/contracts/api.ts';
import type { Clock } from '#shared/platform/platform.ts';
import { planAppend } from './append-plan.ts';
import type {
  AppendRequest,
  AppendResult,
  ContentRecord,
  MetaStore,
  NewRun,
  RecordQuery,
  RecordTable,
  RunTable,
  StoredEvent,
  StoredRecord,
  StoredRun,
} from './ports.ts';
import { SqliteConnection } from './sqlite-connection.ts';

export class SqliteMetaStore implements MetaStore {
  readonly blueprints: RecordTable;
  readonly kernels: RecordTable;
  readonly runs: RunTable;
  readonly #connection: SqliteConnection;

  /**
   * @param path Of the database file; its folder must exist.
   * @throws {InputError} If the file cannot be used.
   */
  constructor(path: string, clock: Clock) {
    this.#connection = new SqliteConnection(path, clock);
    this.blueprints = new SqliteRecordTable(this.#connection, 'blueprint');
    this.kernels = new SqliteRecordTable(this.#connection, 'kernel');
    this.runs = new SqliteRunTable(this.#connection);
  }

  async ping(): Promise<void> {
    this.#connection.get('SELECT count(*) FROM runs WHERE position = 0');
  }

  async stats(): Promise<DatabaseStats> {
    const count = (sql: string) => this.#connection.get<{ n: number }>(sql)?.n ?? 0;
    return {
      engine: 'sqlite',
      max: 1,
      size: 1,
      idle: 1,
      checked_out: 0,
      waiting: 0,
      ...(await this.#connection.measure()),
      records: {
        blueprints: count("SELECT count(*) AS n FROM records WHERE kind = 'blueprint'"),
        kernels: count("SELECT count(*) AS n FROM records WHERE kind = 'kernel'"),
        runs: count('SELECT count(*) AS n FROM runs'),
        events: count('SELECT coalesce(sum(accepted_through + 1), 0) AS n FROM runs'),
      },
    };
  }

  async close(): Promise<void> {
    this.#connection.close();
  }
}

class SqliteRecordTable implements RecordTable {
  #connection: SqliteConnection;
  #kind: string;

  constructor(connection: SqliteConnection, kind: string) {
    this.#connection = connection;
    this.#kind = kind;
  }

  async put(record: ContentRecord): Promise<'created' | 'exists'> {
    const { id, parent, variant, body, createdAt } = record;
    const changes = this.#connection.transact(() =>
      this.#connection.run(
        `INSERT INTO records (kind, id, parent, variant, body, created_at)
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, id) DO NOTHING`,
        this.#kind,
        id,
        parent,
        variant,
        body,
        createdAt,
      ),
    );
    return changes === 1 ? 'created' : 'exists';
  }

  async get(id: string): Promise<StoredRecord | null> {
    return this.#connection.get<StoredRecord>(
      `${RECORD} WHERE kind = ? AND id = ?`,
      this.#kind,
      id,
    );
  }

  async list({ after, limit, parent, variant, key }: RecordQuery): Promise<StoredRecord[]> {
    const filters = ['kind = ?', 'position > ?'];
    const values: (string | number)[] = [this.#kind, after];
    if (parent !== undefined) {
      filters.push('parent = ?');
      values.push(parent);
    }
    if (variant !== undefined) {
      filters.push('variant = ?');
      values.push(variant);
    }
    if (key !== undefined) {
      filters.push('body_key = ?');
      values.push(key);
    }
    return this.#connection.all<StoredRecord>(
      `${RECORD} WHERE ${filters.join(' AND ')} ORDER BY position LIMIT ?`,
      ...values,
      limit,
    );
  }
}

const RECORD = `SELECT position, id, parent, variant, body, created_at AS createdAt FROM records`;

const RUN = `SELECT position, id, body, created_at AS createdAt, updated_at AS updatedAt,
  accepted_through AS acceptedThrough, epoch, finished FROM runs`;

class SqliteRunTable implements RunTable {
  #connection: SqliteConnection;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  async create(run: NewRun): Promise<'created' | 'exists' | 'conflict'> {
    return this.#connection.transact(() => {
      const before = this.#find(run.id);
      if (before) return before.body === run.body ? 'exists' : 'conflict';
      this.#connection.run(
        'INSERT INTO runs (id, body, created_at) VALUES (?, ?, ?)',
        run.id,
        run.body,
        run.createdAt,
      );
      return 'created';
    });
  }

  async get(id: string): Promise<StoredRun | null> {
    return this.#find(id);
  }

  async list({ before, limit }: { before: number | null; limit: number }): Promise<StoredRun[]> {
    return this.#connection.all<StoredRun>(
      `${RUN} WHERE position < ? ORDER BY position DESC LIMIT ?`,
      before ?? Number.MAX_SAFE_INTEGER,
      limit,
    );
  }

  async append(id: string, request: AppendRequest): Promise<AppendResult> {
    return this.#connection.transact(() => {
      const run = this.#find(id);
      if (!run) return { outcome: 'unknown-run' };
      const stored = (seq: number) =>
        this.#connection.get<{ body: string }>(
          'SELECT body FROM events WHERE run = ? AND seq = ?',
          run.position,
          seq,
        )?.body ?? null;
      const plan = planAppend(run.acceptedThrough, stored, request);
      if (plan.result.outcome !== 'accepted') return plan.result;
      if (plan.dropFrom !== null) {
        const sql = 'DELETE FROM events WHERE run = ? AND seq >= ?';
        this.#connection.run(sql, run.position, plan.dropFrom);
      }
      for (const { seq, body, isFinish } of plan.insert) {
        this.#connection.run(
          'INSERT INTO events (run, seq, body, is_finish) VALUES (?, ?, ?, ?)',
          run.position,
          seq,
          body,
          isFinish ? 1 : 0,
        );
      }
      this.#connection.run(
        `UPDATE runs SET updated_at = ?, accepted_through = ?, epoch = epoch + ?,
           finished = (SELECT body FROM events WHERE run = ? AND seq = ? AND is_finish = 1)
         WHERE position = ?`,
        request.now,
        plan.result.acceptedThrough,
        plan.dropFrom === null ? 0 : 1,
        run.position,
        plan.result.acceptedThrough,
        run.position,
      );
      return plan.result;
    });
  }

  async read(
    id: string,
    after: number,
    limit: number,
  ): Promise<{ run: StoredRun; events: StoredEvent[] } | null> {
    // Two statements, but no await between them and no other writer in the embedded profile.
    const run = this.#find(id);
    if (!run) return null;
    const events = this.#connection
      .all<{ seq: number; body: string; is_finish: number }>(
        'SELECT seq, body, is_finish FROM events WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?',
        run.position,
        after,
        limit,
      )
      .map(({ seq, body, is_finish }) => ({ seq, body, isFinish: is_finish === 1 }));
    return { run, events };
  }

  #find(id: string): StoredRun | null {
    return this.#connection.get<StoredRun>(`${RUN} WHERE id = ?`, id);
  }
}
