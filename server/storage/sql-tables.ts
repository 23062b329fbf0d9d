/** Documents with compare-and-set, decisions and idempotency keys, in an SQL database. */
import type {
  DecisionTable,
  DocumentTable,
  IdempotencyTable,
  KeyState,
  NewDecision,
  StoredDecision,
  StoredDocument,
} from './ports.ts';
import type { SqlDatabase, SqlRunner } from './sql-database.ts';

const DOCUMENT = `SELECT name, body, version, updated_at AS "updatedAt" FROM documents`;

export class SqlDocumentTable implements DocumentTable {
  #db: SqlDatabase;

  constructor(db: SqlDatabase) {
    this.#db = db;
  }

  async get(space: string, name: string): Promise<StoredDocument | null> {
    return await find(this.#db, space, name);
  }

  async put(
    ...[space, name, body, expected, now]: Parameters<DocumentTable['put']>
  ): ReturnType<DocumentTable['put']> {
    return await this.#db.transact(null, async (tx) => {
      const changed =
        expected === 0
          ? await tx.run(
              `INSERT INTO documents (space, name, body, version, updated_at)
               VALUES (?, ?, ?, 1, ?) ON CONFLICT (space, name) DO NOTHING`,
              space,
              name,
              body,
              now,
            )
          : await tx.run(
              `UPDATE documents SET body = ?, version = version + 1, updated_at = ?
               WHERE space = ? AND name = ? AND version = ?`,
              body,
              now,
              space,
              name,
              expected,
            );
      const document = await find(tx, space, name);
      if (changed === 0) return { outcome: 'conflict' as const, document };
      return { outcome: expected === 0 ? ('created' as const) : ('updated' as const), document };
    });
  }

  async list(space: string, after: string | null, limit: number): Promise<StoredDocument[]> {
    return await this.#db.all<StoredDocument>(
      `${DOCUMENT} WHERE space = ? AND name > ? ORDER BY name LIMIT ?`,
      space,
      after ?? '',
      limit,
    );
  }
}

async function find(tx: SqlRunner, space: string, name: string): Promise<StoredDocument | null> {
  return await tx.get<StoredDocument>(`${DOCUMENT} WHERE space = ? AND name = ?`, space, name);
}

const DECISION = `SELECT position, id, run_id AS "runId", step, body, created_at AS "createdAt",
  outcome FROM decisions`;

export class SqlDecisionTable implements DecisionTable {
  #db: SqlDatabase;

  constructor(db: SqlDatabase) {
    this.#db = db;
  }

  async put({ id, runId, step, body, createdAt }: NewDecision): Promise<'created' | 'exists'> {
    const changes = await this.#db.transact('decisions', (tx) =>
      tx.run(
        `INSERT INTO decisions (id, run_id, step, body, created_at)
         VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
        id,
        runId,
        step,
        body,
        createdAt,
      ),
    );
    return changes === 1 ? 'created' : 'exists';
  }

  async get(id: string): Promise<StoredDecision | null> {
    return await this.#db.get<StoredDecision>(`${DECISION} WHERE id = ?`, id);
  }

  async list({
    before,
    limit,
    runId,
  }: Parameters<DecisionTable['list']>[0]): Promise<StoredDecision[]> {
    const position = before ?? Number.MAX_SAFE_INTEGER;
    const order = 'ORDER BY position DESC LIMIT ?';
    return runId === undefined
      ? await this.#db.all(`${DECISION} WHERE position < ? ${order}`, position, limit)
      : await this.#db.all(
          `${DECISION} WHERE run_id = ? AND position < ? ${order}`,
          runId,
          position,
          limit,
        );
  }

  async setOutcome(
    id: string,
    outcome: string,
  ): Promise<'created' | 'exists' | 'conflict' | 'unknown'> {
    return await this.#db.transact(null, async (tx) => {
      const sql = 'UPDATE decisions SET outcome = ? WHERE id = ? AND outcome IS NULL';
      if ((await tx.run(sql, outcome, id)) === 1) return 'created';
      const before = await tx.get<{ outcome: string }>(
        'SELECT outcome FROM decisions WHERE id = ?',
        id,
      );
      if (!before) return 'unknown';
      return before.outcome === outcome ? 'exists' : 'conflict';
    });
  }
}

export class SqlIdempotencyTable implements IdempotencyTable {
  #db: SqlDatabase;

  constructor(db: SqlDatabase) {
    this.#db = db;
  }

  async begin(key: string, digest: string, now: number, staleMs: number): Promise<KeyState> {
    return await this.#db.transact(null, async (tx) => {
      const inserted = await tx.run(
        `INSERT INTO request_keys (name, digest, started_at) VALUES (?, ?, ?)
         ON CONFLICT (name) DO NOTHING`,
        key,
        digest,
        now,
      );
      if (inserted === 1) return { state: 'new' };
      const before = await tx.get<{ digest: string; startedAt: number; answer: string | null }>(
        `SELECT digest, started_at AS "startedAt", answer FROM request_keys
         WHERE name = ?${this.#db.forUpdate}`,
        key,
      );
      if (before === null) return { state: 'in-flight' };
      if (before.digest !== digest) return { state: 'mismatch' };
      if (before.answer !== null) return { state: 'done', answer: before.answer };
      // A server that was killed never finishes; a clock that was set back proves nothing either.
      if (Math.abs(now - before.startedAt) < staleMs) return { state: 'in-flight' };
      await tx.run('UPDATE request_keys SET started_at = ? WHERE name = ?', now, key);
      return { state: 'new' };
    });
  }

  async finish(key: string, answer: string): Promise<void> {
    await this.#db.run('UPDATE request_keys SET answer = ? WHERE name = ?', answer, key);
  }

  async abandon(key: string): Promise<void> {
    await this.#db.run('DELETE FROM request_keys WHERE name = ? AND answer IS NULL', key);
  }

  async sweep(before: number): Promise<number> {
    return await this.#db.run('DELETE FROM request_keys WHERE started_at < ?', before);
  }
}
