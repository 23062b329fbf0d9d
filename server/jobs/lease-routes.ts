/** How workers take jobs: claims, leases and results under /internal/v1/jobs. */
import { createRoute, z } from '@hono/zod-openapi';
import {
  ClaimedJob,
  JobClaim,
  JobId,
  JobReport,
  LeaseRenewal,
  LeaseState,
} from '#shared/contracts/api-jobs.ts';
import type { AppDeps } from '../deps.ts';
import { createRouter, json, jsonBody, problems } from '../openapi.ts';
import { notFound, ProblemError } from '../problem.ts';
import type { LeaseLost } from '../storage/job-port.ts';
import { presentJob } from './present-job.ts';

/** Largest result, characters of JSON. */
const MAX_RESULT = 64 * 1024;
const params = z.object({ id: JobId });

const claimRoute = createRoute({
  method: 'post',
  path: '/internal/v1/jobs/claim',
  summary: 'Take the oldest job of these kinds for a while',
  request: { body: jsonBody(JobClaim) },
  responses: {
    200: json(ClaimedJob, 'The job, and the fence that goes with all further calls'),
    204: { description: 'Nothing waits' },
    ...problems(401, 403, 422, 503),
  },
});

const leaseRoute = createRoute({
  method: 'put',
  path: '/internal/v1/jobs/{id}/lease',
  summary: 'Keep the job for another while, and say how far it is',
  request: { params, body: jsonBody(LeaseRenewal) },
  responses: {
    200: json(LeaseState, 'The lease starts anew'),
    ...problems(401, 403, 404, 409, 422),
  },
});

const resultRoute = createRoute({
  method: 'put',
  path: '/internal/v1/jobs/{id}/result',
  summary: 'Hand in what became of the job',
  request: { params, body: jsonBody(JobReport) },
  responses: {
    204: { description: 'Taken' },
    ...problems(401, 403, 404, 409, 413, 422),
  },
});

export function leaseRoutes({ jobs, metrics }: AppDeps) {
  const router = createRouter();

  router.openapi(claimRoute, async (c) => {
    const { worker, kinds, lease_ms } = c.req.valid('json');
    const claimed = await jobs.claim({ kinds, worker, leaseMs: lease_ms });
    if (!claimed) return c.body(null, 204);
    metrics.jobs.inc({ event: 'claimed' });
    const { job, fence } = claimed;
    c.var.log.info('job claimed', { job: job.id, worker, tries: job.tries });
    return c.json({ job: presentJob(job), fence, lease_ms }, 200);
  });

  router.openapi(leaseRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { fence, lease_ms, progress } = c.req.valid('json');
    const text = progress === null ? null : JSON.stringify(progress);
    const answer = await jobs.renew(id, fence, lease_ms, text);
    if (typeof answer === 'string') throw lost(id, answer);
    return c.json({ lease_ms, cancel: answer.cancelRequested }, 200);
  });

  router.openapi(resultRoute, async (c) => {
    const { id } = c.req.valid('param');
    const report = c.req.valid('json');
    const { fence, outcome } = report;
    let answer: 'ok' | LeaseLost;
    if (outcome === 'done') {
      const result = JSON.stringify(report.result);
      if (result.length > MAX_RESULT) {
        const detail = `Cannot take a result of more than ${MAX_RESULT} characters; store it as a blob`;
        throw new ProblemError('too-large', detail);
      }
      answer = await jobs.complete(id, fence, result);
    } else if (outcome === 'failed') {
      answer = await jobs.fail(id, fence, report.error, report.retryable);
    } else answer = await jobs.release(id, fence, outcome === 'cancelled');
    if (answer !== 'ok') throw lost(id, answer);
    metrics.jobs.inc({ event: outcome });
    c.var.log.info('job reported', { job: id, outcome });
    return c.body(null, 204);
  });
  return router;
}

function lost(id: string, answer: LeaseLost): ProblemError {
  if (answer === 'unknown') return notFound('job', id);
  const detail = `Cannot go on with job ${id}: its lease ran out, and it may be another worker's now`;
  return new ProblemError('lease-lost', detail);
}
