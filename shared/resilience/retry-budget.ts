/**
 * Retry budget: when many calls fail, retries stop before they double the load on a service that
 * is already in trouble.
 *
 * Source: the token bucket of the AWS SDKs ("standard" retry mode): 500 tokens, 5 a retry, 10
 * after a timeout, refunded by success.
 */

export interface RetryBudgetOptions {
  /** @default {500} */
  capacity?: number;
  /** @default {5} */
  retryCost?: number;
  /** Cost of a retry after a timeout, which has held resources for long. @default {10} */
  timeoutCost?: number;
  /** Tokens a call that needed no retry gives back. @default {1} */
  successRefund?: number;
}

export class RetryBudget {
  #options: Required<RetryBudgetOptions>;
  #tokens: number;

  constructor(options: RetryBudgetOptions = {}) {
    this.#options = { capacity: 500, retryCost: 5, timeoutCost: 10, successRefund: 1, ...options };
    this.#tokens = this.#options.capacity;
  }

  /** Tokens left, [0, capacity]. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Pays for one retry. @returns Tokens paid, or 0: the budget does not allow the retry. */
  take(afterTimeout: boolean): number {
    const cost = afterTimeout ? this.#options.timeoutCost : this.#options.retryCost;
    if (cost > this.#tokens) return 0;
    this.#tokens -= cost;
    return cost;
  }

  /** A call succeeded. @param paid Tokens its last retry took; 0 if it needed none. */
  refund(paid: number): void {
    const back = paid > 0 ? paid : this.#options.successRefund;
    this.#tokens = Math.min(this.#options.capacity, this.#tokens + back);
  }
}
