/** The growth policy behind HTTP: POST /api/v1/analyze. */
import { createRoute, z } from '@hono/zod-openapi';
import { compile } from 'zod';
import { messageOf } from '#shared/base/errors.ts';
import { sha256HexSync } from '#shared/base/sha256.ts';
import { IdempotencyKey } from '#shared/contracts/api-decisions.ts';
import { AnalyzeRequest, AnalyzeResponse } from '#shared/contracts/decision.ts';
import type { AppDeps } from '../deps.ts';
import { once } from '../idempotency.ts';
import { createRouter, json, jsonBody, problems } from '../openapi.ts';
import { ProblemError, validationProblem } from '../problem.ts';
import type { DecisionBody } from './decision-routes.ts';

const analyzeRoute = createRoute({
  method: 'post',
  path: '/api/v1/analyze',
  summary: 'What to grow next; the same observation gives the same decisions',
  request: {
    headers: z.object({ 'idempotency-key': IdempotencyKey.optional() }),
    body: jsonBody(AnalyzeRequest),
  },
  responses: { 200: json(AnalyzeResponse, 'Decisions'), ...problems(400, 409, 413, 422, 503) },
});

/**
 * Checks a thousand signals in a tenth of the time; what is invalid goes the usual way. Made at the
 * first request: the start of the server would be longer by it.
 */
let compiled: typeof AnalyzeRequest | null = null;

export function analyzeRoutes(deps: AppDeps) {
  const { analyze, clock, metrics, meta } = deps;
  const router = createRouter();
  // Described like every route, but parsed by hand: the router's validator parses asynchronously,
  // which takes twice as long on a thousand layers as all the rest together.
  router.openAPIRegistry.registerPath(analyzeRoute);
  router.post(analyzeRoute.path, async (c) => {
    const started = clock.now();
    const request = parseRequest(c.req.header('content-type'), await c.req.text());
    const { observation } = request;
    const { answer } = await once(deps, c.req.header('idempotency-key'), request, async () => {
      const { decisions, policyDigest, degraded = false } = await analyze(observation);
      const { runId, step } = observation;
      const ids = decisions.map(({ id }) => id).join(' ');
      const decision_id = sha256HexSync(`${policyDigest} ${runId} ${step} ${ids}`);
      const given = { policy_digest: policyDigest, decisions, degraded } satisfies DecisionBody;
      const body = JSON.stringify(given);
      await meta.decisions.put({ id: decision_id, runId, step, body, createdAt: clock.wallTime() });
      for (const { action } of decisions) metrics.decisions.inc({ action });
      return { decision_id, ...given };
    });
    const latency_ms = clock.now() - started;
    metrics.decisionSeconds.observe(latency_ms / 1000);
    return c.json({ ...answer, latency_ms } satisfies AnalyzeResponse, 200);
  });
  return router;
}

/** @throws {ProblemError} If the body is not JSON, or breaks the contract. */
function parseRequest(contentType: string | undefined, text: string): AnalyzeRequest {
  if (!/^application\/json\s*(;|$)/i.test(contentType ?? '')) {
    throw new ProblemError('unsupported-media-type', 'The observation must be application/json');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ProblemError('bad-request', `The body is not JSON: ${messageOf(error)}`);
  }
  compiled ??= compile(AnalyzeRequest);
  const result = compiled.safeParse(value);
  if (!result.success) throw validationProblem('json', result.error.issues);
  return result.data;
}
