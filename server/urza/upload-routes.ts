/**
 * Resumable uploads: /api/v1/uploads. A client announces digest and size, sends pieces in order,
 * asks where to go on after a failure, and closes the upload; only then is the digest checked and
 * the blob visible. Pieces are blobs of their own until then, so a killed server loses none that it
 * acknowledged.
 */
import { createRoute, z } from '@hono/zod-openapi';
import { sha256Hex } from '#shared/base/canonical.ts';
import { BlobReceipt } from '#shared/contracts/api.ts';
import {
  MAX_CHUNK_BYTES,
  MAX_UPLOADS,
  UPLOAD_TTL_MS,
  UploadId,
  UploadStart,
  UploadState,
} from '#shared/contracts/api-uploads.ts';
import { type AppDeps, DEFAULT_LIMITS } from '../deps.ts';
import { bodyPlaces } from '../middleware/body-places.ts';
import { readBody } from '../middleware/read-body.ts';
import { createRouter, json, jsonBody, problems } from '../openapi.ts';
import { notFound, ProblemError } from '../problem.ts';
import { PieceStore } from './piece-store.ts';

const params = z.object({ id: UploadId });
const binary = { 'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) } };

const startRoute = createRoute({
  method: 'post',
  path: '/api/v1/uploads',
  summary: 'Begin to upload a blob in pieces',
  request: { body: jsonBody(UploadStart) },
  responses: { 202: json(UploadState, 'Begun; Location says where'), ...problems(422, 503, 507) },
});

const patchRoute = createRoute({
  method: 'patch',
  path: '/api/v1/uploads/{id}',
  summary: 'Send the next piece, its place given by Content-Range: <first>-<last>',
  request: {
    params,
    headers: z.object({ 'content-range': z.string().max(64) }),
    body: { required: true, content: binary },
  },
  responses: { 202: json(UploadState, 'Stored'), ...problems(400, 404, 413, 416, 422, 503, 507) },
});

const getRoute = createRoute({
  method: 'get',
  path: '/api/v1/uploads/{id}',
  summary: 'Where to go on',
  request: { params },
  responses: { 200: json(UploadState, 'The state'), ...problems(404) },
});

const putRoute = createRoute({
  method: 'put',
  path: '/api/v1/uploads/{id}',
  summary: 'Close: check the digest and store the blob',
  request: { params },
  responses: {
    200: json(BlobReceipt, 'The same bytes were stored already'),
    201: json(BlobReceipt, 'Stored'),
    ...problems(404, 416, 422, 503, 507),
  },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/api/v1/uploads/{id}',
  summary: 'Give up and remove the pieces',
  request: { params },
  responses: { 204: { description: 'Removed' }, ...problems(404) },
});

export function uploadRoutes({ blobs, pieces, clock, metrics, limits }: AppDeps) {
  const router = createRouter();
  const store = new PieceStore(pieces);
  const { uploads, bodyMs } = { ...DEFAULT_LIMITS, ...limits };
  // Closing joins the pieces in memory, so it takes a place like a piece that comes.
  const places = bodyPlaces(uploads);
  router.patch('/api/v1/uploads/:id', places, readBody(clock, MAX_CHUNK_BYTES, bodyMs * 2));
  router.put('/api/v1/uploads/:id', places);

  const find = async (id: string): Promise<UploadState> => {
    const state = await store.state(id);
    if (!state) throw notFound('upload', id);
    return state;
  };

  router.openapi(startRoute, async (c) => {
    const { sha256, bytes } = c.req.valid('json');
    await store.sweep(clock.wallTime() - UPLOAD_TTL_MS);
    if ((await store.count()) >= MAX_UPLOADS) {
      throw new ProblemError('busy', `Cannot begin more than ${MAX_UPLOADS} uploads at once`, {
        retryAfterMs: 5000,
      });
    }
    const id = (await sha256Hex(`${sha256} ${crypto.randomUUID()}`)).slice(0, 32);
    await store.begin({ id, sha256, bytes, startedAt: clock.wallTime() });
    c.header('Location', `/api/v1/uploads/${id}`);
    return c.json({ id, sha256, bytes, offset: 0 }, 202);
  });

  router.openapi(patchRoute, async (c) => {
    const { id } = c.req.valid('param');
    const range = /^(\d{1,12})-(\d{1,12})$/.exec(c.req.valid('header')['content-range']);
    if (!range) {
      const detail = 'Content-Range must be <first>-<last>, both inclusive, as in 0-1048575';
      throw new ProblemError('bad-request', detail);
    }
    const piece = new Uint8Array(await c.req.arrayBuffer());
    const state = await find(id);
    const first = Number(range[1]);
    const last = Number(range[2]);
    if (last - first + 1 !== piece.byteLength) {
      const detail = `Content-Range says ${last - first + 1} bytes and ${piece.byteLength} came`;
      throw new ProblemError('bad-request', detail);
    }
    if (first !== state.offset || last >= state.bytes) throw outOfRange(state, first, last);
    const isStored = await store.append(state, piece);
    if (!isStored) throw outOfRange(await find(id), first, last);
    return c.json({ ...state, offset: last + 1 }, 202);
  });

  router.openapi(getRoute, async (c) => {
    const state = await find(c.req.valid('param').id);
    c.header('Cache-Control', 'no-store');
    return c.json(state, 200);
  });

  router.openapi(putRoute, async (c) => {
    const { id } = c.req.valid('param');
    const state = await find(id);
    if (state.offset < state.bytes) throw outOfRange(state, state.bytes, state.bytes);
    const bytes = await store.join(state);
    try {
      const outcome = await blobs.put(state.sha256, bytes);
      metrics.blobs.inc({ outcome });
      await store.remove(id);
      const receipt = { sha256: state.sha256, bytes: bytes.byteLength };
      return outcome === 'created' ? c.json(receipt, 201) : c.json(receipt, 200);
    } catch (error) {
      // Pieces with another digest can only be sent anew.
      if (error instanceof Error && error.name === 'DigestMismatchError') await store.remove(id);
      throw error;
    }
  });

  router.openapi(deleteRoute, async (c) => {
    const { id } = await find(c.req.valid('param').id);
    await store.remove(id);
    return c.body(null, 204);
  });
  return router;
}

function outOfRange({ id, offset, bytes }: UploadState, first: number, last: number) {
  const detail =
    `Cannot take bytes ${first} to ${last} of upload ${id}: ${offset} of ${bytes} are stored; ` +
    `go on at ${offset}`;
  return new ProblemError('range-mismatch', detail, {
    headers: { Range: `0-${Math.max(0, offset - 1)}` },
    extra: { offset },
  });
}
