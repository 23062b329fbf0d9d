/** What a ServiceClient is made from, and what one of its calls may ask for. */
import type { CircuitBreakerOptions } from './circuit-breaker.ts';
import type { RetryBudgetOptions } from './retry-budget.ts';
import type { Timer } from './timer.ts';

/**
 * What a call does while the breaker is open: `fail` at once, as what must never wait for a network
 * does, or `wait` for the service to return, for as long as the call's own deadline allows.
 */
export type WhenOpen = 'fail' | 'wait';

export interface ServiceClientOptions {
  /** Milliseconds for one attempt. @default {5000} */
  timeoutMs?: number;
  /** Milliseconds for the whole call, waiting and retries included. @default {10_000} */
  deadlineMs?: number;
  /** Attempts after the first, for idempotent calls. @default {2} */
  retries?: number;
  /** Shortest wait between attempts, milliseconds. @default {100} */
  backoffMs?: number;
  /** Longest, milliseconds; a longer Retry-After is honoured. @default {2000} */
  maxBackoffMs?: number;
  /** Calls at once. @default {16} */
  concurrency?: number;
  /** Calls that may wait for a place; as many more may wait for the breaker. @default {64} */
  queue?: number;
  /** For calls that do not say it themselves. @default {'fail'} */
  whenOpen?: WhenOpen;
  /** Largest answer read. @default {64 MiB} */
  maxBodyBytes?: number;
  breaker?: CircuitBreakerOptions;
  budget?: RetryBudgetOptions;
  /** Sent as `Authorization: Bearer`; a function is asked at each attempt, null sends none. */
  token?: string | (() => string | null);
  /**
   * Asked with GET while the breaker is open, so that it closes without waiting for the next real
   * call; none when absent. Needs `close()` in the end.
   */
  probePath?: string;
}

export interface ServiceClientSetup {
  /** Name shown to people: `urza`, `tamiyo`, … */
  name: string;
  /** Absolute URL; paths are resolved against it. */
  baseUrl: string;
  /** @default {systemClock} */
  timer?: Timer;
  /** @default {globalThis.fetch} */
  fetch?: typeof globalThis.fetch;
  /** Uniform in [0, 1), for jitter. @default {Math.random} */
  random?: () => number;
  options?: ServiceClientOptions;
}

export interface ServiceRequest {
  /** @default {'GET'} */
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Bytes are sent as they are, anything else as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Milliseconds for the whole call. */
  deadlineMs?: number;
  /** Whether the call may be repeated. @default {every method but POST} */
  idempotent?: boolean;
  /** Attempts after the first, for an idempotent call; absent: as the client's options say. */
  retries?: number;
  /** Absent: as the client's options say. */
  whenOpen?: WhenOpen;
  signal?: AbortSignal;
}
