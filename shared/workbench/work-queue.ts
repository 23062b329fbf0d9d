/** Pieces of work that must not overlap: each begins when the one before has ended. */
export class WorkQueue {
  #last: Promise<void> = Promise.resolve();

  /** @returns What `work` returns; a failure is the caller's and holds up nobody. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /** When everything that waits now has ended. */
  get idle(): Promise<void> {
    return this.#last;
  }
}
