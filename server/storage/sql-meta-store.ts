/** Records and runs in an SQL database. */
import type { DatabaseStats } from '#shared/contracts/api.ts';
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
import type { SqlDatabase, SqlRunner, SqlValue } from './sql-database.ts';
import { SqlDecisionTable, SqlDocumentTable, SqlIdempotencyTable } from './sql-tables.ts';

export class SqlMetaStore implements MetaStore {
  readonly blueprints: RecordTable;
  readonly kernels: RecordTable;
  readonly runs: RunTable;
  readonly documents: SqlDocumentTable;
  readonly decisions: SqlDecisionTable;
  readonly keys: SqlIdempotencyTable;
  readonly #db: SqlDatabase;

  constructor(db: SqlDatabase) {
    this.#db = db;
    this.blueprints = new SqlRecordTable(db, 'blueprint');
    this.kernels = new SqlRecordTable(db, 'kernel');
    this.runs = new SqlRunTable(db);
    this.documents = new SqlDocumentTable(db);
    this.decisions = new SqlDecisionTable(db);
    this.keys = new SqlIdempotencyTable(db);
  }

  async ping(): Promise<void> {
    await this.#db.get('SELECT count(*) AS n FROM runs WHERE position = 0');
  }

  async stats(): Promise<DatabaseStats> {
    // Measured first: the counts below would take a connection themselves.
    const engine = await this.#db.measure();
    const records = await this.#db.get<DatabaseStats['records']>(
      `SELECT
         (SELECT count(*) FROM records WHERE kind = 'blueprint') AS blueprints,
         (SELECT count(*) FROM records WHERE kind = 'kernel') AS kernels,
         (SELECT count(*) FROM runs) AS runs,
         (SELECT cast(coalesce(sum(accepted_through + 1), 0) AS bigint) FROM runs) AS events`,
    );
    return { ...engine, records: { ...(records as DatabaseStats['records']) } };
  }

  async close(): Promise<void> {
    await this.#db.close();
  }
}

const RECORD = `SELECT position, id, parent, variant, body, created_at AS "createdAt" FROM records`;

class SqlRecordTable implements RecordTable {
  #db: SqlDatabase;
  #kind: string;

  constructor(db: SqlDatabase, kind: string) {
    this.#db = db;
    this.#kind = kind;
  }

  async put(record: ContentRecord): Promise<'created' | 'exists'> {
    const { id, parent, variant, body, createdAt } = record;
    const changes = await this.#db.transact('records', (tx) =>
      tx.run(
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
    return await this.#db.get<StoredRecord>(`${RECORD} WHERE kind = ? AND id = ?`, this.#kind, id);
  }

  async list({ after, limit, parent, variant, key }: RecordQuery): Promise<StoredRecord[]> {
    const filters = ['kind = ?', 'position > ?'];
    const values: SqlValue[] = [this.#kind, after];
    for (const [column, value] of Object.entries({ parent, variant, body_key: key })) {
      if (value === undefined) continue;
      filters.push(`${column} = ?`);
      values.push(value);
    }
    return await this.#db.all<StoredRecord>(
      `${RECORD} WHERE ${filters.join(' AND ')} ORDER BY position LIMIT ?`,
      ...values,
      limit,
    );
  }
}

/** Events in one statement: a round trip each would take most of the time. */
const INSERTS = 100;

const RUN = `SELECT position, id, body, created_at AS "createdAt", updated_at AS "updatedAt",
  accepted_through AS "acceptedThrough", epoch, finished FROM runs`;

class SqlRunTable implements RunTable {
  #db: SqlDatabase;

  constructor(db: SqlDatabase) {
    this.#db = db;
  }

  async create(run: NewRun, replace = false): Promise<'created' | 'exists' | 'conflict'> {
    return await this.#db.transact('runs', async (tx) => {
      const before = await find(tx, run.id);
      if (before?.body === run.body) return 'exists';
      if (before && !replace) return 'conflict';
      if (before) {
        await tx.run('UPDATE runs SET body = ? WHERE position = ?', run.body, before.position);
        return 'exists';
      }
      await tx.run(
        'INSERT INTO runs (id, body, created_at) VALUES (?, ?, ?)',
        run.id,
        run.body,
        run.createdAt,
      );
      return 'created';
    });
  }

  async get(id: string): Promise<StoredRun | null> {
    return await find(this.#db, id);
  }

  async list({ before, limit }: { before: number | null; limit: number }): Promise<StoredRun[]> {
    return await this.#db.all<StoredRun>(
      `${RUN} WHERE position < ? ORDER BY position DESC LIMIT ?`,
      before ?? Number.MAX_SAFE_INTEGER,
      limit,
    );
  }

  async append(id: string, request: AppendRequest): Promise<AppendResult> {
    return await this.#db.transact(null, async (tx) => {
      const run = await find(tx, id, this.#db.forUpdate);
      if (!run) return { outcome: 'unknown-run' };
      const stored = await this.#stored(tx, run, request);
      const plan = planAppend(run.acceptedThrough, (seq) => stored.get(seq) ?? null, request);
      if (plan.result.outcome !== 'accepted') return plan.result;
      if (plan.dropFrom !== null) {
        const sql = 'DELETE FROM events WHERE run = ? AND seq >= ?';
        await tx.run(sql, run.position, plan.dropFrom);
      }
      for (let at = 0; at < plan.insert.length; at += INSERTS) {
        const rows = plan.insert.slice(at, at + INSERTS);
        await tx.run(
          `INSERT INTO events (run, seq, body, is_finish) VALUES ${rows.map(() => '(?, ?, ?, ?)').join(', ')}`,
          ...rows.flatMap(({ seq, body, isFinish }) => [run.position, seq, body, isFinish ? 1 : 0]),
        );
      }
      await tx.run(
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
    return await this.#db.snapshot(async (tx) => {
      const run = await find(tx, id);
      if (!run) return null;
      const rows = await tx.all<{ seq: number; body: string; is_finish: number }>(
        'SELECT seq, body, is_finish FROM events WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?',
        run.position,
        after,
        limit,
      );
      const events = rows.map(({ seq, body, is_finish }) => ({
        seq,
        body,
        isFinish: is_finish === 1,
      }));
      return { run, events };
    });
  }

  /** Bodies of the stored events that the request sends again. */
  async #stored(tx: SqlRunner, run: StoredRun, { events }: AppendRequest) {
    const first = events[0]?.seq ?? 0;
    const last = Math.min(events.at(-1)?.seq ?? 0, run.acceptedThrough);
    if (first > last) return new Map<number, string>();
    const rows = await tx.all<{ seq: number; body: string }>(
      'SELECT seq, body FROM events WHERE run = ? AND seq >= ? AND seq <= ?',
      run.position,
      first,
      last,
    );
    return new Map(rows.map(({ seq, body }) => [seq, body]));
  }
}

async function find(tx: SqlRunner, id: string, forUpdate = ''): Promise<StoredRun | null> {
  return await tx.get<StoredRun>(`${RUN} WHERE id = ?${forUpdate}`, id);
}
