/**
 * Where calls wait for a breaker that is open, each within its own deadline, instead of being
 * refused at once. They hold no place of the bulkhead meanwhile: a call that does not wait is not
 * held up by those that do.
 */
import { BulkheadFullError } from './bulkhead.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import type { Timer } from './timer.ts';

/**
 * Milliseconds over which calls leave once the breaker has closed, by chance: every client of a
 * service sees it return at the same moment.
 */
const SPREAD_MS = 500;

export interface WaitingRoomSetup {
  breaker: Pick<CircuitBreaker, 'state' | 'dueInMs'>;
  timer: Timer;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Calls that may wait. */
  limit: number;
  /** Whether somebody else makes the trials; if not, a call that waits becomes the trial. */
  isProbed: () => boolean;
}

export class WaitingRoom {
  readonly #o: WaitingRoomSetup;
  readonly #wakers = new Set<() => void>();
  #waiting = 0;

  constructor(setup: WaitingRoomSetup) {
    this.#o = setup;
  }

  /** Tells those who wait that the breaker changed, or that nobody probes any more. */
  wake(): void {
    for (const wake of [...this.#wakers]) wake();
  }

  /**
   * Waits until a call has a chance: the breaker is closed, or its trial is due and nobody probes.
   *
   * @param deadline On the timer's clock, milliseconds.
   * @param isBack The call was let out before and refused, since another became the trial.
   * @returns False: waiting is of no use, because the next trial comes after the deadline or a
   *   person holds the breaker open.
   * @throws {BulkheadFullError} If too many wait.
   * @throws The signal's reason, as soon as it aborts.
   */
  async enter(deadline: number, signal: AbortSignal, isBack = false): Promise<boolean> {
    const { breaker, limit, random, timer } = this.#o;
    if (this.#hasChance) return true;
    if (this.#waiting >= limit && !isBack) {
      throw new BulkheadFullError(`the circuit breaker is open and ${this.#waiting} calls wait`);
    }
    this.#waiting++;
    try {
      for (;;) {
        while (!this.#hasChance) {
          const due = breaker.dueInMs;
          const left = deadline - timer.now();
          // While a trial is under way its verdict may come at any time.
          const isLate = breaker.state === 'open' && due !== null && due >= left;
          if (due === null || left <= 0 || isLate) return false;
          await this.#change(this.#o.isProbed() ? left : Math.min(due, left), signal);
        }
        if (breaker.state !== 'closed') return true;
        const left = Math.max(0, deadline - timer.now());
        await timer.sleep(random() * Math.min(SPREAD_MS, left / 2), signal);
        // It may have opened again on those who left first.
        if (breaker.state === 'closed') return true;
      }
    } finally {
      this.#waiting--;
    }
  }

  get #hasChance(): boolean {
    const { breaker, isProbed } = this.#o;
    return breaker.state === 'closed' || (breaker.dueInMs === 0 && !isProbed());
  }

  /** Until the breaker changes, for at most `ms`. */
  async #change(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const wake = () => woken.abort();
    this.#wakers.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    try {
      await this.#o.timer.sleep(ms, woken.signal).catch(() => undefined);
    } finally {
      signal.removeEventListener('abort', wake);
      this.#wakers.delete(wake);
    }
    signal.throwIfAborted();
  }
}
