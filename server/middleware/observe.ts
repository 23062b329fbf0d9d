/** Request id, log record and metrics of every request. */
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { AppDeps, AppEnv } from '../deps.ts';

const HARMLESS_ID = /^[A-Za-z0-9._-]{1,64}$/;
const RUN_PATH = /^\/api\/v1\/runs\/([^/]+)/;

/**
 * Takes the client's `X-Request-Id` where it is harmless, else makes one; the log also has the run
 * that the path or `X-Run-Id` names.
 */
export function observe({
  log,
  clock,
  metrics,
}: Pick<AppDeps, 'log' | 'clock' | 'metrics'>): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const given = c.req.header('x-request-id') ?? '';
    const requestId = HARMLESS_ID.test(given) ? given : crypto.randomUUID();
    c.set('requestId', requestId);
    const run = RUN_PATH.exec(c.req.path)?.[1] ?? c.req.header('x-run-id') ?? '';
    const fields = HARMLESS_ID.test(run) ? { run_id: run } : {};
    c.set('log', log.child({ request_id: requestId, ...fields }));
    const started = clock.now();
    await next();
    c.header('X-Request-Id', requestId);
    const ms = clock.now() - started;
    const { method } = c.req;
    const status = c.res.status;
    // The pattern of the handler that ran last, not the path: ids would make a series each.
    const route = routePath(c);
    metrics.requests.inc({ method, route, status: String(status) });
    metrics.requestSeconds.observe({ method, route }, ms / 1000);
    const level = status >= 500 ? 'error' : status >= 400 ? 'info' : 'debug';
    c.var.log[level]('request', { method, path: c.req.path, status, ms: Math.round(ms * 10) / 10 });
  };
}
