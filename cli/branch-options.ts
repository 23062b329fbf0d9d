/** What the commands that look back into a run were asked to do. */

export interface ReplayCommandOptions {
  /** Run folder or capsule, as typed. */
  target: string;
  /** Largest relative difference of a loss on another adapter; null: another adapter is refused. */
  tolerance: number | null;
}

export interface ForkCommandOptions {
  target: string;
  /** Step of the fork; null: that of the change. */
  at: number | null;
  /** Number of an event, or a seed such as `s1`; null: nothing is left out. */
  without: string | null;
  /** File of commands that are added; null: none. */
  withFile: string | null;
  /** Who decides after the fork: the log, or the policy anew. */
  future: 'schedule' | 'policy';
  /** Folder of the fork; null: beside the run. */
  outDirectory: string | null;
  /** Stop at the step of the fork. */
  paused: boolean;
}

export interface RewindCommandOptions {
  folder: string;
  at: number;
}

export interface TwinCommandOptions {
  folder: string;
  /** Null: every seed that germinated. */
  seed: string | null;
  /** Steps after germination; null: up to 1,000. */
  steps: number | null;
}

export interface RunsCommandOptions {
  /** Folder that holds run folders. */
  folder: string;
}
