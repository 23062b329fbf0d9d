/** How the server is doing: /healthz, /readyz, /metrics, /internal/database/stats. */
import { createRoute, z } from '@hono/zod-openapi';
import { messageOf } from '#shared/base/errors.ts';
import { DatabaseStats, Health, Readiness } from '#shared/contracts/api.ts';
import { withTimeLimit } from '#shared/resilience/time-limit.ts';
import type { AppDeps } from '../deps.ts';
import { scopeReader } from '../middleware/scopes.ts';
import { createRouter, json, problems } from '../openapi.ts';

const CHECK_MS = 2000;

const healthRoute = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'The process answers; touches no dependency',
  responses: { 200: json(Health, 'Alive') },
});

const readyRoute = createRoute({
  method: 'get',
  path: '/readyz',
  summary: 'Whether the server can do its work, with the state of all it needs',
  responses: { 200: json(Readiness, 'Ready'), 503: json(Readiness, 'Failed or stopping') },
});

const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  summary: 'Prometheus metrics',
  responses: {
    200: { description: 'Metrics', content: { 'text/plain': { schema: z.string() } } },
    ...problems(401),
  },
});

const statsRoute = createRoute({
  method: 'get',
  path: '/internal/database/stats',
  summary: 'State of the database behind the records',
  responses: { 200: json(DatabaseStats, 'Counts and times'), ...problems(401, 403) },
});

export function nissaRoutes(deps: AppDeps) {
  const { meta, blobs, messages, jobs, clock, metrics, log, tokens } = deps;
  const { version, profile, services, draining } = deps;
  const router = createRouter();
  const startedAt = clock.now();
  const scopeOf = scopeReader(tokens);

  const check = async (name: string, ping: () => Promise<unknown>) => {
    const started = clock.now();
    const detail = await withTimeLimit(clock, CHECK_MS, undefined, ping).then(
      () => null,
      (error: unknown) => messageOf(error),
    );
    return { name, ok: detail === null, latency_ms: clock.now() - started, detail };
  };

  router.openapi(healthRoute, (c) => c.json({ status: 'ok' as const, version }, 200));

  router.openapi(readyRoute, async (c) => {
    const checks = await Promise.all([
      check('database', () => meta.ping()),
      check('blobs', () => blobs.ping()),
      check('messages', () => messages.ping()),
      check('jobs', () => jobs.counts()),
    ]);
    const isOk = checks.every(({ ok }) => ok);
    for (const { name, detail } of checks) if (detail) log.warn('not ready', { name, detail });
    // Anyone may ask; addresses, and what drivers say, are for those with a token.
    const isTrusted = (await scopeOf(c.req.header('authorization'))) !== null;
    const hidden = 'failed; the log of the server says why';
    const shown = isTrusted
      ? { checks, services: services() }
      : { checks: checks.map((one) => ({ ...one, detail: one.detail && hidden })), services: [] };
    const status = draining.aborted ? 'draining' : isOk ? 'ready' : 'failed';
    const uptime_s = (clock.now() - startedAt) / 1000;
    const body = { status, version, profile, uptime_s, ...shown } as const;
    c.header('Cache-Control', 'no-store');
    return status === 'ready' ? c.json(body, 200) : c.json(body, 503);
  });

  router.openapi(metricsRoute, async (c) => {
    // As it is at this moment; a database that is away leaves the figures of before.
    const pool = await meta.stats().catch(() => null);
    if (pool) {
      metrics.databaseCheckedOut.set(pool.checked_out);
      metrics.databaseIdle.set(pool.idle);
      metrics.databaseWaiting.set(pool.waiting);
    }
    const headers = { 'Content-Type': metrics.registry.contentType };
    return c.text(await metrics.registry.metrics(), 200, headers);
  });

  router.openapi(statsRoute, async (c) => c.json(await meta.stats(), 200));
  return router;
}
