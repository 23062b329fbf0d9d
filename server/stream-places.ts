/** Bounds how many event streams one server holds open, of runs and topics together. */
import { type AppDeps, DEFAULT_LIMITS } from './deps.ts';
import { ProblemError } from './problem.ts';

export class StreamPlaces {
  #open = 0;
  #limit: number;
  #metrics: AppDeps['metrics'];

  constructor({ limits, metrics }: Pick<AppDeps, 'limits' | 'metrics'>) {
    this.#limit = { ...DEFAULT_LIMITS, ...limits }.streams;
    this.#metrics = metrics;
  }

  /**
   * @returns Gives the place back.
   * @throws {ProblemError} `busy`, if all are taken.
   */
  take(): () => void {
    if (this.#open >= this.#limit) {
      const detail = `Cannot open more than ${this.#limit} event streams`;
      throw new ProblemError('busy', detail, { retryAfterMs: 5000 });
    }
    this.#metrics.streams.set(++this.#open);
    let isLeft = false;
    return () => {
      if (isLeft) return;
      isLeft = true;
      this.#metrics.streams.set(--this.#open);
    };
  }
}
