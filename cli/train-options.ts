/**
 * What `esper train` was asked to do, where it reports to, and how it is told to stop. The command
 * line fills these in; cli/train.ts does the work and knows nothing of terminals or signals.
 */
import type { RunEvent } from '#shared/contracts/events.ts';
import type { Numerics } from '#shared/contracts/experiment.ts';
import type { KernelTimes } from '#shared/contracts/kernel-times.ts';

/** Parsed and range-checked arguments of `esper train`; null: not given, the experiment decides. */
export interface TrainOptions {
  /**
   * Path of an experiment file, or name of a built-in preset, as typed; null: the experiment of
   * the run folder that is resumed.
   */
  target: string | null;
  /** Run folder; null: `runs/<experiment name>-<seed>`. */
  outDirectory: string | null;
  /** Replaces the experiment's seed, 0 to 2^32 - 1. */
  seed: number | null;
  /** Replaces the experiment's number of optimizer steps, at least 1. */
  steps: number | null;
  /** Replaces the experiment's number of replicas, 1 to 256. */
  replicas: number | null;
  /** Replaces the experiment's numeric class. */
  numerics: Numerics | null;
  /** Base address of a workbench server that stores kernels and answers decisions. */
  serverUrl: string | null;
  /** Continue the run that the run folder holds. */
  resume: boolean;
  /** Replace the run that the run folder holds. */
  force: boolean;
  /** False: train the starting host alone. */
  growth: boolean;
  /** Make what growth may need beforehand, beside training; no bit of the run depends on it. */
  warmUp: boolean;
  /** Time the kernels of a training step once the run has made all its steps. */
  profile: boolean;
}

/** State of a run for a progress display; every figure that was not measured is null. */
export interface TrainProgress {
  step: number;
  totalSteps: number;
  /** Mean training loss of replica 0 over the last interval. */
  loss: number | null;
  /** Share of correct training predictions of replica 0 over the last interval, [0, 1]. */
  accuracy: number | null;
  /** Trainable values of the network as it is now. */
  parameters: number | null;
  /** Which of several runs this is. */
  label?: string;
}

/** State of work that is no run of its own, and whose steps are of several kinds. */
export interface WorkProgress {
  /** Share of the whole that is done, [0, 1]. */
  share: number;
  /** What is being done. */
  label: string;
}

/** Where a run reports to. Calls are cheap and may come as often as every step. */
export interface TrainOutput {
  /** Draws or prints the progress; thinned out by the output, not by the caller. */
  progress(progress: TrainProgress): void;
  /** The same for work that is no run: a share of the whole with the time left, no steps. */
  work(progress: WorkProgress): void;
  /** An entry of the run's event log, in order. `run.finished` is ignored: see RunTrain. */
  event(event: RunEvent): void;
  /** A line for the person, for example the adapter that was found. */
  note(message: string): void;
  /** A line for the person about something that goes wrong without ending the run. */
  warn(message: string): void;
}

export type RunFinished = Extract<RunEvent, { type: 'run.finished' }>;

/**
 * Trains until done, failed or stopped.
 *
 * @param stop Aborted when the person asks to stop: finish the step, save, and resolve with status
 *   `interrupted`. The command line ends the process itself when asked a second time.
 * @returns The last event of the log; the command line prints it and derives the exit code.
 * @throws {InputError} Bad experiment, data or run folder: exit code 2.
 * @throws {NoAdapterError} No usable adapter: exit code 3.
 * @throws {MissingFeatureError} The adapter lacks what the experiment's numerics need: exit code 3.
 */
export type RunTrain = (
  options: TrainOptions,
  output: TrainOutput & { kernelTimes(times: KernelTimes): void },
  stop: AbortSignal,
) => Promise<RunFinished>;
