/**
 * The little that the stores need from an SQL engine, so that one set of statements serves SQLite
 * and PostgreSQL. Values are bound to `?` in order.
 */
import type { DatabaseStats } from '#shared/contracts/api.ts';

export type SqlValue = string | number | null;

export interface SqlRunner {
  /** First row, or null. */
  get<T>(sql: string, ...values: SqlValue[]): Promise<T | null>;
  all<T>(sql: string, ...values: SqlValue[]): Promise<T[]>;
  /** @returns Rows changed. */
  run(sql: string, ...values: SqlValue[]): Promise<number>;
}

export interface SqlDatabase extends SqlRunner {
  /**
   * All of `work` or nothing. Nothing but statements of `tx` may be awaited in it.
   *
   * @param lock Name of a lock that is held until the transaction ends, so that two transactions
   *   of that name run one after the other: positions are then visible in the order they rise in.
   */
  transact<T>(lock: string | null, work: (tx: SqlRunner) => Promise<T>): Promise<T>;
  /** Reads that all see the same moment. */
  snapshot<T>(work: (tx: SqlRunner) => Promise<T>): Promise<T>;
  /** Added to a SELECT whose row is about to be changed. */
  readonly forUpdate: string;
  /** State of the engine, without the counts of what is stored. */
  measure(): Promise<Omit<DatabaseStats, 'records'>>;
  close(): Promise<void>;
}
