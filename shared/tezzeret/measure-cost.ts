/** What a verified seed costs on the adapter: its forward and backward pass, alone on the device. */
import type { Backend } from '../engine/plan/backend.ts';
import type { Plan } from '../engine/plan/plan.ts';
import type { Fragment } from './fragment.ts';
import { FragmentRun } from './fragment-run.ts';

/** Runs in one submit; the cost of one is the difference to a single run, shared out. */
const RUNS = 33;
/** Measurements; the shortest counts, since whatever else runs only adds. */
const ROUNDS = 3;

/** How hard the autotuner looks for a pipeline. */
export type TuningEffort = 'light' | 'exhaustive';

/** What became of one kernel's variants. */
export interface TunedKernel {
  /** Kernel and class of shapes, as the tuning table names them. */
  kernel: string;
  /** Variants there are, and those that gave the default's bits and were timed. */
  candidates: number;
  verified: number;
  /** Milliseconds of the default and of the chosen one; null: not timed. */
  defaultMs: number | null;
  chosenMs: number | null;
}

/** Tunes the kernels of a plan; empty where there is nothing to choose. */
export type TuneSeed = (plan: Plan, effort: TuningEffort) => Promise<TunedKernel[]>;

/**
 * @param now Milliseconds of a clock that goes on.
 * @returns Milliseconds of one forward and backward pass; null where the clock is too coarse.
 */
export async function measureCost(
  backend: Backend,
  fragment: Fragment,
  now: () => number,
): Promise<number | null> {
  const run = await FragmentRun.create(backend, fragment);
  try {
    await run.repeat(1);
    const costs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const timed = async (runs: number) => {
        const began = now();
        await run.repeat(runs);
        return now() - began;
      };
      const [one, many] = [await timed(1), await timed(RUNS)];
      if (many > one) costs.push((many - one) / (RUNS - 1));
    }
    return costs.length > 0 ? Math.min(...costs) : null;
  } finally {
    run.dispose();
  }
}
