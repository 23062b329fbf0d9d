/** What policies have learned over many runs: /api/v1/knowledge, changed by compare-and-set. */
import { createRoute, z } from '@hono/zod-openapi';
import { canonicalJson, sha256Hex } from '#shared/base/canonical.ts';
import { KnowledgeName, PolicyKnowledge } from '#shared/contracts/knowledge.ts';
import type { AppDeps } from '../deps.ts';
import { isUnchanged } from '../etag.ts';
import { createRouter, json, jsonBody, problems } from '../openapi.ts';
import { notFound, ProblemError } from '../problem.ts';

const SPACE = 'knowledge';
const params = z.object({ name: KnowledgeName });

const getRoute = createRoute({
  method: 'get',
  path: '/api/v1/knowledge/{name}',
  summary: 'What a policy has learned; ETag is its digest',
  request: { params },
  responses: {
    200: json(PolicyKnowledge, 'The knowledge'),
    304: { description: 'The client has it' },
    ...problems(404),
  },
});

const putRoute = createRoute({
  method: 'put',
  path: '/api/v1/knowledge/{name}',
  summary: 'Replace it; If-Match names what it was made from',
  request: {
    params,
    headers: z.object({
      'if-match': z.string().max(100).optional(),
      'if-none-match': z.string().max(100).optional(),
    }),
    body: jsonBody(PolicyKnowledge),
  },
  responses: {
    200: json(PolicyKnowledge, 'Replaced'),
    201: json(PolicyKnowledge, 'Stored for the first time'),
    ...problems(412, 413, 422, 428, 507),
  },
});

export function knowledgeRoutes({ meta, clock }: AppDeps) {
  const router = createRouter();
  const tagOf = async (body: string) => `"${await sha256Hex(body)}"`;

  router.openapi(getRoute, async (c) => {
    const { name } = c.req.valid('param');
    const document = await meta.documents.get(SPACE, name);
    if (!document) throw notFound('knowledge', name);
    const etag = await tagOf(document.body);
    c.header('ETag', etag);
    c.header('Cache-Control', 'no-cache');
    if (isUnchanged(c.req.header('if-none-match'), etag)) return c.body(null, 304);
    return c.json(JSON.parse(document.body) as PolicyKnowledge, 200);
  });

  router.openapi(putRoute, async (c) => {
    const { name } = c.req.valid('param');
    const knowledge = c.req.valid('json');
    const ifMatch = c.req.header('if-match');
    const isFirst = c.req.header('if-none-match')?.trim() === '*';
    if (ifMatch === undefined && !isFirst) {
      const detail =
        'Cannot replace it: send If-Match with the ETag it was made from, or If-None-Match: *';
      throw new ProblemError('precondition-required', detail);
    }
    const lost = () =>
      new ProblemError(
        'precondition-failed',
        `Cannot replace knowledge "${name}": it changed; read it again`,
      );
    let expected = 0;
    if (!isFirst) {
      const before = await meta.documents.get(SPACE, name);
      if (!before || ifMatch?.trim() !== (await tagOf(before.body))) throw lost();
      expected = before.version;
    }
    const body = canonicalJson(knowledge);
    const put = await meta.documents.put(SPACE, name, body, expected, clock.wallTime());
    if (put.outcome === 'conflict') throw lost();
    c.header('ETag', await tagOf(body));
    return put.outcome === 'created' ? c.json(knowledge, 201) : c.json(knowledge, 200);
  });
  return router;
}
