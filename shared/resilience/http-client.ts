/**
 * Client of one service: bulkhead, then retries within a budget, then breaker, then a time limit
 * over headers and body, then fetch. The time limit sits inside the breaker, so a service that
 * accepts and never answers counts as failing. No call outlives its deadline.
 */
import type { ServiceStatus } from '../contracts/services.ts';
import { systemClock } from '../platform/clock.ts';
import { nextDelayMs } from './backoff.ts';
import { Bulkhead, BulkheadFullError } from './bulkhead.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { RetryBudget } from './retry-budget.ts';
import type {
  ServiceClientOptions,
  ServiceClientSetup,
  ServiceRequest,
} from './service-client-options.ts';
import { ServiceError } from './service-error.ts';
import { sendRequest } from './service-request.ts';
import type { ServiceResponse } from './service-response.ts';
import { TimeLimitError, withTimeLimit } from './time-limit.ts';
import type { Timer } from './timer.ts';
import { WaitingRoom } from './waiting-room.ts';

const LATENCIES = 64;
const PROBE_TIMEOUT_MS = 2000;
const QUEUE = 64;

/** How far a call is with its attempts, over all its turns in the bulkhead. */
interface Progress {
  /** Attempts before the present one. */
  attempt: number;
  /** Tokens the last retry took of the budget. */
  paid: number;
  /** Wait before it, milliseconds. */
  delay: number;
}

export class ServiceClient {
  readonly name: string;
  /** Run the calls are made for, sent as `X-Run-Id`; null: none. */
  runId: string | null = null;
  readonly #baseUrl: URL;
  readonly #timer: Timer;
  readonly #fetch: typeof globalThis.fetch;
  readonly #random: () => number;
  readonly #options: ServiceClientOptions;
  readonly #bulkhead: Bulkhead;
  readonly #budget: RetryBudget;
  readonly #breaker: CircuitBreaker;
  readonly #room: WaitingRoom;
  readonly #listeners = new Set<(status: ServiceStatus) => void>();
  readonly #closed = new AbortController();
  #calls = 0;
  #failures = 0;
  #retries = 0;
  #latencies: number[] = [];
  #lastError: string | null = null;
  #isProbing = false;

