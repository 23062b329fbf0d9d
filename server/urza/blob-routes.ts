/** Blobs under their SHA-256: PUT, GET and HEAD of /api/v1/blobs/{sha256}. */
import { createRoute, z } from '@hono/zod-openapi';
import { CorruptDataError } from '#shared/base/errors.ts';
import { BlobReceipt, Digest, MAX_BLOB_BYTES } from '#shared/contracts/api.ts';
import { type AppDeps, DEFAULT_LIMITS } from '../deps.ts';
import { IMMUTABLE, isUnchanged } from '../etag.ts';
import { bodyPlaces } from '../middleware/body-places.ts';
import { readBody } from '../middleware/read-body.ts';
import { createRouter, json, problems } from '../openapi.ts';
import { notFound } from '../problem.ts';
import { DigestMismatchError } from '../storage/ports.ts';

/** A blob that says it is no larger waits among its like. */
const SMALL_BYTES = 1024 * 1024;

const params = z.object({ sha256: Digest });
const binary = {
  'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) },
};

const putRoute = createRoute({
  method: 'put',
  path: '/api/v1/blobs/{sha256}',
  summary: 'Store bytes under their SHA-256; repeating it is harmless',
  request: { params, body: { required: true, content: binary } },
  responses: {
    200: json(BlobReceipt, 'The same bytes were stored already'),
    201: json(BlobReceipt, 'Stored'),
    ...problems(413, 422, 503, 507),
  },
});

const getRoute = createRoute({
  method: 'get',
  path: '/api/v1/blobs/{sha256}',
  summary: 'Bytes whose digest was checked; HEAD gives their number only',
  request: { params },
  responses: {
    200: { description: 'The bytes', content: binary },
    304: { description: 'The client has them' },
    ...problems(404, 500),
  },
});

export function blobRoutes({ blobs, clock, metrics, limits }: AppDeps) {
  const router = createRouter();
  const { uploads, smallUploads, bodyMs } = { ...DEFAULT_LIMITS, ...limits };
  const large = bodyPlaces(uploads);
  // Many fit, and most of their time is spent waiting for the store.
  const small = bodyPlaces(smallUploads);
  router.put(
    '/api/v1/blobs/:sha256',
    (c, next) => {
      const announced = Number(c.req.header('content-length') ?? Number.POSITIVE_INFINITY);
      return (announced <= SMALL_BYTES ? small : large)(c, next);
    },
    readBody(clock, MAX_BLOB_BYTES, bodyMs * 4),
  );

  router.openapi(putRoute, async (c) => {
    const { sha256 } = c.req.valid('param');
    const bytes = new Uint8Array(await c.req.arrayBuffer());
    try {
      const outcome = await blobs.put(sha256, bytes);
      metrics.blobs.inc({ outcome });
      const receipt = { sha256, bytes: bytes.byteLength };
      return outcome === 'created' ? c.json(receipt, 201) : c.json(receipt, 200);
    } catch (error) {
      if (error instanceof DigestMismatchError) metrics.blobs.inc({ outcome: 'mismatch' });
      throw error;
    }
  });

  router.openapi(getRoute, async (c) => {
    const { sha256 } = c.req.valid('param');
    const bytes = await blobs.get(sha256).catch((error: unknown) => {
      if (error instanceof CorruptDataError) {
        metrics.blobs.inc({ outcome: 'corrupt' });
        c.var.log.error('corrupt blob set aside', { error });
      }
      throw error;
    });
    metrics.blobs.inc({ outcome: bytes ? 'served' : 'missing' });
    if (!bytes) throw notFound('blob', sha256);
    const etag = `"${sha256}"`;
    c.header('ETag', etag);
    c.header('Cache-Control', IMMUTABLE);
    if (isUnchanged(c.req.header('if-none-match'), etag)) return c.body(null, 304);
    c.header('Content-Type', 'application/octet-stream');
    c.header('Content-Length', String(bytes.byteLength));
    return c.body(bytes, 200);
  });
  return router;
}
