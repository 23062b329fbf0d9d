/** Blueprints by content id: /api/v1/blueprints. */
import { createRoute } from '@hono/zod-openapi';
import { canonicalJson } from '#shared/base/canonical.ts';
import { messageOf } from '#shared/base/errors.ts';
import { validateBlueprint } from '#shared/blueprints/blueprint-rules.ts';
import { blueprintId } from '#shared/blueprints/canonical-hash.ts';
import { BlueprintPage, PageQuery, StoredBlueprint } from '#shared/contracts/api.ts';
import { Blueprint } from '#shared/contracts/blueprint.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import type { AppDeps } from '../deps.ts';
import { IMMUTABLE, isUnchanged } from '../etag.ts';
import { createRouter, IdParam, json, jsonBody, problems } from '../openapi.ts';
import { notFound, ProblemError } from '../problem.ts';
import type { MetaStore, StoredRecord } from '../storage/ports.ts';

const postRoute = createRoute({
  method: 'post',
  path: '/api/v1/blueprints',
  summary: 'Register a blueprint; its id is the digest of its canonical form',
  request: { body: jsonBody(Blueprint) },
  responses: {
    200: json(StoredBlueprint, 'The same structure is registered; the first name stays'),
    201: json(StoredBlueprint, 'Registered'),
    ...problems(413, 422, 507),
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/blueprints',
  summary: 'Blueprints in order of registration',
  request: { query: PageQuery },
  responses: { 200: json(BlueprintPage, 'A page'), ...problems(400, 422) },
});

const getRoute = createRoute({
  method: 'get',
  path: '/api/v1/blueprints/{id}',
  summary: 'One blueprint',
  request: { params: IdParam },
  responses: {
    200: json(StoredBlueprint, 'The blueprint'),
    304: { description: 'The client has it' },
    ...problems(404),
  },
});

export function blueprintRoutes({ meta, clock }: AppDeps) {
  const router = createRouter();

  router.openapi(postRoute, async (c) => {
    const blueprint = c.req.valid('json');
    try {
      validateBlueprint(blueprint);
    } catch (error) {
      throw new ProblemError('validation', messageOf(error), {
        errors: [{ pointer: '/nodes', detail: messageOf(error) }],
      });
    }
    const { outcome, record } = await registerBlueprint(meta, blueprint, clock.wallTime());
    return outcome === 'created' ? c.json(present(record), 201) : c.json(present(record), 200);
  });

  router.openapi(listRoute, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const after = cursor === undefined ? 0 : decodeCursor(cursor);
    // One more than asked for tells whether there is a next page.
    const records = await meta.blueprints.list({ after, limit: limit + 1 });
    const shown = records.slice(0, limit);
    const last = shown.at(-1);
    const next = records.length > limit && last ? encodeCursor(last.position) : null;
    return c.json({ items: shown.map(present), next }, 200);
  });

  router.openapi(getRoute, async (c) => {
    const { id } = c.req.valid('param');
    const record = await meta.blueprints.get(id);
    if (!record) throw notFound('blueprint', id);
    const etag = `"${id}"`;
    c.header('ETag', etag);
    c.header('Cache-Control', IMMUTABLE);
    if (isUnchanged(c.req.header('if-none-match'), etag)) return c.body(null, 304);
    return c.json(present(record), 200);
  });
  return router;
}

/** Stores the blueprint unless one of the same structure is there. */
export async function registerBlueprint(
  meta: MetaStore,
  blueprint: Blueprint,
  now: number,
): Promise<{ outcome: 'created' | 'exists'; record: StoredRecord }> {
  const id = await blueprintId(blueprint);
  const body = canonicalJson(blueprint);
  const record = { id, parent: null, variant: null, body, createdAt: now };
  const outcome = await meta.blueprints.put(record);
  const stored = await meta.blueprints.get(id);
  if (!stored) throw new Error(`Cannot find blueprint ${id} right after storing it`);
  return { outcome, record: stored };
}

function present(record: StoredRecord): StoredBlueprint {
  const blueprint = JSON.parse(record.body) as Blueprint;
  return { id: record.id, blueprint, created_at: record.createdAt };
}
