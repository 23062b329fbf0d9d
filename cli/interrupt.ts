/**
 * Ctrl-C in two stages: the first asks the run to stop and save, the second ends the process.
 * Pure: main.ts connects it to signals.
 */

/**
 * Milliseconds within which two signals count as one. npm, a terminal and a container runtime each
 * pass the same Ctrl-C on, so one key press may arrive two or three times.
 */
const SAME_PRESS_MS = 400;

export class Interrupt {
  #controller = new AbortController();
  #askedAt: number | null = null;

  /** Aborted by the first request. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Takes note of a signal.
   *
   * @param now Monotonic milliseconds.
   * @returns `stop` for the first, `repeat` for an echo of it, `abort` for a second press.
   */
  request(now: number): 'stop' | 'repeat' | 'abort' {
    if (this.#askedAt === null) {
      this.#askedAt = now;
      this.#controller.abort();
      return 'stop';
    }
    return now - this.#askedAt < SAME_PRESS_MS ? 'repeat' : 'abort';
  }
}
