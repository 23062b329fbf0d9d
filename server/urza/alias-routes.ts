/** Names for things, changed by compare-and-set: /api/v1/aliases. */
import { createRoute, z } from '@hono/zod-openapi';
import { canonicalJson } from '#shared/base/canonical.ts';
import {
  Alias,
  AliasName,
  AliasPage,
  AliasQuery,
  AliasTarget,
} from '#shared/contracts/api-uploads.ts';
import { decodeNameCursor, encodeNameCursor } from '../cursor.ts';
import type { AppDeps } from '../deps.ts';
import { expectedVersion, isUnchanged, versionTag } from '../etag.ts';
import { createRouter, json, jsonBody, problems } from '../openapi.ts';
import { notFound, ProblemError } from '../problem.ts';
import type { StoredDocument } from '../storage/ports.ts';

const SPACE = 'alias';
const params = z.object({ name: AliasName });

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/aliases',
  summary: 'Aliases by name',
  request: { query: AliasQuery },
  responses: { 200: json(AliasPage, 'A page'), ...problems(400, 422) },
});

const getRoute = createRoute({
  method: 'get',
  path: '/api/v1/aliases/{name}',
  summary: 'What an alias points at; ETag is its version',
  request: { params },
  responses: {
    200: json(Alias, 'The alias'),
    304: { description: 'The client has it' },
    ...problems(404),
  },
});

const putRoute = createRoute({
  method: 'put',
  path: '/api/v1/aliases/{name}',
  summary: 'Point an alias at something; the version that is replaced must be named',
  request: {
    params,
    headers: z.object({
      'if-match': z.string().max(100).optional(),
      'if-none-match': z.string().max(100).optional(),
    }),
    body: jsonBody(AliasTarget),
  },
  responses: {
    200: json(Alias, 'Changed'),
    201: json(Alias, 'Created'),
    ...problems(404, 412, 422, 428, 507),
  },
});

export function aliasRoutes({ meta, blobs, clock }: AppDeps) {
  const router = createRouter();

  router.openapi(listRoute, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const after = cursor === undefined ? null : decodeNameCursor(cursor);
    const found = await meta.documents.list(SPACE, after, limit + 1);
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    const next = found.length > limit && last ? encodeNameCursor(last.name) : null;
    c.header('Cache-Control', 'no-cache');
    return c.json({ items: shown.map(present), next }, 200);
  });

  router.openapi(getRoute, async (c) => {
    const { name } = c.req.valid('param');
    const document = await meta.documents.get(SPACE, name);
    if (!document) throw notFound('alias', name);
    const etag = versionTag(document.version);
    c.header('ETag', etag);
    c.header('Cache-Control', 'no-cache');
    if (isUnchanged(c.req.header('if-none-match'), etag)) return c.body(null, 304);
    return c.json(present(document), 200);
  });

  router.openapi(putRoute, async (c) => {
    const { name } = c.req.valid('param');
    const target = c.req.valid('json');
    const expected = expectedVersion(c.req.header('if-match'), c.req.header('if-none-match'));
    await requireTarget(target);
    const body = canonicalJson(target);
    const now = clock.wallTime();
    const { outcome, document } = await meta.documents.put(SPACE, name, body, expected, now);
    if (outcome === 'conflict' || !document) {
      const there = document ? `version ${document.version} is there` : 'there is none';
      const wanted = expected === 0 ? 'none' : `version ${expected}`;
      throw new ProblemError(
        'precondition-failed',
        `Cannot change alias "${name}": ${wanted} was expected and ${there}; read it again`,
      );
    }
    c.header('ETag', versionTag(document.version));
    return outcome === 'created' ? c.json(present(document), 201) : c.json(present(document), 200);
  });

  async function requireTarget({ kind, id }: AliasTarget): Promise<void> {
    const isThere =
      kind === 'blob'
        ? (await blobs.get(id)) !== null
        : (await meta[kind === 'kernel' ? 'kernels' : 'blueprints'].get(id)) !== null;
    if (!isThere) throw notFound(kind, id);
  }
  return router;
}

function present({ name, body, version, updatedAt }: StoredDocument): Alias {
  return { name, ...(JSON.parse(body) as AliasTarget), version, updated_at: updatedAt };
}
