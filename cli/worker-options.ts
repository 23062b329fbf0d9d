/** What `esper worker` and `esper submit` were asked to do. */
import type { JobKind } from '#shared/contracts/api-jobs.ts';

export interface WorkerOptions {
  serverUrl: string;
  /** Null: from ESPER_TOKEN, if it is set. */
  token: string | null;
  /** Jobs done at once, 1 to 64. */
  concurrency: number;
  kinds: readonly JobKind[];
  /** Null: made from the machine's process. */
  name: string | null;
  /** Stop when nothing waits. */
  once: boolean;
}

export interface SubmitOptions {
  serverUrl: string;
  token: string | null;
  /** An experiment file or preset, a `.wgsl` file, or a `.json` file of a job. */
  target: string;
  /** Jobs of an experiment, one a seed; null: the experiment's seed. */
  seeds: number | null;
  firstSeed: number | null;
  steps: number | null;
  growth: boolean;
  /** Follow the jobs to their end. */
  wait: boolean;
}

/** Where the two report to. */
export interface JobOutput {
  note(message: string): void;
  warn(message: string): void;
  /** A record for programs. */
  record(fields: Record<string, unknown>): void;
}
