/** `X-Deadline-Ms`: work whose answer would come too late is not begun. */
import type { MiddlewareHandler } from 'hono';
import type { AppDeps, AppEnv } from '../deps.ts';
import { ProblemError } from '../problem.ts';

/** Notes when the request arrived; before the body is read. */
export function startDeadline(clock: AppDeps['clock']): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const given = c.req.header('x-deadline-ms');
    if (given !== undefined) {
      if (!/^\d{1,9}(\.\d+)?$/.test(given)) {
        throw new ProblemError('bad-request', 'X-Deadline-Ms must be a number of milliseconds');
      }
      c.set('deadlineAt', clock.now() + Number(given));
    }
    await next();
  };
}

/** Refuses what is late already; after the body was read, before the handler. */
export function checkDeadline(clock: AppDeps['clock']): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    if (clock.now() >= (c.var.deadlineAt ?? Number.POSITIVE_INFINITY)) {
      throw new ProblemError('deadline-passed', 'The deadline passed before the work began');
    }
    await next();
  };
}
