/**
 * Circuit breaker: after enough failures calls are refused at once, and single trial calls find
 * out when the service is back.
 *
 * Opens on `consecutiveFailures` in a row, or when at least `minimumCalls` ended within the window
 * and `failureRate` of them failed. The first rule answers within seconds at a laboratory's
 * traffic, the second sees a service that fails half the time. Stays open for `openMs`, doubling
 * up to `maxOpenMs` with each failed trial. One trial runs at a time; a trial that never reports
 * is given up after `trialMs`, so a half-open breaker cannot wedge.
 */
import type { BreakerState } from '../contracts/services.ts';
import type { Timer } from './timer.ts';

export interface CircuitBreakerOptions {
  /** @default {4} */
  consecutiveFailures?: number;
  /** Share of failures within the window, (0, 1]. @default {0.5} */
  failureRate?: number;
  /** Fewest calls within the window for the rate to count. @default {8} */
  minimumCalls?: number;
  /** Milliseconds. @default {10_000} */
  windowMs?: number;
  /** Milliseconds until the first trial. @default {1000} */
  openMs?: number;
  /** Longest wait between two trials, milliseconds. @default {4000} */
  maxOpenMs?: number;
  /** Milliseconds after which a silent trial counts as failed. @default {30_000} */
  trialMs?: number;
}

/** Leave to make one call. Exactly one of its methods should be called; later ones do nothing. */
export interface Permit {
  /** The call is the trial of a half-open breaker. */
  readonly isTrial: boolean;
  succeed(): void;
  fail(): void;
  /** The call ended without saying anything about the service. */
  release(): void;
}

interface Bucket {
  index: number;
  calls: number;
  failures: number;
}

const BUCKETS = 10;

export class CircuitBreaker {
  #timer: Pick<Timer, 'now'>;
  #options: Required<CircuitBreakerOptions>;
  #onChange: (state: BreakerState) => void;
  #state: BreakerState = 'closed';
  #tripped = false;
  #buckets: Bucket[] = [];
  #failuresInRow = 0;
  #openUntil = 0;
  #nextOpenMs: number;
  #trialStarted = 0;
  /** Permits of an earlier generation speak of a past the breaker has drawn its conclusion from. */
  #generation = 0;

  /** @param onChange Called after each change of state, `tripped` included. */
  constructor(
    timer: Pick<Timer, 'now'>,
    options: CircuitBreakerOptions = {},
    onChange: (state: BreakerState) => void = () => undefined,
  ) {
    this.#timer = timer;
    this.#options = {
      consecutiveFailures: 4,
      failureRate: 0.5,
      minimumCalls: 8,
      windowMs: 10_000,
      openMs: 1000,
      maxOpenMs: 4000,
      trialMs: 30_000,
      ...options,
    };
    this.#nextOpenMs = this.#options.openMs;
    this.#onChange = onChange;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** True while a person holds it open. */
  get tripped(): boolean {
    return this.#tripped;
  }

  /** Milliseconds until a trial is allowed; null unless open, or open until reset. */
  get retryInMs(): number | null {
    if (this.#state !== 'open' || this.#tripped) return null;
    return Math.max(0, this.#openUntil - this.#timer.now());
  }

  /**
   * Milliseconds until `acquire` gives leave, unless a trial's verdict comes first; 0: now; null:
   * not before `reset`.
   */
  get dueInMs(): number | null {
    if (this.#tripped) return null;
    if (this.#state === 'closed') return 0;
    const due =
      this.#state === 'open' ? this.#openUntil : this.#trialStarted + this.#options.trialMs;
    return Math.max(0, due - this.#timer.now());
  }

  /** Leave to call, or null: the caller must not. */
  acquire(): Permit | null {
    if (this.dueInMs !== 0) return null;
    if (this.#state === 'closed') return this.#permit(false);
    this.#generation++;
    this.#trialStarted = this.#timer.now();
    this.#enter('half-open');
    return this.#permit(true);
  }

  /** Holds the breaker open until `reset`. */
  trip(): void {
    this.#generation++;
    this.#tripped = true;
    this.#state = 'open';
    this.#onChange('open');
  }

  /** Closes the breaker and forgets the failures. */
  reset(): void {
    this.#generation++;
    this.#tripped = false;
    this.#close();
  }

  #permit(isTrial: boolean): Permit {
    const generation = this.#generation;
    let used = false;
    const once = (report: () => void) => () => {
      if (used) return;
      used = true;
      if (generation === this.#generation) report();
    };
    return {
      isTrial,
      succeed: once(() => (isTrial ? this.#close() : this.#count(true))),
      fail: once(() => (isTrial ? this.#open() : this.#count(false))),
      // An abandoned trial opens again at once: the next call may try.
      release: once(() => {
        if (!isTrial) return;
        this.#openUntil = this.#timer.now();
        this.#enter('open');
      }),
    };
  }

  #count(succeeded: boolean): void {
    const bucket = this.#bucket();
    bucket.calls++;
    if (succeeded) {
      this.#failuresInRow = 0;
      return;
    }
    bucket.failures++;
    this.#failuresInRow++;
    const calls = this.#buckets.reduce((sum, b) => sum + b.calls, 0);
    const failures = this.#buckets.reduce((sum, b) => sum + b.failures, 0);
    const { consecutiveFailures, minimumCalls, failureRate } = this.#options;
    const isRateHigh = calls >= minimumCalls && failures >= failureRate * calls;
    if (this.#failuresInRow >= consecutiveFailures || isRateHigh) this.#open();
  }

  #bucket(): Bucket {
    const index = Math.floor((this.#timer.now() * BUCKETS) / this.#options.windowMs);
    this.#buckets = this.#buckets.filter((bucket) => bucket.index > index - BUCKETS);
    const last = this.#buckets.at(-1);
    if (last?.index === index) return last;
    const bucket = { index, calls: 0, failures: 0 };
    this.#buckets.push(bucket);
    return bucket;
  }

  #open(): void {
    this.#generation++;
    this.#openUntil = this.#timer.now() + this.#nextOpenMs;
    this.#nextOpenMs = Math.min(this.#nextOpenMs * 2, this.#options.maxOpenMs);
    this.#enter('open');
  }

  #close(): void {
    this.#generation++;
    this.#buckets = [];
    this.#failuresInRow = 0;
    this.#nextOpenMs = this.#options.openMs;
    this.#enter('closed');
  }

  #enter(state: BreakerState): void {
    this.#state = state;
    this.#onChange(state);
  }
}
