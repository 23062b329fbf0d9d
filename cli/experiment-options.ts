/** What `esper experiment` was asked to do, and what it finds out; see cli/experiment.ts. */
import type { SuiteName } from '#shared/contracts/verdict.ts';
import type { RunFinished } from './train-options.ts';

/** Parsed and range-checked arguments; null: not given. */
export interface ExperimentOptions {
  /** Path of an experiment file, or name of a preset, as typed. */
  target: string;
  /** Number of consecutive seeds. */
  seeds: number;
  /** Null: the experiment's own. */
  firstSeed: number | null;
  steps: number | null;
  /** New folder for the runs and results.json; null: nothing is kept. */
  outDirectory: string | null;
  /** Test accuracy, a share of one, that the host is to stay under. */
  hostBelow: number | null;
  /** Test accuracy, a share of one, that the grown network is to pass. */
  grownAbove: number | null;
  /** Seeds that must meet every given threshold. */
  atLeast: number | null;
}

/** What `esper experiment SUITE` was asked to do; see cli/suite.ts. */
export interface SuiteCommandOptions {
  suite: SuiteName;
  /** Null: as many repetitions as the published protocol has. */
  seeds: number | null;
  /** Folder of the frozen data of p3; null: the built-in task. */
  dataFolder: string | null;
  /** Folder for the result in JSON; null: it is only printed. */
  outDirectory: string | null;
  /** In Chromium instead of here. */
  browser: boolean;
}

/** The same for the page that runs it; see cli/suite-page.ts. */
export interface SuitePageOptions {
  suite: SuiteName;
  seeds: number | null;
  /** Folder of the frozen data of p3; null: the built-in task. */
  files: string | null;
}

/** What the page says on the way. */
export interface SuiteProgress {
  /** Of the work, [0, 1]. */
  share: number;
  label: string;
}

export type NetworkKind = 'host' | 'grown';
export const NETWORKS: readonly NetworkKind[] = ['host', 'grown'];

/** One training run of the comparison; a line of `--json`. */
export interface ExperimentRun extends Omit<RunFinished, 'type' | 'seq' | 'step' | 'time'> {
  type: 'experiment.run';
  seed: number;
  network: NetworkKind;
}

/** Accuracy and size of one kind of network over all seeds. */
export interface Spread {
  /** Null: no run ended well. */
  meanTestAccuracy: number | null;
  /** Sample standard deviation; null for fewer than two runs. */
  sdTestAccuracy: number | null;
  meanParameters: number | null;
}

/** The verdict; the last line of `--json`, and results.json. */
export interface ExperimentFinished {
  type: 'experiment.finished';
  status: 'done' | 'interrupted' | 'failed';
  name: string;
  steps: number;
  firstSeed: number;
  /** Seeds for which both networks were trained to the end. */
  seeds: number;
  seedsWanted: number;
  adapter: string;
  host: Spread;
  grown: Spread;
  /** Seeds whose grown network is more accurate than its host. */
  grownBetter: number;
  hostBelow: { threshold: number; seeds: number } | null;
  grownAbove: { threshold: number; seeds: number } | null;
  /** Seeds that meet every given threshold; null: none was given. */
  meetingAll: number | null;
  atLeast: number | null;
  /** Null: nothing was asked for. */
  met: boolean | null;
  seconds: number;
}
