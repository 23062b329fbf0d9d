/** Bulkhead: bounds how much of this process one slow dependency can hold. */

/** The bulkhead and its queue are full. */
export class BulkheadFullError extends Error {
  override name = 'BulkheadFullError';
}

interface Waiter {
  enter: () => void;
}

export class Bulkhead {
  #limit: number;
  #queueLimit: number;
  #running = 0;
  #queue: Waiter[] = [];

  /**
   * @param limit Calls at once.
   * @param queueLimit Calls that may wait for a place.
   */
  constructor(limit: number, queueLimit: number) {
    this.#limit = limit;
    this.#queueLimit = queueLimit;
  }

  get running(): number {
    return this.#running;
  }

  /**
   * Waits for a place, first come, first served.
   *
   * @returns Gives the place back; calls after the first do nothing.
   * @throws {BulkheadFullError} If the queue is full.
   * @throws The signal's reason, if it aborts while waiting.
   */
  async enter(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#running < this.#limit) this.#running++;
    else await this.#wait(signal);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      // The place passes straight to the next in line, so nobody can slip in between.
      const next = this.#queue.shift();
      if (next) next.enter();
      else this.#running--;
    };
  }

  #wait(signal?: AbortSignal): Promise<void> {
    if (this.#queue.length >= this.#queueLimit) {
      throw new BulkheadFullError(
        `Cannot start another call: ${this.#running} are running and ${this.#queue.length} wait`,
      );
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        enter: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = () => {
        this.#queue = this.#queue.filter((other) => other !== waiter);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(waiter);
    });
  }
}
