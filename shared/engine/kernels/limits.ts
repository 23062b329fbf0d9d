/** Bounds that lowerings keep, so that a kernel that compiles also computes. */
import { LimitError } from '../../base/errors.ts';
import { MAX_LOOP_ITERATIONS } from '../plan/ops-conv.ts';

/** Invocations of the workgroups that reduce, and of those that work in a line. */
export const LINE_SIZE = 64;

/** Longest sums that are taken in slices by way of workgroup memory: their loops stay far below the cap. */
export const LONGEST_SLICED = 32_768;

/**
 * Checks the loop iterations of one invocation, all loops together: one software driver stops a
 * shader silently at 65,535.
 *
 * @throws {LimitError} Naming the op and the fix, above {@link MAX_LOOP_ITERATIONS}.
 */
export function checkLoop(op: string, iterations: number, fix: string): void {
  if (iterations > MAX_LOOP_ITERATIONS) {
    throw new LimitError(
      `Cannot lower ${op}: one invocation would loop ${iterations} times, at most ${MAX_LOOP_ITERATIONS} are safe; ${fix}`,
    );
  }
}
