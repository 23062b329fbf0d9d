/** Oona's topics in an SQL table: a log for each topic, and what groups have of it. */
import type {
  MessageLimits,
  MessageLog,
  ReceiveRequest,
  StoredDelivery,
  StoredMessage,
} from './message-port.ts';
import type { SqlDatabase, SqlRunner } from './sql-database.ts';

const MESSAGE = `SELECT m.position, m.key, m.body, m.published_at AS "publishedAt" FROM messages m`;

interface MessageRow {
  position: number;
  key: string;
  body: string;
  publishedAt: number;
}

/** Publishes between two cuts of a topic to its length. */
const TRIM_EVERY = 64;

export class SqlMessageLog implements MessageLog {
  #db: SqlDatabase;
  #now: () => number;
  #limits: MessageLimits;
  #sinceTrim = new Map<string, number>();

  /** @param now Milliseconds since 1970 by a clock that does not jump: storage/steady-clock.ts. */
  constructor(db: SqlDatabase, now: () => number, limits: MessageLimits) {
    this.#db = db;
    this.#now = now;
    this.#limits = limits;
  }

  async publish(topic: string, key: string, body: string): Promise<string> {
    const row = await this.#db.transact('messages', async (tx) => {
      const added = await tx.get<{ position: number }>(
        `INSERT INTO messages (topic, key, body, published_at) VALUES (?, ?, ?, ?)
         RETURNING position`,
        topic,
        key,
        body,
        this.#now(),
      );
      await this.#trim(tx, topic);
      return added;
    });
    if (!row) throw new Error('The database returned no position for a message');
    return String(row.position);
  }

  async read(topic: string, after: string | null, limit: number): Promise<StoredMessage[]> {
    const rows = await this.#db.all<MessageRow>(
      `${MESSAGE} WHERE topic = ? AND position > ? ORDER BY position LIMIT ?`,
      topic,
      positionOf(after),
      limit,
    );
    return rows.map(present);
  }

  async latest(topic: string): Promise<string | null> {
    const row = await this.#db.get<{ position: number | null }>(
      'SELECT max(position) AS position FROM messages WHERE topic = ?',
      topic,
    );
    return row?.position ? String(row.position) : null;
  }

  async receive(topic: string, group: string, request: ReceiveRequest): Promise<StoredDelivery[]> {
    const { consumer, limit, leaseMs } = request;
    return await this.#db.transact('deliveries', async (tx) => {
      const now = this.#now();
      const overdue = await tx.all<{ position: number; count: number }>(
        `SELECT position, count FROM deliveries WHERE topic = ? AND member_of = ? AND dead = 0
           AND (lease_until <= ? OR lease_until > ? + lease_ms) ORDER BY position`,
        topic,
        group,
        now,
        now,
      );
      const given: { position: number; deliveries: number }[] = [];
      for (const { position, count } of overdue) {
        if (count >= this.#limits.maxDeliveries) {
          const sql =
            'UPDATE deliveries SET dead = 1 WHERE topic = ? AND member_of = ? AND position = ?';
          await tx.run(sql, topic, group, position);
        } else if (given.length < limit) {
          await tx.run(
            `UPDATE deliveries SET consumer = ?, lease_ms = ?, lease_until = ?, count = count + 1
             WHERE topic = ? AND member_of = ? AND position = ?`,
            consumer,
            leaseMs,
            now + leaseMs,
            topic,
            group,
            position,
          );
          given.push({ position, deliveries: count + 1 });
        }
      }
      const fresh = await this.#takeNew(tx, topic, group, limit - given.length);
      for (const position of fresh) {
        await tx.run(
          `INSERT INTO deliveries (topic, member_of, position, consumer, lease_ms, lease_until, count)
           VALUES (?, ?, ?, ?, ?, ?, 1)`,
          topic,
          group,
          position,
          consumer,
          leaseMs,
          now + leaseMs,
        );
        given.push({ position, deliveries: 1 });
      }
      const found: StoredDelivery[] = [];
      for (const { position, deliveries } of given) {
        const row = await tx.get<MessageRow>(`${MESSAGE} WHERE m.position = ?`, position);
        if (row) found.push({ ...present(row), deliveries });
      }
      return found;
    });
  }

  async acknowledge(topic: string, group: string, ids: readonly string[]): Promise<number> {
    return await this.#db.transact('deliveries', async (tx) => {
      let acknowledged = 0;
      for (const id of ids) {
        acknowledged += await tx.run(
          'DELETE FROM deliveries WHERE topic = ? AND member_of = ? AND position = ? AND dead = 0',
          topic,
          group,
          positionOf(id),
        );
      }
      return acknowledged;
    });
  }

  async dead(topic: string, group: string, limit: number): Promise<StoredDelivery[]> {
    const rows = await this.#db.all<MessageRow & { deliveries: number }>(
      `SELECT m.position, m.key, m.body, m.published_at AS "publishedAt", d.count AS deliveries
       FROM deliveries d JOIN messages m ON m.position = d.position
       WHERE d.topic = ? AND d.member_of = ? AND d.dead = 1 ORDER BY d.position LIMIT ?`,
      topic,
      group,
      limit,
    );
    return rows.map(({ deliveries, ...row }) => ({ ...present(row), deliveries }));
  }

  async ping(): Promise<void> {
    await this.#db.get('SELECT count(*) AS n FROM messages WHERE position = 0');
  }

  /** The database is the MetaStore's to close. */
  async close(): Promise<void> {}

  /** Moves the group's cursor over up to `limit` messages nobody of it has seen. */
  async #takeNew(tx: SqlRunner, topic: string, group: string, limit: number): Promise<number[]> {
    if (limit <= 0) return [];
    const cursor = await tx.get<{ position: number }>(
      'SELECT position FROM message_groups WHERE topic = ? AND member_of = ?',
      topic,
      group,
    );
    const rows = await tx.all<{ position: number }>(
      'SELECT position FROM messages WHERE topic = ? AND position > ? ORDER BY position LIMIT ?',
      topic,
      cursor?.position ?? 0,
      limit,
    );
    const last = rows.at(-1)?.position;
    if (last === undefined) return [];
    await tx.run(
      `INSERT INTO message_groups (topic, member_of, position) VALUES (?, ?, ?)
       ON CONFLICT (topic, member_of) DO UPDATE SET position = excluded.position`,
      topic,
      group,
      last,
    );
    return rows.map(({ position }) => position);
  }

  async #trim(tx: SqlRunner, topic: string): Promise<void> {
    const count = (this.#sinceTrim.get(topic) ?? TRIM_EVERY) + 1;
    this.#sinceTrim.set(topic, count >= TRIM_EVERY ? 0 : count);
    if (count < TRIM_EVERY) return;
    const oldest = await tx.get<{ position: number }>(
      'SELECT position FROM messages WHERE topic = ? ORDER BY position DESC LIMIT 1 OFFSET ?',
      topic,
      this.#limits.maxLength,
    );
    if (!oldest) return;
    await tx.run(
      'DELETE FROM deliveries WHERE topic = ? AND position <= ?',
      topic,
      oldest.position,
    );
    await tx.run('DELETE FROM messages WHERE topic = ? AND position <= ?', topic, oldest.position);
  }
}

function positionOf(id: string | null): number {
  return id === null ? 0 : Number(id.split('-')[0]);
}

function present({ position, key, body, publishedAt }: MessageRow): StoredMessage {
  return { id: String(position), key, body, publishedAt };
}
