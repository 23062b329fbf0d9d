/** The growth policy behind HTTP: POST /api/v1/analyze. */
import { createRoute } from '@hono/zod-openapi';
import { sha256Hex } from '#shared/base/canonical.ts';
import { messageOf } from '#shared/base/errors.ts';
import { AnalyzeRequest, AnalyzeResponse } from '#shared/contracts/decision.ts';
import type { AppDeps } from '../deps.ts';
import { createRouter, json, jsonBody, problems } from '../openapi.ts';
import { ProblemError, validationProblem } from '../problem.ts';

const analyzeRoute = createRoute({
  method: 'post',
  path: '/api/v1/analyze',
  summary: 'What to grow next; the same observation gives the same decisions',
  request: { body: jsonBody(AnalyzeRequest) },
  responses: { 200: json(AnalyzeResponse, 'Decisions'), ...problems(400, 413, 422, 503) },
});

export function analyzeRoutes({ analyze, clock, metrics }: AppDeps) {
  const router = createRouter();
  // Described like every route, but parsed by hand: the router's validator parses asynchronously,
  // which takes twice as long on a thousand layers as all the rest together.
  router.openAPIRegistry.registerPath(analyzeRoute);
  router.post(analyzeRoute.path, async (c) => {
    const started = clock.now();
    const { observation } = parseRequest(c.req.header('content-type'), await c.req.text());
    const { decisions, policyDigest } = await analyze(observation);
    const ms = clock.now() - started;
    metrics.decisionSeconds.observe(ms / 1000);
    for (const { action } of decisions) metrics.decisions.inc({ action });
    const { runId, step } = observation;
    const ids = decisions.map(({ id }) => id).join(' ');
    return c.json(
      {
        decision_id: await sha256Hex(`${policyDigest} ${runId} ${step} ${ids}`),
        decisions,
        policy_digest: policyDigest,
        degraded: false,
        latency_ms: ms,
      },
      200,
    );
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
  const result = AnalyzeRequest.safeParse(value);
  if (!result.success) throw validationProblem('json', result.error.issues);
  return result.data;
}
