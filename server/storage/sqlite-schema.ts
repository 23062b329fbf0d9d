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
  [
    `CREATE TABLE documents (
       space TEXT NOT NULL,
       name TEXT NOT NULL,
       body TEXT NOT NULL,
       version INTEGER NOT NULL,
       updated_at INTEGER NOT NULL,
       PRIMARY KEY (space, name)
     ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE decisions (
       position INTEGER PRIMARY KEY AUTOINCREMENT,
       id TEXT NOT NULL UNIQUE,
       run_id TEXT NOT NULL,
       step INTEGER NOT NULL,
       body TEXT NOT NULL,
       created_at INTEGER NOT NULL,
       outcome TEXT
     ) STRICT`,
    'CREATE INDEX decisions_by_run ON decisions (run_id, position)',
    `CREATE TABLE request_keys (
       name TEXT PRIMARY KEY,
       digest TEXT NOT NULL,
       started_at INTEGER NOT NULL,
       answer TEXT
     ) STRICT, WITHOUT ROWID`,
    'CREATE INDEX request_keys_by_age ON request_keys (started_at)',
    `CREATE TABLE jobs (
       position INTEGER PRIMARY KEY AUTOINCREMENT,
       id TEXT NOT NULL UNIQUE,
       kind TEXT NOT NULL,
       spec TEXT NOT NULL,
       max_tries INTEGER NOT NULL,
       state TEXT NOT NULL,
       tries INTEGER NOT NULL DEFAULT 0,
       worker TEXT,
       fence TEXT,
       lease_ms INTEGER,
       lease_until INTEGER,
       progress TEXT,
       result TEXT,
       error TEXT,
       cancel_requested INTEGER NOT NULL DEFAULT 0,
       created_at INTEGER NOT NULL,
       updated_at INTEGER NOT NULL
     ) STRICT`,
    'CREATE INDEX jobs_by_state ON jobs (state, position)',
    `CREATE TABLE messages (
       position INTEGER PRIMARY KEY AUTOINCREMENT,
       topic TEXT NOT NULL,
       key TEXT NOT NULL,
       body TEXT NOT NULL,
       published_at INTEGER NOT NULL
     ) STRICT`,
    'CREATE INDEX messages_by_topic ON messages (topic, position)',
    `CREATE TABLE message_groups (
       topic TEXT NOT NULL,
       member_of TEXT NOT NULL,
       position INTEGER NOT NULL,
       PRIMARY KEY (topic, member_of)
     ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE deliveries (
       topic TEXT NOT NULL,
       member_of TEXT NOT NULL,
       position INTEGER NOT NULL,
       consumer TEXT NOT NULL,
       lease_ms INTEGER NOT NULL,
       lease_until INTEGER NOT NULL,
       count INTEGER NOT NULL,
       dead INTEGER NOT NULL DEFAULT 0,
       PRIMARY KEY (topic, member_of, position)
     ) STRICT, WITHOUT ROWID`,
  ],
];
