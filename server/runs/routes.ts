/** Runs and their event logs: /api/v1/runs. */
import { createRoute, z } from '@hono/zod-openapi';
import { canonicalJson } from '#shared/base/canonical.ts';
import {
  EventsAccepted,
  EventsAppend,
  EventsPage,
  EventsQuery,
  PageQuery,
  RunCreate,
  RunDetail,
  RunId,
  RunPage,
} from '#shared/contracts/api.ts';
import type { JobLease } from '#shared/contracts/api-jobs.ts';
import type { RunEvent } from '#shared/contracts/events.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import type { AppDeps } from '../deps.ts';
import { createRouter, json, jsonBody, problems } from '../openapi.ts';
import { notFound, ProblemError } from '../problem.ts';
import type { StoredEvent } from '../storage/ports.ts';
import type { StreamPlaces } from '../stream-places.ts';
import { createEventStreams } from './event-stream.ts';
import { presentRun, summarizeRun } from './present-run.ts';

const params = z.object({ id: RunId });

const createRunRoute = createRoute({
  method: 'post',
  path: '/api/v1/runs',
  summary: 'Register a run under the id its client chose; repeating it is harmless',
  request: { body: jsonBody(RunCreate) },
  responses: {
    200: json(RunDetail, 'The same run is registered'),
    201: json(RunDetail, 'Registered'),
    ...problems(409, 413, 422, 507),
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/runs',
  summary: 'Runs, newest first',
  request: { query: PageQuery },
  responses: { 200: json(RunPage, 'A page'), ...problems(400, 422) },
});

const getRoute = createRoute({
  method: 'get',
  path: '/api/v1/runs/{id}',
  summary: 'One run with its experiment',
  request: { params },
  responses: { 200: json(RunDetail, 'The run'), ...problems(404) },
});

const appendRoute = createRoute({
  method: 'post',
  path: '/api/v1/runs/{id}/events',
  summary: 'Append events; those sent before are taken as repeated',
  request: { params, body: jsonBody(EventsAppend) },
  responses: {
    202: json(EventsAccepted, 'Durably stored through this number'),
    ...problems(404, 409, 413, 422, 507),
  },
});

const readRoute = createRoute({
  method: 'get',
  path: '/api/v1/runs/{id}/events',
  summary: 'Events as a page, or as a stream where the client accepts text/event-stream',
  request: { params, query: EventsQuery },
  responses: {
    200: {
      description: 'A page, or a stream that resumes after Last-Event-ID',
      content: {
        'application/json': { schema: EventsPage },
        'text/event-stream': { schema: z.string() },
      },
    },
    204: { description: 'The run is finished and the client has all its events' },
    ...problems(404, 422, 503),
  },
});

/** Topic of the bus on which new events of a run are announced. */
const topicOf = (runId: string) => `runs/${runId}`;

export function runRoutes(deps: AppDeps, places: StreamPlaces) {
  const { meta, bus, clock, jobs, metrics } = deps;
  const router = createRouter();
  const openStream = createEventStreams(deps, places, topicOf);

  /** A worker that slept through its lease would undo what the next one has sent since. */
  async function requireLease(lease: JobLease | undefined): Promise<void> {
    if (lease === undefined || (await jobs.holds(lease.job, lease.fence))) return;
    const detail = `Cannot write to the run of job ${lease.job}: its lease ran out, and it may be another worker's now`;
    throw new ProblemError('lease-lost', detail);
  }

  router.openapi(createRunRoute, async (c) => {
    const { lease, ...run } = c.req.valid('json');
    await requireLease(lease);
    const created = { id: run.id, body: canonicalJson(run), createdAt: clock.wallTime() };
    const outcome = await meta.runs.create(created, lease !== undefined);
    if (outcome === 'conflict') {
      const detail = `Cannot register run "${run.id}": the id belongs to a run with other settings`;
      throw new ProblemError('conflict', detail);
    }
    const stored = await meta.runs.get(run.id);
    if (!stored) throw new Error(`Cannot find run "${run.id}" right after storing it`);
    return outcome === 'created'
      ? c.json(presentRun(stored), 201)
      : c.json(presentRun(stored), 200);
  });

  router.openapi(listRoute, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const before = cursor === undefined ? null : decodeCursor(cursor);
    const runs = await meta.runs.list({ before, limit: limit + 1 });
    const shown = runs.slice(0, limit);
    const last = shown.at(-1);
    const next = runs.length > limit && last ? encodeCursor(last.position) : null;
    c.header('Cache-Control', 'no-cache');
    return c.json({ items: shown.map(summarizeRun), next }, 200);
  });

  router.openapi(getRoute, async (c) => {
    const { id } = c.req.valid('param');
    const run = await meta.runs.get(id);
    if (!run) throw notFound('run', id);
    c.header('Cache-Control', 'no-cache');
    return c.json(presentRun(run), 200);
  });

  router.openapi(appendRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { events, lease, rewind_to } = c.req.valid('json');
    requireContiguous(events);
    await requireLease(lease);
    const result = await meta.runs.append(id, {
      events: events.map(toStored),
      rewindTo: rewind_to ?? null,
      now: clock.wallTime(),
    });
    if (result.outcome === 'unknown-run') throw notFound('run', id);
    if (result.outcome === 'accepted') {
      metrics.events.inc(events.length);
      await bus.publish(topicOf(id));
      return c.json({ accepted_through: result.acceptedThrough }, 202);
    }
    const extra = { accepted_through: result.acceptedThrough };
    if (result.outcome === 'gap') {
      const detail =
        `Cannot append event ${events[0]?.seq}: the last one stored is ` +
        `${result.acceptedThrough}; send those between`;
      throw new ProblemError('event-gap', detail, { extra });
    }
    const detail =
      `Cannot append event ${result.seq}: another one of that number is stored; ` +
      'a client that went back to a checkpoint must say so with rewind_to';
    throw new ProblemError('event-conflict', detail, { extra });
  });

  router.openapi(readRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { after, limit } = c.req.valid('query');
    if ((c.req.header('accept') ?? '').includes('text/event-stream')) {
      return await openStream(c, id, after);
    }
    const page = await meta.runs.read(id, after, limit);
    if (!page) throw notFound('run', id);
    c.header('Cache-Control', 'no-cache');
    const items = page.events.map(({ body }) => JSON.parse(body) as RunEvent);
    return c.json({ items, accepted_through: page.run.acceptedThrough }, 200);
  });
  return router;
}

function toStored(event: RunEvent): StoredEvent {
  const isFinish = event.type === 'run.finished';
  return { seq: event.seq, body: JSON.stringify(event), isFinish };
}

function requireContiguous(events: readonly RunEvent[]): void {
  const first = events[0]?.seq ?? 0;
  events.forEach((event, i) => {
    if (event.seq === first + i) return;
    const detail = `must be ${first + i}, one more than the event before, and is ${event.seq}`;
    throw new ProblemError('validation', `Cannot append events: /events/${i}/seq ${detail}`, {
      errors: [{ pointer: `/events/${i}/seq`, detail }],
    });
  });
}
