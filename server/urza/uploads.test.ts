import { describe, expect, it } from 'vitest';
import { sha256Hex } from '#shared/base/canonical.ts';
import { UPLOAD_TTL_MS } from '#shared/contracts/api-uploads.ts';
import { ManualClock } from '#shared/platform/clock.ts';
import { createTestApp } from '../../tests/server/test-app.ts';
import { PieceStore } from './piece-store.ts';

const bytes = crypto.getRandomValues(new Uint8Array(10_000));

async function begin(app: ReturnType<typeof createTestApp>, sha256?: string) {
  const body = { sha256: sha256 ?? (await sha256Hex(bytes)), bytes: bytes.length };
  const response = await app.send('POST', '/api/v1/uploads', body);
  expect(response.status).toBe(202);
  const path = response.headers.get('location') ?? '';
  const patch = (first: number, last: number) =>
    app.app.request(path, {
      method: 'PATCH',
      headers: { 'content-range': `${first}-${last}` },
      body: bytes.subarray(first, last + 1),
    });
  return { path, patch, ...body };
}

describe('/api/v1/uploads', () => {
  it('takes pieces in order and shows the blob only when all is there', async () => {
    const app = createTestApp();
    const { path, patch, sha256 } = await begin(app);
    const blob = () => app.send('GET', `/api/v1/blobs/${sha256}`);
    expect((await patch(0, 3999)).status).toBe(202);
    expect((await app.send('PUT', path)).status).toBe(416);
    expect(await (await patch(4000, 9999)).json()).toMatchObject({ offset: 10_000 });
    expect((await blob()).status).toBe(404);
    expect((await app.send('PUT', path)).status).toBe(201);
    expect(new Uint8Array(await (await blob()).arrayBuffer())).toEqual(bytes);
    expect((await app.send('GET', path)).status).toBe(404);
    expect(await app.storage.list('uploads/')).toEqual([]);
  });

  it('says where to go on after a piece that does not fit', async () => {
    const app = createTestApp();
    const { path, patch } = await begin(app);
    await patch(0, 3999);
    for (const [first, last] of [
      [0, 3999],
      [5000, 5999],
      [4000, 10_000],
    ] as const) {
      const refused = await patch(first, last);
      // The last one sends fewer bytes than it says.
      expect(refused.status).toBe(last === 10_000 ? 400 : 416);
      if (refused.status !== 416) continue;
      expect(refused.headers.get('range')).toBe('0-3999');
      expect(await refused.json()).toMatchObject({
        type: '/problems/range-mismatch',
        offset: 4000,
      });
    }
    expect(await (await app.send('GET', path)).json()).toMatchObject({ offset: 4000 });
    const noRange = await app.app.request(path, {
      method: 'PATCH',
      headers: { 'content-range': 'bytes 0-1/2' },
      body: bytes.subarray(0, 2),
    });
    expect(noRange.status).toBe(400);
  });

  it('refuses bytes of another digest and keeps nothing of them', async () => {
    const app = createTestApp();
    const { path, patch, sha256 } = await begin(app, 'a'.repeat(64));
    await patch(0, 9999);
    const refused = await app.send('PUT', path);
    expect(refused.status).toBe(422);
    expect((await refused.json()).type).toBe('/problems/digest-mismatch');
    expect((await app.send('GET', `/api/v1/blobs/${sha256}`)).status).toBe(404);
    expect((await app.send('GET', path)).status).toBe(404);
  });

  it('lets one of two simultaneous pieces in', async () => {
    const app = createTestApp();
    const { patch } = await begin(app);
    const statuses = (await Promise.all([patch(0, 99), patch(0, 99)])).map(({ status }) => status);
    expect(statuses.sort()).toEqual([202, 416]);
  });

  it('forgets what was given up, and what nobody continued', async () => {
    const clock = new ManualClock();
    const app = createTestApp({ clock });
    const first = await begin(app);
    await first.patch(0, 99);
    expect((await app.send('DELETE', first.path)).status).toBe(204);
    expect((await app.send('DELETE', first.path)).status).toBe(404);
    const second = await begin(app);
    clock.shiftWallTime(UPLOAD_TTL_MS + 1);
    await begin(app);
    expect((await app.send('GET', second.path)).status).toBe(404);
    expect(await new PieceStore(app.storage).count()).toBe(1);
  });

  it('begins a bounded number at once', async () => {
    const app = createTestApp();
    const pieces = new PieceStore(app.storage);
    for (let i = 0; i < 64; i++) {
      await pieces.begin({
        id: i.toString(16).padStart(32, '0'),
        sha256: '',
        bytes: 1,
        startedAt: Date.now(),
      });
    }
    const refused = await app.send('POST', '/api/v1/uploads', { sha256: 'a'.repeat(64), bytes: 5 });
    expect(refused.status).toBe(503);
  });
});
