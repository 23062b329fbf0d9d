/** Trains the open run in slices between a person's requests: goes on, pauses, finishes, saves. */
import type { Clock } from '../platform/platform.ts';
import { type SessionReporter, SNAPSHOT_MS } from './session-reporter.ts';
import { WorkQueue } from './work-queue.ts';

/** Milliseconds of training between two saves, beside those the experiment asks for. */
const SAVE_MS = 4000;

export class RunDriver {
  /** Train up to here, then pause; null: to the end. */
  until: number | null = null;
  /** Speed limit; null: none. */
  stepsPerSecond: number | null = null;
  /** What is done to the network, slices of training among it. */
  readonly quiet = new WorkQueue();
  #clock: Clock;
  #page: SessionReporter;
  #fail: (error: unknown) => Promise<void>;
  #lastSave = 0;
  #pumping: Promise<void> | null = null;

  /** @param fail Takes what went wrong in a slice. */
  constructor(clock: Clock, page: SessionReporter, fail: (error: unknown) => Promise<void>) {
    this.#clock = clock;
    this.#page = page;
    this.#fail = fail;
  }

  /** A run was opened: shows it. */
  async opened(): Promise<void> {
    this.#lastSave = this.#clock.now();
    this.#page.flush();
    if (this.#page.status !== 'running') await this.#page.showTask();
  }

  /** @throws {InputError} If no run is open. */
  go(): void {
    this.#page.need();
    if (this.#page.status === 'finished') return;
    this.#page.setStatus('running');
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = null;
      // A request to go on may have come while the last slice was ending.
      if (this.#page.status === 'running') this.go();
    });
  }

  /** Ends when the run stands still and is saved. */
  async pause(): Promise<void> {
    if (this.#page.status !== 'running') {
      // Single steps that just ended are saved when this is answered.
      await this.#pumping;
      return;
    }
    await this.stop();
    // The last slice may have finished the run, or a request to go on may have come.
    if (!this.#page.is('paused')) return;
    // What a person asked for during the last slice is answered now, not at the next step.
    await this.settleCommands();
    await this.quiet.run(async () => {
      if (!this.#page.is('paused')) return;
      await this.#page.need().trainer.save();
      this.#page.flush();
    });
  }

  /** Ends when the run stands still. */
  async stop(): Promise<void> {
    // Shown when the slice has ended: a page that says "paused" must not take another step.
    this.#page.willPause();
    await this.#pumping;
    await this.quiet.idle;
    if (this.#page.is('paused')) this.#page.snapshot();
  }

  /** Trains slice by slice while the status says so. */
  async #pump(): Promise<void> {
    const clock = this.#clock;
    while (this.#page.status === 'running') {
      const began = clock.now();
      const steps = await this.quiet.run(() => this.#slice());
      if (steps === null) continue;
      const limit = this.stepsPerSecond;
      if (limit !== null && this.#page.status === 'running') {
        const due = (steps / limit) * 1000;
        await clock.sleep(Math.max(0, due - (clock.now() - began)));
      } else {
        // Lets messages in.
        await clock.sleep(0);
      }
    }
  }

  /** Trains for a moment and shows it; returns the steps made, null where it failed. */
  async #slice(): Promise<number | null> {
    // Paused while it waited for its turn.
    if (this.#page.status !== 'running') return 0;
    const clock = this.#clock;
    const { trainer } = this.#page.need();
    const began = clock.now();
    const limit = this.stepsPerSecond;
    const allowed = limit === null ? Number.POSITIVE_INFINITY : Math.max(1, Math.round(limit / 10));
    const until = Math.min(trainer.step + allowed, this.until ?? Number.POSITIVE_INFINITY);
    const before = trainer.step;
    try {
      const done = await trainer.train(
        until,
        () => this.#page.status !== 'running' || clock.now() - began > SNAPSHOT_MS,
      );
      this.#page.tick(trainer.step);
      if (done) await this.#finish();
      else if (this.#hasReached(trainer.step)) {
        await trainer.save();
        // Unless a person asked to go on meanwhile. Saved first: "paused" means safe to close.
        if (this.#hasReached(trainer.step) && this.#page.is('running'))
          this.#page.setStatus('paused');
      }
    } catch (error) {
      await this.#fail(error);
      return null;
    }
    await this.#page.sendDue();
    if (clock.now() - this.#lastSave >= SAVE_MS && this.#page.status === 'running') {
      this.#lastSave = clock.now();
      await trainer.save();
    }
    return trainer.step - before;
  }

  #hasReached(step: number): boolean {
    return this.until !== null && step >= this.until;
  }

  async #finish(): Promise<void> {
    const { trainer } = this.#page.need();
    await trainer.finish('done');
    this.#page.setStatus('finished');
  }

  /**
   * Measures the end of a run that has made all its steps.
   *
   * The last checkpoint comes before the last measurements: a run that was left between the two has
   * no end in its log yet. Measured again, the figures have the same bits.
   */
  async finishAgain(): Promise<void> {
    try {
      await this.#finish();
    } catch (error) {
      await this.#fail(error);
    }
  }

  /** Answers what a person asked for while the run stands still. */
  async settleCommands(): Promise<void> {
    // The slice that a pause interrupts may still be training.
    await this.#pumping;
    await this.quiet.run(async () => {
      if (!this.#page.is('paused')) return;
      try {
        await this.#page.need().trainer.applyCommands();
      } catch (error) {
        await this.#fail(error);
      }
      this.#page.flush();
      await this.#page.showTask();
    });
  }
}
