import { describe, expect, it } from 'vitest';
import { libraryBlueprint } from '#shared/blueprints/library.ts';
import { createTestApp, manifestFor, utf8 } from '../../tests/server/test-app.ts';

async function withBlueprints() {
  const app = createTestApp();
  const ids: string[] = [];
  for (const name of ['low-rank-4', 'widen-8'] as const) {
    const response = await app.send('POST', '/api/v1/blueprints', libraryBlueprint(name));
    ids.push((await response.json()).id);
  }
  const put = (name: string, id: string, headers: HeadersInit = {}) =>
    app.send('PUT', `/api/v1/aliases/${name}`, { kind: 'blueprint', id }, headers);
  return { ...app, ids: ids as [string, string], put };
}

describe('/api/v1/aliases', () => {
  it('asks for the version that is replaced, and refuses who lost the race', async () => {
    const { send, put, ids } = await withBlueprints();
    expect((await put('best', ids[0])).status).toBe(428);
    const created = await put('best', ids[0], { 'if-none-match': '*' });
    expect(created.status).toBe(201);
    expect(created.headers.get('etag')).toBe('"v1"');
    expect((await put('best', ids[1], { 'if-none-match': '*' })).status).toBe(412);
    const race = await Promise.all(
      ids.flatMap((id) => [
        put('best', id, { 'if-match': '"v1"' }),
        put('best', id, { 'if-match': '"v1"' }),
      ]),
    );
    expect(race.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412]);
    const read = await send('GET', '/api/v1/aliases/best');
    expect(read.headers.get('etag')).toBe('"v2"');
    expect(await read.json()).toMatchObject({ name: 'best', kind: 'blueprint', version: 2 });
    const same = await send('GET', '/api/v1/aliases/best', undefined, { 'if-none-match': '"v2"' });
    expect(same.status).toBe(304);
  });

  it('points only at what is there', async () => {
    const { send, put } = await withBlueprints();
    expect((await put('best', 'a'.repeat(64), { 'if-none-match': '*' })).status).toBe(404);
    expect((await put('best', 'short', { 'if-none-match': '*' })).status).toBe(422);
    expect((await put('a b', 'a'.repeat(64), { 'if-none-match': '*' })).status).toBe(422);
    expect((await send('GET', '/api/v1/aliases/none')).status).toBe(404);
    expect((await put('best', 'a'.repeat(64), { 'if-match': '"x"' })).status).toBe(412);
  });

  it('lists by name, page by page', async () => {
    const { send, put, ids } = await withBlueprints();
    for (const name of ['b', 'a', 'c']) await put(name, ids[0], { 'if-none-match': '*' });
    const first = await (await send('GET', '/api/v1/aliases?limit=2')).json();
    expect(first.items.map(({ name }: { name: string }) => name)).toEqual(['a', 'b']);
    const second = await (await send('GET', `/api/v1/aliases?cursor=${first.next}`)).json();
    expect(second.items.map(({ name }: { name: string }) => name)).toEqual(['c']);
    expect(second.next).toBeNull();
    expect((await send('GET', '/api/v1/aliases?cursor=cDE')).status).toBe(400);
  });
});

describe('kernels nobody should run', () => {
  const withKernel = async (wgsl: string) => {
    const app = createTestApp();
    const text = await app.putBlob(utf8(wgsl));
    const weights = await app.putBlob(utf8('weights'));
    const response = await app.send(
      'POST',
      '/api/v1/kernels',
      await manifestFor(text.sha256, weights.sha256),
    );
    return { ...app, response, body: await response.json() };
  };

  it('are refused when their text has a loop without a bound', async () => {
    const { response, body } = await withKernel('fn f() {\n  loop {}\n}');
    expect(response.status).toBe(422);
    expect(body.type).toBe('/problems/unsafe-shader');
    expect(body.errors[0].detail).toContain('line 2');
  });

  it('are asked for again by caches, since they may be withdrawn', async () => {
    const { send, body } = await withKernel('// nothing');
    const tags: [string, string][] = [];
    for (const path of [`/api/v1/kernels/${body.id}`, `/api/v1/kernels/${body.id}/binary`]) {
      const first = await send('GET', path);
      expect(first.headers.get('cache-control')).toBe('private, no-cache');
      const etag = first.headers.get('etag') ?? '';
      expect((await send('GET', path, undefined, { 'if-none-match': etag })).status).toBe(304);
      tags.push([path, etag]);
    }
    await send('PUT', `/api/v1/kernels/${body.id}/revocation`, { reason: 'wrong' });
    for (const [path, etag] of tags) {
      expect((await send('GET', path, undefined, { 'if-none-match': etag })).status).toBe(410);
    }
  });

  it('answer 410 once they were withdrawn, with the first reason', async () => {
    const { send, body } = await withKernel('// nothing');
    const path = `/api/v1/kernels/${body.id}`;
    expect((await send('PUT', `${path}/revocation`, { reason: 'wrong results' })).status).toBe(200);
    const again = await send('PUT', `${path}/revocation`, { reason: 'other' });
    expect(await again.json()).toEqual({ reason: 'wrong results' });
    for (const asked of [path, `${path}/binary`]) {
      const gone = await send('GET', asked);
      expect(gone.status).toBe(410);
      expect((await gone.json()).detail).toContain('wrong results');
    }
    const none = await send('PUT', `/api/v1/kernels/${'b'.repeat(64)}/revocation`, { reason: 'x' });
    expect(none.status).toBe(404);
  });
});
