/** What the page can ask of runs that are stored, and what it is told; part of engine-protocol.ts. */
import type { BoundaryImage, DataReport } from './engine-protocol.ts';
import type { Command, RunEvent } from './events.ts';
import type { Experiment } from './experiment.ts';
import type { ForkChange } from './lineage.ts';

export type BranchRequest =
  /** The reply's value is a `StoredRunRow[]`, the newest first. */
  | { kind: 'list-runs' }
  /** The reply's value is a `StoredRunView`. */
  | { kind: 'view-run'; runId: string; resolution: number }
  /** Takes the open run back to a step, paused. The reply's value: false when it was stopped. */
  | { kind: 'rewind'; step: number }
  /**
   * Branches the open run off at a step and opens the fork, paused. `without` is the number of an
   * event. The reply's value is the fork's run id, or null when it was stopped.
   */
  | {
      kind: 'fork';
      step: number | null;
      without: number | null;
      added: { step: number; command: Command }[];
      future: 'schedule' | 'policy';
    }
  /** Makes the open run again and compares. The reply's value is a `ReplayResult`. */
  | { kind: 'replay' }
  /** Compares a seed with a run that never had it; the result is logged. */
  | { kind: 'twin'; seedId: string }
  /** Verifies a capsule and opens its run, paused. The reply's value is the run id. */
  | { kind: 'open-capsule'; name: string; bytes: ArrayBuffer }
  /** Removes a stored run that is not open. */
  | { kind: 'remove-run'; runId: string }
  /** Stops the rewind, fork, replay or twin that is being made. */
  | { kind: 'stop-work' };

/** Long work on stored runs; null when there is none. */
export interface WorkReport {
  what: 'rewind' | 'fork' | 'replay' | 'twin' | 'capsule';
  /** Share done, [0, 1]. */
  done: number;
}

export interface StoredRunRow {
  runId: string;
  name: string;
  seed: number;
  step: number;
  totalSteps: number;
  status: 'done' | 'interrupted' | 'failed' | 'open' | 'unreadable';
  testAccuracy: number | null;
  parameters: number | null;
  /** Milliseconds since 1970 of the last event; null: it has no time. */
  time: number | null;
  lineage: { parent: string; step: number; change: ForkChange } | null;
}

/** Everything the page shows of a run beside another. */
export interface StoredRunView extends StoredRunRow {
  experiment: Experiment;
  /** Means over replicas at each look. */
  curve: { steps: number[]; loss: (number | null)[]; accuracy: (number | null)[] };
  /** Test loss and accuracy, means over replicas. */
  tests: { step: number; loss: number | null; accuracy: number | null }[];
  /** Seeds in the order of germination with the stage each has now. */
  seeds: { seedId: string; blueprint: string | null; stage: string; germinatedStep: number }[];
  twins: Extract<RunEvent, { type: 'twin' }>[];
  digest: string | null;
  /** Of the newest checkpoint; null where the task is no plane or there is no checkpoint. */
  boundary: BoundaryImage | null;
  points: DataReport['points'];
}

export interface ReplayResult {
  status: 'same' | 'different' | 'interrupted';
  steps: number;
  digests: number;
  events: number;
  comparison: 'bits' | 'tolerance';
  difference: {
    step: number;
    seq: number | null;
    what: string;
    recorded: string;
    replayed: string;
  } | null;
}
