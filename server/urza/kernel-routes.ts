/** Compiled kernels: manifests by content id, whose WGSL and weights are blobs. */
import { createRoute, z } from '@hono/zod-openapi';
import { canonicalJson, sha256Hex } from '#shared/base/canonical.ts';
import { CorruptDataError } from '#shared/base/errors.ts';
import { blueprintId } from '#shared/blueprints/canonical-hash.ts';
import { KernelPage, KernelQuery, StoredKernel } from '#shared/contracts/api.ts';
import { Revocation } from '#shared/contracts/api-uploads.ts';
import { ArtifactManifest } from '#shared/contracts/blueprint.ts';
import { lintWgsl } from '#shared/tezzeret/wgsl-lint.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import type { AppDeps } from '../deps.ts';
import { isUnchanged } from '../etag.ts';
import { createRouter, IdParam, json, jsonBody, problems } from '../openapi.ts';
import { notFound, ProblemError } from '../problem.ts';
import type { BlobStore, StoredRecord } from '../storage/ports.ts';

const postRoute = createRoute({
  method: 'post',
  path: '/api/v1/kernels',
  summary: 'Register a compiled kernel whose blobs are stored',
  request: { body: jsonBody(ArtifactManifest) },
  responses: {
    200: json(StoredKernel, 'The same manifest is registered'),
    201: json(StoredKernel, 'Registered'),
    ...problems(413, 422, 507),
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/kernels',
  summary: 'Kernels in order of registration, all or those of a blueprint, host or key',
  request: { query: KernelQuery },
  responses: { 200: json(KernelPage, 'A page'), ...problems(400, 422) },
});

const getRoute = createRoute({
  method: 'get',
  path: '/api/v1/kernels/{id}',
  summary: 'One manifest',
  request: { params: IdParam },
  responses: {
    200: json(StoredKernel, 'The manifest'),
    304: { description: 'The client has it' },
    ...problems(404, 410),
  },
});

const binaryRoute = createRoute({
  method: 'get',
  path: '/api/v1/kernels/{id}/binary',
  summary: 'The WGSL text of a validated kernel, digest checked',
  request: { params: IdParam },
  responses: {
    200: { description: 'WGSL', content: { 'text/wgsl': { schema: z.string() } } },
    304: { description: 'The client has it' },
    ...problems(404, 409, 410, 500),
  },
});

const revokeRoute = createRoute({
  method: 'put',
  path: '/api/v1/kernels/{id}/revocation',
  summary: 'Withdraw a kernel: its manifest and its text answer 410 from then on',
  request: { params: IdParam, body: jsonBody(Revocation) },
  responses: {
    200: json(Revocation, 'Withdrawn; the first reason stays'),
    ...problems(403, 404, 422),
  },
});

const REVOKED = 'revoked-kernel';

/** A kernel never changes, but it may be withdrawn: a cache has to ask before it gives it out. */
const REVALIDATE = 'private, no-cache';

export function kernelRoutes({ meta, blobs, clock }: AppDeps) {
  const router = createRouter();

  /** @throws {ProblemError} 404, or 410 for one that was withdrawn. */
  const find = async (id: string): Promise<StoredRecord> => {
    const record = await meta.kernels.get(id);
    if (!record) throw notFound('kernel', id);
    const revoked = await meta.documents.get(REVOKED, id);
    if (!revoked) return record;
    const { reason } = JSON.parse(revoked.body) as z.infer<typeof Revocation>;
    throw new ProblemError('revoked', `Kernel ${id} was withdrawn: ${reason}`);
  };

  router.openapi(revokeRoute, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await meta.kernels.get(id))) throw notFound('kernel', id);
    const body = JSON.stringify(c.req.valid('json'));
    const { document } = await meta.documents.put(REVOKED, id, body, 0, clock.wallTime());
    return c.json(JSON.parse(document?.body ?? body) as z.infer<typeof Revocation>, 200);
  });

  router.openapi(postRoute, async (c) => {
    const manifest = c.req.valid('json');
    const expected = await blueprintId(manifest.blueprint);
    if (manifest.blueprintId !== expected) {
      const detail = `is not the id of the blueprint in this manifest, ${expected}`;
      throw new ProblemError('validation', `Cannot register the kernel: /blueprintId ${detail}`, {
        errors: [{ pointer: '/blueprintId', detail }],
      });
    }
    await requireBlobs(blobs, manifest);
    await requireSafeText(blobs, manifest);
    const body = canonicalJson(manifest);
    const id = await sha256Hex(body);
    const outcome = await meta.kernels.put({
      id,
      parent: manifest.blueprintId,
      variant: await sha256Hex(canonicalJson(manifest.host)),
      body,
      createdAt: clock.wallTime(),
    });
    const record = await meta.kernels.get(id);
    if (!record) throw new Error(`Cannot find kernel ${id} right after storing it`);
    return outcome === 'created' ? c.json(present(record), 201) : c.json(present(record), 200);
  });

  router.openapi(listRoute, async (c) => {
    const { cursor, limit, blueprint, host, key } = c.req.valid('query');
    const after = cursor === undefined ? 0 : decodeCursor(cursor);
    const query = { after, limit: limit + 1, parent: blueprint, variant: host, key };
    const records = await meta.kernels.list(query);
    const shown = records.slice(0, limit);
    const last = shown.at(-1);
    const next = records.length > limit && last ? encodeCursor(last.position) : null;
    return c.json({ items: shown.map(present), next }, 200);
  });

  router.openapi(getRoute, async (c) => {
    const { id } = c.req.valid('param');
    const record = await find(id);
    const etag = `"${id}"`;
    c.header('ETag', etag);
    c.header('Cache-Control', REVALIDATE);
    if (isUnchanged(c.req.header('if-none-match'), etag)) return c.body(null, 304);
    return c.json(present(record), 200);
  });

  router.openapi(binaryRoute, async (c) => {
    const { id } = c.req.valid('param');
    const record = await find(id);
    const { manifest } = present(record);
    if (manifest.verification.status !== 'validated') {
      throw new ProblemError('not-validated', `Kernel ${id} was rejected by its verification`);
    }
    const bytes = await blobs.get(manifest.wgslSha256);
    if (!bytes) throw new CorruptDataError(`The WGSL of kernel ${id} is lost; upload it again`);
    const etag = `"${manifest.wgslSha256}"`;
    c.header('ETag', etag);
    c.header('Cache-Control', REVALIDATE);
    if (isUnchanged(c.req.header('if-none-match'), etag)) return c.body(null, 304);
    c.header('Content-Type', 'text/wgsl; charset=utf-8');
    return c.body(bytes, 200);
  });
  return router;
}

