/** The part of node:sqlite this server uses; @types/node of the Node floor has no such module. */
declare module 'node:sqlite' {
  type Value = null | number | bigint | string | Uint8Array;

  export interface StatementSync {
    run(...values: Value[]): { changes: number | bigint; lastInsertRowid: number | bigint };
    get(...values: Value[]): Record<string, Value> | undefined;
    all(...values: Value[]): Record<string, Value>[];
  }

  export class DatabaseSync {
    constructor(path: string, options?: { timeout?: number });
    exec(sql: string): void;
    prepare(sql: string): StatementSync;
    close(): void;
  }

  /** Copies the database to a file, page by page, while it is in use. */
  export function backup(source: DatabaseSync, path: string): Promise<number>;
}
