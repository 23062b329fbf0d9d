/** The one error a call to a service ends in, whatever went wrong. */

/**
 * - `open`: the breaker refused the call; nothing was sent.
 * - `busy`: too many calls to this service are under way or waiting; nothing was sent.
 * - `timeout`: no attempt answered within its time.
 * - `deadline`: the whole call, waiting and retries included, ran out of time.
 * - `network`: refused, reset, or cut off before the body was complete.
 * - `status`: the service answered with status 400 or above.
 * - `answer`: the body is not what the contract says, or is too large.
 * - `aborted`: the caller's signal ended the call.
 */
export type ServiceErrorKind =
  | 'open'
  | 'busy'
  | 'timeout'
  | 'deadline'
  | 'network'
  | 'status'
  | 'answer'
  | 'aborted';

export interface ServiceErrorDetails {
  kind: ServiceErrorKind;
  /** Name of the service. */
  service: string;
  /** HTTP status, for kind `status`. */
  status?: number;
  /** `type` of the problem document, for kind `status`. */
  problem?: string;
  /** What the problem document says of trying again. */
  saysRetryable?: boolean;
  /** What the service asked to wait, milliseconds. */
  retryAfterMs?: number;
  cause?: unknown;
}

const TRANSIENT_STATUS = new Set([408, 429, 502, 503, 504]);

export class ServiceError extends Error {
  override name = 'ServiceError';
  readonly kind: ServiceErrorKind;
  readonly service: string;
  readonly status: number | null;
  readonly problem: string | null;
  readonly retryAfterMs: number | null;
  readonly #saysRetryable: boolean | null;
  /** The call's `X-Request-Id`, by which the service's log knows it; null: nothing was sent. */
  requestId: string | null = null;

  constructor(message: string, details: ServiceErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = details.kind;
    this.service = details.service;
    this.status = details.status ?? null;
    this.problem = details.problem ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
    this.#saysRetryable = details.saysRetryable ?? null;
  }

  /**
   * True if the same call may succeed later. A 500 may be a fault of the moment, of the service or
   * of a proxy on the way, unless its document denies it.
   */
  get retryable(): boolean {
    if (this.status === 500) return this.#saysRetryable ?? true;
    if (this.kind === 'status') return TRANSIENT_STATUS.has(this.status ?? 0);
    return this.kind !== 'answer' && this.kind !== 'aborted';
  }

  /** True if the service, rather than the call or the caller, is at fault. */
  get isServiceFault(): boolean {
    if (this.kind === 'status') {
      const status = this.status ?? 0;
      return status >= 500 || status === 408 || status === 429;
    }
    return this.kind === 'timeout' || this.kind === 'network';
  }
}
