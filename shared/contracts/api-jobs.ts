/**
 * Jobs and the leases under which workers do them. A worker is any process that speaks HTTP: it
 * claims a job, renews its lease while it works, and hands in a result. Every claim has a fence; a
 * worker whose lease ran out is told so and its late result is refused.
 */
import { z } from 'zod';
import { Blueprint, HostShape } from './blueprint.ts';
import { Experiment } from './experiment.ts';

/** Tries a job gets before it is set aside as dead. */
export const MAX_TRIES = 3;
/** Bounds of a lease, milliseconds. */
export const MIN_LEASE_MS = 1000;
export const MAX_LEASE_MS = 600_000;
/** Longest untrusted shader, bytes of UTF-8. */
export const MAX_WGSL_BYTES = 64 * 1024;

export const JobKind = z.enum(['compile', 'experiment', 'shader']);
export type JobKind = z.infer<typeof JobKind>;

/** `sha256-` and the SHA-256 of the specification's canonical JSON: the same work is one job. */
export const JobId = z
  .string()
  .regex(/^sha256-[0-9a-f]{64}$/, 'must be "sha256-" and 64 lower-case hexadecimal digits');

export const JobSpec = z.discriminatedUnion('kind', [
  /** Compile a blueprint for a host and store the artifact. */
  z.strictObject({
    kind: z.literal('compile'),
    blueprint: Blueprint,
    host: HostShape,
    pipeline: z.enum(['fast', 'standard', 'aggressive']).default('fast'),
  }),
  /** Train one experiment; its events arrive under the run id of the result. */
  z.strictObject({
    kind: z.literal('experiment'),
    experiment: Experiment,
    /** False: train the starting host alone. */
    growth: z.boolean().default(true),
  }),
  /** Lint a shader nobody vouches for, and compile it where it can do no harm. */
  z.strictObject({
    kind: z.literal('shader'),
    wgsl: z.string().min(1).max(MAX_WGSL_BYTES),
  }),
]);
export type JobSpec = z.infer<typeof JobSpec>;

export const JobState = z.enum(['queued', 'running', 'done', 'dead', 'cancelled']);
export type JobState = z.infer<typeof JobState>;

export const JobProgress = z.strictObject({
  /** Share done, [0, 1]; null: unknown. */
  share: z.number().min(0).max(1).nullable(),
  message: z.string().max(500),
});
export type JobProgress = z.infer<typeof JobProgress>;

/** What people call a job. */
export function jobTitle(spec: JobSpec): string {
  if (spec.kind === 'experiment') return `${spec.experiment.name}, seed ${spec.experiment.seed}`;
  return spec.kind === 'compile' ? `${spec.blueprint.name}, ${spec.pipeline}` : 'shader';
}

/** Run under which the events of an experiment's job arrive; null for other kinds. */
export function jobRunId(id: string, kind: JobKind): string | null {
  return kind === 'experiment' ? `job-${id.replace(/^sha256-/, '').slice(0, 24)}` : null;
}

/** What the worker found; the shape is the kind's own and at most 64 KiB of JSON. */
export const JobResult = z.record(z.string().max(64), z.unknown());
export type JobResult = z.infer<typeof JobResult>;

const time = z.number().int().nonnegative();

export const JobSummary = z.object({
  id: JobId,
  kind: JobKind,
  /** What people call it: names and seed of the specification. */
  title: z.string(),
  state: JobState,
  /** Claims so far; after `max_tries` a job that fails again is dead. */
  tries: z.number().int().nonnegative(),
  max_tries: z.number().int().positive(),
  /** Name of the worker that holds or held it last. */
  worker: z.string().nullable(),
  progress: JobProgress.nullable(),
  result: JobResult.nullable(),
  /** Why the last try failed. */
  error: z.string().nullable(),
  created_at: time,
  updated_at: time,
});
export type JobSummary = z.infer<typeof JobSummary>;

export const JobDetail = JobSummary.extend({ spec: JobSpec });
export type JobDetail = z.infer<typeof JobDetail>;

export const JobPage = z.object({
  items: z.array(JobSummary),
  next: z.string().nullable(),
  /** Jobs of every state, whatever the filter. */
  counts: z.record(JobState, z.number().int().nonnegative()),
});
export type JobPage = z.infer<typeof JobPage>;

export const WorkerName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be letters, digits, dots and dashes');

const leaseMs = z.number().int().min(MIN_LEASE_MS).max(MAX_LEASE_MS).default(30_000);

export const JobClaim = z.strictObject({
  worker: WorkerName,
  kinds: z.array(JobKind).min(1).max(3),
  lease_ms: leaseMs,
});
export type JobClaim = z.infer<typeof JobClaim>;

export const ClaimedJob = z.object({
  job: JobDetail,
  /** Goes with every renewal and with the result. */
  fence: z.string().max(100),
  lease_ms: z.number().int(),
});
export type ClaimedJob = z.infer<typeof ClaimedJob>;

const fence = z.string().min(1).max(100);

/** By what right a job's process writes to the job's run: refused once the lease is lost. */
export const JobLease = z.strictObject({ job: JobId, fence });
export type JobLease = z.infer<typeof JobLease>;

export const LeaseRenewal = z.strictObject({
  fence,
  lease_ms: leaseMs,
  progress: JobProgress.nullable().default(null),
});
export type LeaseRenewal = z.infer<typeof LeaseRenewal>;

export const LeaseState = z.object({
  lease_ms: z.number().int(),
  /** Somebody cancelled the job: stop, and hand in `cancelled`. */
  cancel: z.boolean(),
});
export type LeaseState = z.infer<typeof LeaseState>;

export const JobReport = z.discriminatedUnion('outcome', [
  z.strictObject({ fence, outcome: z.literal('done'), result: JobResult }),
  z.strictObject({
    fence,
    outcome: z.literal('failed'),
    error: z.string().max(4000),
    /** False: another try would fail the same way, so the job is dead now. */
    retryable: z.boolean().default(true),
  }),
  z.strictObject({ fence, outcome: z.literal('cancelled') }),
  /** The worker stops; the job goes back to the queue and the try does not count. */
  z.strictObject({ fence, outcome: z.literal('released') }),
]);
export type JobReport = z.infer<typeof JobReport>;
