/** Where the time of a training step goes: what the page and the command line show of a profile. */

/** All dispatches of one kernel in one training step. */
export interface TimedKernel {
  kernel: string;
  /** Dispatches in one step, at least 1. */
  dispatches: number;
  /** Milliseconds of one step, all its dispatches together; null: unmeasured. */
  milliseconds: number | null;
}

export interface KernelTimes {
  adapter: string;
  /** Step of the run at which it was measured. */
  step: number;
  /** Training steps that were timed; 0: none was. */
  timedSteps: number;
  /** Slowest first; those that are unmeasured last, in the order of the step. */
  kernels: TimedKernel[];
  /** Sum over what was measured, milliseconds of one step; null: nothing was. */
  milliseconds: number | null;
  /** Why a kernel or all of them are unmeasured, in plain words; null: all are measured. */
  unmeasured: string | null;
}
