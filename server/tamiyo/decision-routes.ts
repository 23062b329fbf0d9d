/** Decisions that were given, and what became of them: /api/v1/decisions. */
import { createRoute, z } from '@hono/zod-openapi';
import { canonicalJson } from '#shared/base/canonical.ts';
import {
  DecisionId,
  DecisionOutcome,
  DecisionPage,
  DecisionQuery,
  DecisionRecord,
} from '#shared/contracts/api-decisions.ts';
import type { Decision } from '#shared/contracts/decision.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import type { AppDeps } from '../deps.ts';
import { createRouter, json, jsonBody, problems } from '../openapi.ts';
import { notFound, ProblemError } from '../problem.ts';
import type { StoredDecision } from '../storage/ports.ts';

const params = z.object({ id: DecisionId });

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/decisions',
  summary: 'Decisions, newest first, all or those for a run',
  request: { query: DecisionQuery },
  responses: { 200: json(DecisionPage, 'A page'), ...problems(400, 422) },
});

const getRoute = createRoute({
  method: 'get',
  path: '/api/v1/decisions/{id}',
  summary: 'One decision with its outcome',
  request: { params },
  responses: { 200: json(DecisionRecord, 'The decision'), ...problems(404) },
});

const outcomeRoute = createRoute({
  method: 'post',
  path: '/api/v1/decisions/{id}/outcome',
  summary: 'Tell what a decision led to; the first outcome stays',
  request: { params, body: jsonBody(DecisionOutcome) },
  responses: {
    200: json(DecisionRecord, 'The same outcome is stored'),
    201: json(DecisionRecord, 'Stored'),
    ...problems(404, 409, 422, 507),
  },
});

export function decisionRoutes({ meta, metrics }: AppDeps) {
  const router = createRouter();

  router.openapi(listRoute, async (c) => {
    const { cursor, limit, run } = c.req.valid('query');
    const before = cursor === undefined ? null : decodeCursor(cursor);
    const found = await meta.decisions.list({ before, limit: limit + 1, runId: run });
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    const next = found.length > limit && last ? encodeCursor(last.position) : null;
    c.header('Cache-Control', 'no-cache');
    return c.json({ items: shown.map(present), next }, 200);
  });

  router.openapi(getRoute, async (c) => {
    const { id } = c.req.valid('param');
    const decision = await meta.decisions.get(id);
    if (!decision) throw notFound('decision', id);
    c.header('Cache-Control', 'no-cache');
    return c.json(present(decision), 200);
  });

  router.openapi(outcomeRoute, async (c) => {
    const { id } = c.req.valid('param');
    const outcome = c.req.valid('json');
    const result = await meta.decisions.setOutcome(id, canonicalJson(outcome));
    const decision = result === 'unknown' ? null : await meta.decisions.get(id);
    if (!decision) throw notFound('decision', id);
    if (result === 'conflict') {
      const detail = `Cannot change the outcome of decision ${id}: another one is stored`;
      throw new ProblemError('conflict', detail);
    }
    if (result === 'created') metrics.outcomes.inc({ outcome: outcome.outcome });
    return result === 'created' ? c.json(present(decision), 201) : c.json(present(decision), 200);
  });
  return router;
}

/** What is stored of an answer of the policy. */
export interface DecisionBody {
  policy_digest: string;
  decisions: Decision[];
  degraded: boolean;
}

function present(stored: StoredDecision): DecisionRecord {
  const { policy_digest, decisions, degraded } = JSON.parse(stored.body) as DecisionBody;
  return {
    decision_id: stored.id,
    run_id: stored.runId,
    step: stored.step,
    policy_digest,
    decisions,
    degraded,
    created_at: stored.createdAt,
    outcome: stored.outcome === null ? null : (JSON.parse(stored.outcome) as DecisionOutcome),
  };
}
