/** What `esper bench` was asked to measure. */
export interface BenchCommandOptions {
  /** Workloads to measure, and nothing else; empty: everything. */
  only: readonly string[];
  /** Samples of each measurement. */
  samples: number;
  /** File to write the Markdown page to; null: none. */
  write: string | null;
  /** Measures in Chromium as well. */
  browser: boolean;
  /** Also times every kernel of the training workloads. */
  profile: boolean;
  /** Result file of a peers harness, whose ratios go into the page; null: none. */
  peers: string | null;
}
