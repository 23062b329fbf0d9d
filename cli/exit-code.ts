/** Exit codes of `esper`, the same for every command. */
import {
  CorruptDataError,
  InputError,
  MissingFeatureError,
  NoAdapterError,
} from '#shared/base/errors.ts';
import type { ExperimentFinished } from './experiment-options.ts';
import type { RunFinished } from './train-options.ts';

export const EXIT = {
  done: 0,
  failed: 1,
  /** Bad arguments or input. */
  input: 2,
  /** None, or one without a feature that is asked for. */
  noAdapter: 3,
  /** 128 + SIGINT; the state is saved. */
  interrupted: 130,
} as const;

/** The person asked to stop before there was a result that says so. */
export class StoppedError extends Error {
  override name = 'StoppedError';
}

/** Exit code for an error that ended a command. A damaged file is bad input, not a failed run. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof InputError || error instanceof CorruptDataError) return EXIT.input;
  if (error instanceof StoppedError) return EXIT.interrupted;
  const unfit = error instanceof NoAdapterError || error instanceof MissingFeatureError;
  if (unfit) return EXIT.noAdapter;
  return EXIT.failed;
}

/** Exit code for the way a run ended. */
export function exitCodeOfRun({ status }: RunFinished): number {
  return EXIT[status];
}

/** A comparison whose thresholds were missed has failed; one that was interrupted is undecided. */
export function exitCodeOfExperiment({ met, status }: ExperimentFinished): number {
  return status === 'done' && met === false ? EXIT.failed : EXIT[status];
}

/** Whether an error's message is meant for the person, so that no stack is needed. */
export function isExpected(error: unknown): boolean {
  return error instanceof Error && error.name !== 'Error' && error.name.endsWith('Error')
    ? !['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError'].includes(error.name)
    : false;
}