  /** @throws {TypeError} If `baseUrl` is not absolute. */
  constructor(setup: ServiceClientSetup) {
    this.name = setup.name;
    this.#baseUrl = new URL(setup.baseUrl);
    this.#timer = setup.timer ?? systemClock;
    // fetch insists on being called on the global object.
    this.#fetch = setup.fetch ?? ((input, init) => globalThis.fetch(input, init));
    this.#random = setup.random ?? Math.random;
    this.#options = setup.options ?? {};
    const { budget, concurrency = 16, probePath, queue = QUEUE } = this.#options;
    this.#bulkhead = new Bulkhead(concurrency, queue);
    this.#budget = new RetryBudget(budget);
    this.#breaker = new CircuitBreaker(this.#timer, this.#options.breaker, () => this.#changed());
    this.#room = new WaitingRoom({
      ...{ breaker: this.#breaker, timer: this.#timer, random: this.#random, limit: queue },
      isProbed: () => probePath !== undefined && !this.#closed.signal.aborted,
    });
  }

  /**
   * One call. Every attempt carries the same `X-Request-Id`.
   *
   * @param path Relative to the base URL, query included.
   * @returns The whole answer, status below 400.
   * @throws {ServiceError} In every other case, at most 100 ms after the deadline; with the id.
   */
  async request(path: string, given: ServiceRequest = {}): Promise<ServiceResponse> {
    this.#calls++;
    const requestId = given.headers?.['x-request-id'] ?? crypto.randomUUID();
    const request = { ...given, headers: { ...given.headers, 'x-request-id': requestId } };
    const deadlineMs = request.deadlineMs ?? this.#options.deadlineMs ?? 10_000;
    try {
      const response = await withTimeLimit(this.#timer, deadlineMs, request.signal, (signal) =>
        this.#queued(path, request, this.#timer.now() + deadlineMs, signal),
      );
      return response;
    } catch (error) {
      const failure = this.#failed(error, deadlineMs, request.signal);
      if (failure.kind !== 'open' && failure.kind !== 'busy') failure.requestId = requestId;
      throw failure;
    } finally {
      this.#notify();
    }
  }

  /**
   * One call whose answer is JSON.
   *
   * @param parse Checks the answer, such as `Schema.parse`; what it throws becomes an `answer`
   *   error.
   */
  async requestJson<T>(
    path: string,
    parse: (value: unknown) => T,
    request: ServiceRequest = {},
  ): Promise<T> {
    const response = await this.request(path, request);
    try {
      // Nothing to say is an answer too: 204 has no body.
      return parse(response.status === 204 ? null : response.json());
    } catch (cause) {
      const message = `Cannot use the answer of ${this.name} to ${path}: it breaks the contract`;
      const error = new ServiceError(message, { kind: 'answer', service: this.name, cause });
      this.#failures++;
      this.#lastError = error.message;
      this.#notify();
      throw error;
    }
  }

  status(): ServiceStatus {
    const sorted = [...this.#latencies].sort((a, b) => a - b);
    return {
      name: this.name,
      url: this.#baseUrl.href,
      breaker: this.#breaker.state,
      tripped: this.#breaker.tripped,
      calls: this.#calls,
      failures: this.#failures,
      retries: this.#retries,
      latencyMs: sorted[Math.floor(sorted.length / 2)] ?? null,
      lastError: this.#lastError,
      retryInMs: this.#breaker.retryInMs,
    };
  }

  /** Calls `listener` after every call and every change of the breaker. @returns Stops it. */
  onStatus(listener: (status: ServiceStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Holds the breaker open until `reset`. */
  trip(): void {
    this.#breaker.trip();
  }

  /** Closes the breaker. */
  reset(): void {
    this.#breaker.reset();
  }

  /** Stops the probes; a client without `probePath` needs no closing. */
  close(): void {
    this.#closed.abort();
    this.#room.wake();
  }

  async #queued(
    path: string,
    request: ServiceRequest,
    deadline: number,
    signal: AbortSignal,
  ): Promise<ServiceResponse> {
    let waits = (request.whenOpen ?? this.#options.whenOpen) === 'wait';
    const progress: Progress = { attempt: 0, paid: 0, delay: 0 };
    for (let turn = 0; ; turn++) {
      if (waits) waits = await this.#room.enter(deadline, signal, turn > 0);
      const leave = await this.#bulkhead.enter(signal);
      try {
        return await this.#withRetries(path, request, deadline, signal, progress);
      } catch (error) {
        // Nothing was sent by a call that was refused, so also one that must not be repeated may
        // wait for its chance.
        if (!waits || !(error instanceof ServiceError) || error.kind !== 'open') throw error;
      } finally {
        leave();
      }
    }
  }

  async #withRetries(
    path: string,
    request: ServiceRequest,
    deadline: number,
    signal: AbortSignal,
    progress: Progress,
  ): Promise<ServiceResponse> {
    const { backoffMs = 100, maxBackoffMs = 2000 } = this.#options;
    const retries = request.retries ?? this.#options.retries ?? 2;
    const isIdempotent = request.idempotent ?? request.method !== 'POST';
    for (;;) {
      let error: ServiceError;
      try {
        const response = await this.#attempt(path, request, deadline, signal);
        this.#budget.refund(progress.paid);
        return response;
      } catch (thrown) {
        if (!(thrown instanceof ServiceError) || signal.aborted) throw thrown;
        error = thrown;
      }
      // A refusal of the breaker is an answer; asking again would only make it wait.
      const isLast = progress.attempt >= retries || error.kind === 'open';
      if (!isIdempotent || isLast || !error.retryable) throw error;
      progress.delay = nextDelayMs(progress.delay, backoffMs, maxBackoffMs, this.#random);
      const wait = Math.max(progress.delay, error.retryAfterMs ?? 0);
      if (this.#timer.now() + wait >= deadline) throw error;
      progress.paid = this.#budget.take(error.kind === 'timeout');
      if (progress.paid === 0) throw error;
      await this.#timer.sleep(wait, signal);
      this.#retries++;
      progress.attempt++;
    }
  }

  async #attempt(
    path: string,
    request: ServiceRequest,
    deadline: number,
    signal: AbortSignal,
  ): Promise<ServiceResponse> {
    const permit = this.#breaker.acquire();
    if (!permit) {
      const wait = this.#breaker.retryInMs;
      const until = this.#breaker.tripped
        ? 'until it is reset'
        : `for another ${Math.ceil((wait ?? 0) / 1000)} s`;
      throw new ServiceError(`Cannot call ${this.name}: its circuit breaker is open ${until}`, {
        kind: 'open',
        service: this.name,
        ...(wait === null ? {} : { retryAfterMs: wait }),
      });
    }
    const timeoutMs = Math.min(
      this.#options.timeoutMs ?? 5000,
      Math.max(1, deadline - this.#timer.now()),
    );
    const started = this.#timer.now();
    try {
      const response = await withTimeLimit(this.#timer, timeoutMs, signal, (inner) =>
        this.#send(path, request, deadline, inner),
      );
      this.#latencies.push(this.#timer.now() - started);
      if (this.#latencies.length > LATENCIES) this.#latencies.shift();
      permit.succeed();
      return response;
    } catch (thrown) {
      // The deadline of the call may fire just before the time limit of its last attempt; either
      // way the service did not answer. Only the caller's own signal says nothing about it.
      const isTimeout = thrown instanceof TimeLimitError || signal.reason instanceof TimeLimitError;
      if (signal.aborted && !isTimeout) {
        permit.release();
        throw thrown;
      }
      const error = isTimeout ? this.#timeoutError(path, timeoutMs) : this.#asError(thrown, path);
      if (error.isServiceFault) permit.fail();
      else permit.succeed();
      throw error;
    }
  }

  #send(
    path: string,
    request: ServiceRequest,
    deadline: number,
    signal: AbortSignal,
  ): Promise<ServiceResponse> {
    const context = {
      ...{ service: this.name, baseUrl: this.#baseUrl, fetch: this.#fetch, runId: this.runId },
      options: this.#options,
    };
    return sendRequest(context, path, request, deadline - this.#timer.now(), signal);
  }

  #timeoutError(path: string, timeoutMs: number): ServiceError {
    const message = `Cannot reach ${this.name}: no answer to ${path} in ${Math.round(timeoutMs)} ms`;
    return new ServiceError(message, { kind: 'timeout', service: this.name });
  }

  #asError(thrown: unknown, path: string): ServiceError {
    if (thrown instanceof ServiceError) return thrown;
    const detail = thrown instanceof Error ? thrown.message : String(thrown);
    const message = `Cannot reach ${this.name} at ${this.#baseUrl.href}: ${path} failed (${detail})`;
    return new ServiceError(message, { kind: 'network', service: this.name, cause: thrown });
  }

  /** What the caller gets to see, counted. */
  #failed(thrown: unknown, deadlineMs: number, signal: AbortSignal | undefined): ServiceError {
    let error: ServiceError;
    if (thrown instanceof ServiceError) error = thrown;
    else if (signal?.aborted) {
      error = new ServiceError(`Stopped calling ${this.name}: the caller gave up`, {
        kind: 'aborted',
        service: this.name,
        cause: signal.reason,
      });
    } else if (thrown instanceof BulkheadFullError) {
      error = new ServiceError(`Cannot call ${this.name}: ${thrown.message}`, {
        kind: 'busy',
        service: this.name,
        cause: thrown,
      });
    } else if (thrown instanceof TimeLimitError) {
      const message = `Cannot reach ${this.name}: no answer within the deadline of ${deadlineMs} ms`;
      error = new ServiceError(message, { kind: 'deadline', service: this.name });
    } else error = this.#asError(thrown, 'the call');
    if (error.kind !== 'aborted') {
      this.#failures++;
      this.#lastError = error.message;
    }
    return error;
  }

  #changed(): void {
    this.#notify();
    this.#room.wake();
    if (this.#breaker.state === 'open' && !this.#breaker.tripped) void this.#probe();
  }

  /** Asks the service whether it is back, at the times the breaker allows. */
  async #probe(): Promise<void> {
    const path = this.#options.probePath;
    if (path === undefined || this.#isProbing || this.#closed.signal.aborted) return;
    this.#isProbing = true;
    try {
      while (this.#breaker.state !== 'closed' && !this.#breaker.tripped) {
        await this.#timer.sleep(Math.max(50, this.#breaker.retryInMs ?? 250), this.#closed.signal);
        if (this.#breaker.state !== 'open' || this.#breaker.tripped) continue;
        const deadline = this.#timer.now() + PROBE_TIMEOUT_MS;
        await withTimeLimit(this.#timer, PROBE_TIMEOUT_MS, this.#closed.signal, (signal) =>
          this.#attempt(path, {}, deadline, signal),
        ).catch(() => undefined);
      }
    } catch {
      // Closed.
    } finally {
      this.#isProbing = false;
    }
  }

  #notify(): void {
    if (this.#listeners.size === 0) return;
    const status = this.status();
    for (const listener of this.#listeners) listener(status);
  }
}
