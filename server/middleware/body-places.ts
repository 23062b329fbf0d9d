/** Bounds how many large bodies are in memory at once. */
import type { MiddlewareHandler } from 'hono';
import { Bulkhead, BulkheadFullError } from '#shared/resilience/bulkhead.ts';
import type { AppEnv } from '../deps.ts';
import { ProblemError } from '../problem.ts';

/** Requests that may wait, for each place. */
const QUEUE = 8;

/**
 * To be used before the body is read: those that wait must not hold their bytes in memory.
 *
 * @param limit Requests worked on at once; eight times as many wait, others get `busy`.
 */
export function bodyPlaces(limit: number): MiddlewareHandler<AppEnv> {
  const places = new Bulkhead(limit, limit * QUEUE);
  return async (_, next) => {
    const leave = await places.enter().catch((error: unknown) => {
      if (!(error instanceof BulkheadFullError)) throw error;
      throw new ProblemError('busy', 'Too many uploads at once', { retryAfterMs: 1000 });
    });
    try {
      await next();
    } finally {
      leave();
    }
  };
}
