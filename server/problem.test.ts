import { HTTPException } from 'hono/http-exception';
import { describe, expect, it } from 'vitest';
import { CorruptDataError, InputError, StorageFullError } from '#shared/base/errors.ts';
import { Problem } from '#shared/contracts/api.ts';
import { createTestApp } from '../tests/server/test-app.ts';
import { DigestMismatchError, UnavailableError } from './storage/ports.ts';

const SECRET = '/srv/secret/path';

/** What is thrown below a handler, and what the client gets to see of it. */
const CASES: [string, Error, number, string, boolean][] = [
  ['bytes of another digest', new DigestMismatchError('other'), 422, 'digest-mismatch', true],
  ['bytes that changed', new CorruptDataError('changed'), 500, 'artifact-corrupt', false],
  ['a full disk', new StorageFullError(`full: ${SECRET}`), 507, 'storage-full', true],
  ['a service that is away', new UnavailableError(SECRET), 503, 'unavailable', true],
  ['an input nobody checked before', new InputError('is wrong'), 422, 'validation', false],
  [
    'a request that is too large',
    new HTTPException(413, { message: 'm' }),
    413,
    'too-large',
    false,
  ],
  ['a status without a problem of its own', new HTTPException(418), 500, 'internal', true],
  ['anything else', new TypeError(SECRET), 500, 'internal', true],
];

describe('handleError()', () => {
  it.each(CASES)('answers %s', async (_, error, status, name, retryable) => {
    const { send, deps } = createTestApp();
    deps.meta.runs.get = async () => {
      throw error;
    };
    const response = await send('GET', '/api/v1/runs/r');
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const text = await response.text();
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain('    at ');
    expect(Problem.parse(JSON.parse(text))).toMatchObject({
      ...{ type: `/problems/${name}`, status, retryable, instance: '/api/v1/runs/r' },
    });
  });

  it('says 400 for a body that is not JSON', async () => {
    const { app } = createTestApp();
    const response = await app.request('/api/v1/runs', {
      ...{ method: 'POST', body: '{"id":' },
      headers: { 'content-type': 'application/json' },
    });
    expect([response.status, (await response.json()).type]).toEqual([400, '/problems/bad-request']);
  });

  it('keeps no entity tag and no caching of an answer that failed late', async () => {
    const { send, putBlob, deps } = createTestApp();
    const { path } = await putBlob(new Uint8Array([1, 2, 3]));
    deps.blobs.get = async () => {
      throw new CorruptDataError('changed');
    };
    const response = await send('GET', path);
    expect(response.status).toBe(500);
    expect(response.headers.get('etag')).toBeNull();
    expect(response.headers.get('cache-control')).toBe('no-store');
  });
});