/** Reads both blobs, so that a corrupt one is found now and not when a run needs it. */
async function requireBlobs(blobs: BlobStore, manifest: ArtifactManifest): Promise<void> {
  const missing: { pointer: string; detail: string }[] = [];
  for (const name of ['wgslSha256', 'weightsSha256'] as const) {
    const found = await blobs.get(manifest[name]).catch((error: unknown) => {
      if (error instanceof CorruptDataError) return null;
      throw error;
    });
    if (!found) missing.push({ pointer: `/${name}`, detail: manifest[name] });
  }
  if (missing.length === 0) return;
  const digests = missing.map(({ detail }) => detail);
  throw new ProblemError(
    'blob-unknown',
    `Cannot register the kernel: blobs ${digests.join(', ')} are not stored; upload them first`,
    { errors: missing, extra: { digests } },
  );
}

/**
 * Refuses text that could hold up or bring down whoever compiles it: it passes the lint, or it is
 * what this version compiles for that blueprint itself, whose loops end at run-time values.
 */
async function requireSafeText(blobs: BlobStore, manifest: ArtifactManifest): Promise<void> {
  const bytes = await blobs.get(manifest.wgslSha256);
  const text = new TextDecoder().decode(bytes ?? undefined);
  const first = lintWgsl(text)[0];
  if (!first || (await isOwnText(manifest, text))) return;
  const detail = `line ${first.line}: ${first.detail}`;
  throw new ProblemError('unsafe-shader', `Cannot register the kernel: its WGSL, ${detail}`, {
    errors: [{ pointer: '/wgslSha256', detail }],
  });
}

async function isOwnText({ blueprint, host, family }: ArtifactManifest, text: string) {
  if (!family) return false;
  // Loaded when first needed: the shader sources would delay the start.
  const { kernelText } = await import('#shared/tezzeret/kernel-text.ts');
  const own = await kernelText(blueprint, host, family).catch(() => null);
  if (!own || own.wgsl === '' || !text.endsWith(own.wgsl)) return false;
  const header = text.slice(0, text.length - own.wgsl.length);
  return header.split('\n').every((line) => line === '' || line.startsWith('//'));
}

function present(record: StoredRecord): StoredKernel {
  const manifest = JSON.parse(record.body) as ArtifactManifest;
  return { id: record.id, manifest, created_at: record.createdAt };
}
