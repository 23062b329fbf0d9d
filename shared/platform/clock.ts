/** The system's clock, and one that tests move by hand. */
import type { Clock } from './platform.ts';

/** Monotonic time from `performance.now()`: setting the wall clock back does not move it. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};

interface Sleeper {
  due: number;
  wake: () => void;
}

/** A clock that stands still until `advance` moves it. */
export class ManualClock implements Clock {
  #now = 0;
  #sleepers: Sleeper[] = [];
  #epoch: number;

  /** @param epoch Wall time, in milliseconds since 1970, at monotonic time 0. */
  constructor(epoch = 1_700_000_000_000) {
    this.#epoch = epoch;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#epoch + this.#now;
  }

  /** Moves only the wall clock, as a person or a time server may. */
  shiftWallTime(ms: number): void {
    this.#epoch += ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const sleeper: Sleeper = {
        due: this.#now + Math.max(0, ms),
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** Number of sleeps that have not ended. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /**
   * Moves time forward, waking each sleeper at its own time. Pending promise reactions run before
   * and after each wake-up, so that code that sleeps again is woken again within the same advance.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const due = Math.min(...this.#sleepers.map((sleeper) => sleeper.due));
      if (due > end) break;
      this.#now = Math.max(this.#now, due);
      const woken = this.#sleepers.filter((sleeper) => sleeper.due <= this.#now);
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.due > this.#now);
      for (const sleeper of woken) sleeper.wake();
      await settle();
    }
    this.#now = end;
  }
}

/** Lets promise reactions queued so far run, chains of a few dozen steps included. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}
