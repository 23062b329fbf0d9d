/** Tables of the embedded database. Released entries never change; a new need is a new entry. */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE records (
       position INTEGER PRIMARY KEY AUTOINCREMENT,
       kind TEXT NOT NULL,
       id TEXT NOT NULL,
       parent TEXT,
       variant TEXT,
       body TEXT NOT NULL,
       created_at INTEGER NOT NULL,
       UNIQUE (kind, id)
     ) STRICT`,
    'CREATE INDEX records_by_parent ON records (kind, parent, variant, position)',
    `CREATE TABLE runs (
       position INTEGER PRIMARY KEY AUTOINCREMENT,
       id TEXT NOT NULL UNIQUE,
       body TEXT NOT NULL,
       created_at INTEGER NOT NULL,
       updated_at INTEGER,
       accepted_through INTEGER NOT NULL DEFAULT -1,
       epoch INTEGER NOT NULL DEFAULT 0,
       finished TEXT
     ) STRICT`,
    `CREATE TABLE events (
       run INTEGER NOT NULL REFERENCES runs (position) ON DELETE CASCADE,
       seq INTEGER NOT NULL,
       body TEXT NOT NULL,
       is_finish INTEGER NOT NULL,
       PRIMARY KEY (run, seq)
     ) STRICT, WITHOUT ROWID`,
  ],
  [
    // Computed from the body, so that records stored before have it too.
    `ALTER TABLE records ADD COLUMN body_key TEXT GENERATED ALWAYS AS
       (CASE WHEN json_valid(body) THEN json_extract(body, '$.key') END) VIRTUAL`,
    'CREATE INDEX records_by_key ON records (kind, body_key, position)',
  ],
];
