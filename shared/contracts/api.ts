/**
 * What crosses the HTTP boundary, besides decisions (decision.ts) and blueprints (blueprint.ts).
 * docs/server.md lists the endpoints; /openapi.json is generated from these schemas.
 */
import { z } from 'zod';
import { JobLease } from './api-jobs.ts';
import { ArtifactManifest, Blueprint } from './blueprint.ts';
import { RunEvent } from './events.ts';
import { Experiment } from './experiment.ts';
import { ServiceStatus } from './services.ts';

/** Largest body of POST /api/v1/analyze, bytes. */
export const MAX_ANALYZE_BYTES = 512 * 1024;
/** Largest blob, bytes. */
export const MAX_BLOB_BYTES = 64 * 2 ** 20;
/** Largest body of every other request, bytes. */
export const MAX_BODY_BYTES = 4 * 2 ** 20;
/** Most events one request may append to a run. */
export const MAX_EVENTS = 1000;
/** Most items one page of a list may hold. */
export const MAX_PAGE = 200;

/** Lower-case hexadecimal SHA-256. */
export const Digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in 64 lower-case hexadecimal digits');

export const RunId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
    'must be letters, digits, dots, dashes and underscores, at most 128',
  );

/** RFC 9457 problem document; the media type is application/problem+json. */
export const Problem = z.object({
  /** `/problems/<name>`; docs/server.md lists them. Clients branch on it, else on `status`. */
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  /** Path of the request. */
  instance: z.string(),
  request_id: z.string(),
  /** The same request may succeed later. */
  retryable: z.boolean(),
  retry_after_ms: z.number().optional(),
  /** Faults of the input, by JSON pointer. */
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
});
export type Problem = z.infer<typeof Problem>;

/** Query of every list: `cursor` is the `next` of the page before. */
export const PageQuery = z.object({
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
});

const page = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    /** Cursor of the next page; null on the last one. */
    next: z.string().nullable(),
  });

/** Milliseconds since 1970, by the server's clock. */
const createdAt = z.number().int().nonnegative();

export const StoredBlueprint = z.object({
  /** Content id: shared/blueprints/canonical-hash.ts. */
  id: Digest,
  blueprint: Blueprint,
  created_at: createdAt,
});
export type StoredBlueprint = z.infer<typeof StoredBlueprint>;
export const BlueprintPage = page(StoredBlueprint);

export const StoredKernel = z.object({
  /** SHA-256 of the manifest's canonical JSON. */
  id: Digest,
  manifest: ArtifactManifest,
  created_at: createdAt,
});
export type StoredKernel = z.infer<typeof StoredKernel>;
export const KernelPage = page(StoredKernel);
export const KernelQuery = PageQuery.extend({
  /** Only kernels of this blueprint. */
  blueprint: Digest.optional(),
  /** Only kernels for this host: SHA-256 of the HostShape's canonical JSON. */
  host: Digest.optional(),
  /** Only kernels with this key in their manifest. */
  key: Digest.optional(),
});

export const BlobReceipt = z.object({
  sha256: Digest,
  bytes: z.number().int().nonnegative(),
});

export const RunCreate = z.strictObject({
  /** Chosen by the client, so that repeating the request is harmless. */
  id: RunId,
  experiment: Experiment,
  /** Adapter the run was started on. */
  adapter: z.string().max(500),
  /** Of the job whose run this is. Its next try may be on another adapter, which takes over. */
  lease: JobLease.optional(),
});
export type RunCreate = z.infer<typeof RunCreate>;

export const RunSummary = z.object({
  id: RunId,
  name: z.string(),
  seed: z.number().int(),
  adapter: z.string(),
  created_at: createdAt,
  /** When the last event arrived; null before the first. */
  updated_at: createdAt.nullable(),
  /** `open` until a `run.finished` event is the last one. */
  status: z.enum(['open', 'done', 'interrupted', 'failed']),
  /** Sequence number of the last event stored; -1 before the first. */
  accepted_through: z.number().int().min(-1),
  /** The `run.finished` event, if it is the last one. */
  finished: RunEvent.nullable(),
});
export type RunSummary = z.infer<typeof RunSummary>;
export const RunDetail = RunSummary.extend({ experiment: Experiment });
export type RunDetail = z.infer<typeof RunDetail>;
export const RunPage = page(RunSummary);

/** Events in order of `seq`, without gaps; the first event of a run has number 0. */
export const EventsAppend = z.strictObject({
  events: z.array(RunEvent).min(1).max(MAX_EVENTS),
  /**
   * A client that went back to a checkpoint disowns its events from this number on; the server
   * drops them before it appends.
   */
  rewind_to: z.number().int().nonnegative().optional(),
  /** Of the job whose run this is: a worker that lost it must not undo what the next one sent. */
  lease: JobLease.optional(),
});
export type EventsAppend = z.infer<typeof EventsAppend>;
export const EventsAccepted = z.object({ accepted_through: z.number().int().min(-1) });

export const EventsQuery = z.object({
  /** Only events after this number. */
  after: z.coerce.number().int().min(-1).default(-1),
  limit: z.coerce.number().int().min(1).max(MAX_EVENTS).default(MAX_EVENTS),
});
export const EventsPage = z.object({
  items: z.array(RunEvent),
  accepted_through: z.number().int().min(-1),
});

export const Health = z.object({ status: z.literal('ok'), version: z.string() });

export const Readiness = z.object({
  status: z.enum(['ready', 'draining', 'failed']),
  version: z.string(),
  profile: z.enum(['embedded', 'production']),
  uptime_s: z.number(),
  checks: z.array(
    z.object({
      name: z.string(),
      ok: z.boolean(),
      /** Milliseconds the check took. */
      latency_ms: z.number(),
      /** Why it failed. */
      detail: z.string().nullable(),
    }),
  ),
  /** Services this server itself calls. */
  services: z.array(ServiceStatus),
});
export type Readiness = z.infer<typeof Readiness>;

/** State of the database behind the records. Null: this engine has no such thing. */
export const DatabaseStats = z.object({
  engine: z.string(),
  /** Connections allowed, open, idle, in use, and callers waiting for one. */
  max: z.number().int(),
  size: z.number().int(),
  idle: z.number().int(),
  checked_out: z.number().int(),
  waiting: z.number().int(),
  /** Time to get a connection (SQLite: the write lock), over the last 256; null before any. */
  acquire_p50_ms: z.number().nullable(),
  acquire_p99_ms: z.number().nullable(),
  timeouts_total: z.number().int(),
  errors_total: z.number().int(),
  last_error_at: z.number().nullable(),
  /** `unhealthy`: no connection within the last 10 s; `saturated`: callers wait. */
  status: z.enum(['healthy', 'saturated', 'unhealthy']),
  page_count: z.number().int().nullable(),
  page_bytes: z.number().int().nullable(),
  wal_bytes: z.number().int().nullable(),
  records: z.object({
    blueprints: z.number().int(),
    kernels: z.number().int(),
    runs: z.number().int(),
    events: z.number().int(),
  }),
});
export type DatabaseStats = z.infer<typeof DatabaseStats>;
