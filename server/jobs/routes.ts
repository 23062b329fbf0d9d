/** Jobs as people and programs see them: /api/v1/jobs. */
import { createRoute, z } from '@hono/zod-openapi';
import { canonicalJson, sha256Hex } from '#shared/base/canonical.ts';
import { messageOf } from '#shared/base/errors.ts';
import { validateBlueprint } from '#shared/blueprints/blueprint-rules.ts';
import { inferShapes } from '#shared/blueprints/ir.ts';
import { PageQuery } from '#shared/contracts/api.ts';
import {
  JobDetail,
  JobId,
  JobKind,
  JobPage,
  JobSpec,
  JobState,
  MAX_TRIES,
} from '#shared/contracts/api-jobs.ts';
import { lintWgsl } from '#shared/tezzeret/wgsl-lint.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import type { AppDeps } from '../deps.ts';
import { createRouter, json, jsonBody, problems } from '../openapi.ts';
import { notFound, ProblemError } from '../problem.ts';
import { presentJob, summarizeJob } from './present-job.ts';

const params = z.object({ id: JobId });

const postRoute = createRoute({
  method: 'post',
  path: '/api/v1/jobs',
  summary: 'Queue a job; the same specification is the same job',
  request: { body: jsonBody(JobSpec) },
  responses: {
    200: json(JobDetail, 'The job is known; its state says how far it is'),
    201: json(JobDetail, 'Queued'),
    ...problems(413, 422, 503, 507),
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/jobs',
  summary: 'Jobs, newest first, all or those of a state or kind',
  request: { query: PageQuery.extend({ state: JobState.optional(), kind: JobKind.optional() }) },
  responses: { 200: json(JobPage, 'A page'), ...problems(400, 422) },
});

const getRoute = createRoute({
  method: 'get',
  path: '/api/v1/jobs/{id}',
  summary: 'One job with its specification, progress and result',
  request: { params },
  responses: { 200: json(JobDetail, 'The job'), ...problems(404) },
});

const changeRoute = (what: 'cancel' | 'retry', summary: string) =>
  createRoute({
    method: 'post',
    path: `/api/v1/jobs/{id}/${what}` as const,
    summary,
    request: { params },
    responses: { 200: json(JobDetail, 'The job as it is now'), ...problems(404) },
  });

export function jobRoutes({ jobs, messages, log }: AppDeps) {
  const router = createRouter();

  router.openapi(postRoute, async (c) => {
    const spec = c.req.valid('json');
    checkSpec(spec);
    const body = canonicalJson(spec);
    const id = `sha256-${await sha256Hex(body)}`;
    const job = { id, kind: spec.kind, spec: body, maxTries: MAX_TRIES };
    const outcome = await jobs.enqueue(job);
    const stored = await jobs.get(id);
    if (!stored) throw new Error(`Cannot find job ${id} right after storing it`);
    if (outcome === 'exists') return c.json(presentJob(stored), 200);
    // Only wakes workers that listen; the queue itself is what counts.
    await messages
      .publish('jobs', id, JSON.stringify({ id, kind: spec.kind, state: 'queued' }))
      .catch((error: unknown) => log.warn('cannot announce a job', { error }));
    return c.json(presentJob(stored), 201);
  });

  router.openapi(listRoute, async (c) => {
    const { cursor, limit, state, kind } = c.req.valid('query');
    const before = cursor === undefined ? null : decodeCursor(cursor);
    const found = await jobs.list({ before, limit: limit + 1, state, kind });
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    const next = found.length > limit && last ? encodeCursor(last.position) : null;
    c.header('Cache-Control', 'no-cache');
    return c.json({ items: shown.map(summarizeJob), next, counts: await jobs.counts() }, 200);
  });

  router.openapi(getRoute, async (c) => {
    const { id } = c.req.valid('param');
    const job = await jobs.get(id);
    if (!job) throw notFound('job', id);
    c.header('Cache-Control', 'no-cache');
    return c.json(presentJob(job), 200);
  });

  const cancelRoute = changeRoute(
    'cancel',
    'Cancel: at once while it waits, else when its worker hears of it',
  );
  router.openapi(cancelRoute, async (c) => {
    const { id } = c.req.valid('param');
    const job = await jobs.cancel(id);
    if (!job) throw notFound('job', id);
    return c.json(presentJob(job), 200);
  });

  router.openapi(changeRoute('retry', 'Queue a dead or cancelled job again'), async (c) => {
    const { id } = c.req.valid('param');
    const job = await jobs.retry(id);
    if (!job) throw notFound('job', id);
    return c.json(presentJob(job), 200);
  });
  return router;
}

/** Refuses what no worker could do. */
function checkSpec(spec: JobSpec): void {
  if (spec.kind === 'compile') {
    try {
      validateBlueprint(spec.blueprint);
      inferShapes(spec.blueprint, spec.host);
    } catch (error) {
      throw new ProblemError('validation', messageOf(error), {
        errors: [{ pointer: '/blueprint', detail: messageOf(error) }],
      });
    }
  }
  if (spec.kind === 'shader') {
    const faults = lintWgsl(spec.wgsl);
    const first = faults[0];
    if (!first) return;
    throw new ProblemError(
      'unsafe-shader',
      `Cannot take the shader: line ${first.line}: ${first.detail}`,
      {
        errors: faults
          .slice(0, 20)
          .map(({ line, detail }) => ({ pointer: '/wgsl', detail: `line ${line}: ${detail}` })),
      },
    );
  }
}
