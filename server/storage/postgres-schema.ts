/**
 * Tables of the production profile in PostgreSQL: those of sqlite-schema.ts that its stores use.
 * Released entries never change; a new need is a new entry.
 */
export const POSTGRES_MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE records (
       position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
       kind TEXT NOT NULL,
       id TEXT NOT NULL,
       parent TEXT,
       variant TEXT,
       body TEXT NOT NULL,
       created_at BIGINT NOT NULL,
       body_key TEXT GENERATED ALWAYS AS (body::jsonb ->> 'key') STORED,
       UNIQUE (kind, id)
     )`,
    'CREATE INDEX records_by_parent ON records (kind, parent, variant, position)',
    'CREATE INDEX records_by_key ON records (kind, body_key, position)',
    `CREATE TABLE runs (
       position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
       id TEXT NOT NULL UNIQUE,
       body TEXT NOT NULL,
       created_at BIGINT NOT NULL,
       updated_at BIGINT,
       accepted_through BIGINT NOT NULL DEFAULT -1,
       epoch INTEGER NOT NULL DEFAULT 0,
       finished TEXT
     )`,
    `CREATE TABLE events (
       run BIGINT NOT NULL REFERENCES runs (position) ON DELETE CASCADE,
       seq BIGINT NOT NULL,
       body TEXT NOT NULL,
       is_finish INTEGER NOT NULL,
       PRIMARY KEY (run, seq)
     )`,
    `CREATE TABLE documents (
       space TEXT NOT NULL,
       name TEXT COLLATE "C" NOT NULL,
       body TEXT NOT NULL,
       version INTEGER NOT NULL,
       updated_at BIGINT NOT NULL,
       PRIMARY KEY (space, name)
     )`,
    `CREATE TABLE decisions (
       position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
       id TEXT NOT NULL UNIQUE,
       run_id TEXT NOT NULL,
       step BIGINT NOT NULL,
       body TEXT NOT NULL,
       created_at BIGINT NOT NULL,
       outcome TEXT
     )`,
    'CREATE INDEX decisions_by_run ON decisions (run_id, position)',
    `CREATE TABLE request_keys (
       name TEXT PRIMARY KEY,
       digest TEXT NOT NULL,
       started_at BIGINT NOT NULL,
       answer TEXT
     )`,
    'CREATE INDEX request_keys_by_age ON request_keys (started_at)',
  ],
];
