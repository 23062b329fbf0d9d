import { describe, expect, it } from 'vitest';
import { sha256Hex } from '#shared/base/canonical.ts';
import { libraryBlueprint } from '#shared/blueprints/library.ts';
import { AdapterFamily, Blueprint } from '#shared/contracts/blueprint.ts';
import { kernelText } from '#shared/tezzeret/kernel-text.ts';
import { lintWgsl } from '#shared/tezzeret/wgsl-lint.ts';
import { createTestApp, manifestFor, utf8 } from '../../tests/server/test-app.ts';

describe('/api/v1/blobs', () => {
  it('stores once, serves with its digest as entity tag, and knows what the client has', async () => {
    const { app, putBlob } = createTestApp();
    const { path, sha256, response } = await putBlob(utf8('hello'));
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ sha256, bytes: 5 });
    expect((await putBlob(utf8('hello'))).response.status).toBe(200);
    const got = await app.request(path);
    expect(await got.text()).toBe('hello');
    expect(got.headers.get('etag')).toBe(`"${sha256}"`);
    expect(got.headers.get('cache-control')).toContain('immutable');
    const head = await app.request(path, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '5']);
    const cached = await app.request(path, { headers: { 'if-none-match': `"${sha256}"` } });
    expect(cached.status).toBe(304);
  });

  it('refuses bytes of another digest and stores nothing', async () => {
    const { app } = createTestApp();
    const path = `/api/v1/blobs/${'a'.repeat(64)}`;
    const response = await app.request(path, { method: 'PUT', body: utf8('hello') });
    expect(response.status).toBe(422);
    expect((await response.json()).type).toBe('/problems/digest-mismatch');
    expect((await app.request(path)).status).toBe(404);
  });

  it('refuses names that are no digest', async () => {
    const { app } = createTestApp();
    for (const name of ['x', 'A'.repeat(64), `${'a'.repeat(63)}.`, '..%2f..%2fetc']) {
      expect((await app.request(`/api/v1/blobs/${name}`)).status).toBe(422);
    }
  });

  it('never serves a blob with any flipped bit, sets it aside, and lets an upload heal it', async () => {
    const { app, putBlob, storage } = createTestApp();
    const good = utf8('0123456789abcdef0123456789abcdef');
    const { path, sha256 } = await putBlob(good);
    const key = `sha256/${sha256.slice(0, 2)}/${sha256}`;
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = good.slice();
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await storage.write(key, bad);
      const response = await app.request(path);
      expect(response.status).toBe(500);
      expect((await response.json()).type).toBe('/problems/artifact-corrupt');
    }
    expect(await storage.read(key)).toBeNull();
    expect(await storage.list('quarantine/')).toHaveLength(good.length * 8);
    expect((await putBlob(good)).response.status).toBe(201);
    expect(await (await app.request(path)).text()).toBe(new TextDecoder().decode(good));
  });

  it('replaces corrupt bytes on upload, before anyone reads them', async () => {
    const { app, putBlob, storage } = createTestApp();
    const { path, sha256 } = await putBlob(utf8('good'));
    await storage.write(`sha256/${sha256.slice(0, 2)}/${sha256}`, utf8('evil'));
    await putBlob(utf8('good'));
    expect(await (await app.request(path)).text()).toBe('good');
  });
});

describe('/api/v1/blueprints', () => {
  it('registers one structure once, whatever its name', async () => {
    const { send } = createTestApp();
    const blueprint = libraryBlueprint('widen-8');
    const first = await send('POST', '/api/v1/blueprints', blueprint);
    expect(first.status).toBe(201);
    const { id } = await first.json();
    const again = await send('POST', '/api/v1/blueprints', { ...blueprint, name: 'other' });
    expect(again.status).toBe(200);
    expect(await again.json()).toMatchObject({ id, blueprint: { name: 'widen-8' } });
    const got = await send('GET', `/api/v1/blueprints/${id}`);
    expect(await got.json()).toMatchObject({ id, blueprint });
    const unchanged = await send('GET', `/api/v1/blueprints/${id}`, undefined, {
      'if-none-match': `"${id}"`,
    });
    expect(unchanged.status).toBe(304);
  });

  it('names the faulty field of a bad blueprint', async () => {
    const { send } = createTestApp();
    const blueprint = { ...libraryBlueprint('widen-8'), name: 'Not A Name' };
    const response = await send('POST', '/api/v1/blueprints', blueprint);
    expect(response.status).toBe(422);
    expect((await response.json()).errors[0].pointer).toBe('/name');
  });

  it('refuses a graph that does not hold together', async () => {
    const { send } = createTestApp();
    const blueprint = { ...libraryBlueprint('widen-8'), output: 'nowhere' };
    expect(Blueprint.safeParse(blueprint).success).toBe(true);
    const response = await send('POST', '/api/v1/blueprints', blueprint);
    expect(response.status).toBe(422);
    expect((await response.json()).detail).toContain('nowhere');
  });

  it('pages through all, and refuses a cursor it did not give', async () => {
    const { send } = createTestApp();
    const names = ['widen-8', 'widen-16', 'widen-32', 'low-rank-4', 'residual-mlp-16'];
    for (const name of names) await send('POST', '/api/v1/blueprints', libraryBlueprint(name));
    const seen: string[] = [];
    let next: string | null = '';
    while (next !== null) {
      const cursor: string = next === '' ? '' : `&cursor=${next}`;
      const response = await send('GET', `/api/v1/blueprints?limit=2${cursor}`);
      const page: { items: { blueprint: Blueprint }[]; next: string | null } =
        await response.json();
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map(({ blueprint }) => blueprint.name));
      next = page.next;
    }
    expect(seen).toEqual(names);
    const bad = await send('GET', '/api/v1/blueprints?cursor=zzz');
    expect([bad.status, (await bad.json()).type]).toEqual([400, '/problems/bad-cursor']);
    expect((await send('GET', '/api/v1/blueprints?limit=1000')).status).toBe(422);
  });
});

describe('/api/v1/kernels', () => {
  async function withBlobs() {
    const test = createTestApp();
    const wgsl = await test.putBlob(utf8('@compute fn main() {}'));
    const weights = await test.putBlob(utf8('weights'));
    return { ...test, wgsl: wgsl.sha256, weights: weights.sha256 };
  }

  it('registers a manifest once and gives its WGSL', async () => {
    const { send, wgsl, weights } = await withBlobs();
    const manifest = await manifestFor(wgsl, weights);
    const first = await send('POST', '/api/v1/kernels', manifest);
    expect(first.status).toBe(201);
    const { id } = await first.json();
    expect((await send('POST', '/api/v1/kernels', manifest)).status).toBe(200);
    expect(await (await send('GET', `/api/v1/kernels/${id}`)).json()).toMatchObject({
      id,
      manifest,
    });
    const binary = await send('GET', `/api/v1/kernels/${id}/binary`);
    expect(binary.headers.get('content-type')).toBe('text/wgsl; charset=utf-8');
    expect(await sha256Hex(await binary.text())).toBe(wgsl);
  });

  it('is found by blueprint and host', async () => {
    const { send, wgsl, weights } = await withBlobs();
    const manifest = await manifestFor(wgsl, weights);
    await send('POST', '/api/v1/kernels', manifest);
    const { canonicalJson } = await import('#shared/base/canonical.ts');
    const host = await sha256Hex(canonicalJson(manifest.host));
    const count = async (query: string) =>
      (await (await send('GET', `/api/v1/kernels?${query}`)).json()).items.length;
    expect(await count(`blueprint=${manifest.blueprintId}&host=${host}`)).toBe(1);
    expect(await count(`blueprint=${manifest.blueprintId}&host=${'0'.repeat(64)}`)).toBe(0);
  });

  it('is found by the key of its manifest', async () => {
    const { send, wgsl, weights } = await withBlobs();
    const manifest = await manifestFor(wgsl, weights);
    const key = 'd'.repeat(64);
    await send('POST', '/api/v1/kernels', manifest);
    await send('POST', '/api/v1/kernels', { ...manifest, key });
    const found = await (await send('GET', `/api/v1/kernels?key=${key}`)).json();
    expect(found.items.map((item: { manifest: unknown }) => item.manifest)).toEqual([
      { ...manifest, key },
    ]);
    const other = await (await send('GET', `/api/v1/kernels?key=${'e'.repeat(64)}`)).json();
    expect(other.items).toEqual([]);
    expect((await send('GET', '/api/v1/kernels?key=nothing')).status).toBe(422);
  });

  it('lists the digests of blobs that are not stored', async () => {
    const { send, wgsl } = await withBlobs();
    const missing = 'b'.repeat(64);
    const response = await send('POST', '/api/v1/kernels', await manifestFor(wgsl, missing));
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      type: '/problems/blob-unknown',
      digests: [missing],
      errors: [{ pointer: '/weightsSha256', detail: missing }],
    });
  });

  it('refuses a manifest that claims another blueprint', async () => {
    const { send, wgsl, weights } = await withBlobs();
    const manifest = { ...(await manifestFor(wgsl, weights)), blueprintId: 'c'.repeat(64) };
    const response = await send('POST', '/api/v1/kernels', manifest);
    expect([response.status, (await response.json()).errors[0].pointer]).toEqual([
      422,
      '/blueprintId',
    ]);
  });

  it('counts a corrupt blob as one to upload again', async () => {
    const { send, storage, wgsl, weights } = await withBlobs();
    await storage.write(`sha256/${wgsl.slice(0, 2)}/${wgsl}`, utf8('changed'));
    const response = await send('POST', '/api/v1/kernels', await manifestFor(wgsl, weights));
    expect([response.status, (await response.json()).digests]).toEqual([422, [wgsl]]);
  });

  it('says 500 when a text that was there is lost', async () => {
    const { send, storage, wgsl, weights } = await withBlobs();
    const { id } = await (
      await send('POST', '/api/v1/kernels', await manifestFor(wgsl, weights))
    ).json();
    await storage.remove(`sha256/${wgsl.slice(0, 2)}/${wgsl}`);
    const response = await send('GET', `/api/v1/kernels/${id}/binary`);
    expect([response.status, (await response.json()).type]).toEqual([
      500,
      '/problems/artifact-corrupt',
    ]);
  });

  it('takes what this version compiles itself, and nothing that was added to it', async () => {
    const { send, putBlob, weights } = await withBlobs();
    const family = AdapterFamily.parse('software');
    const base = await manifestFor(weights, weights);
    const { wgsl } = await kernelText(base.blueprint, base.host, family);
    const register = async (text: string, change: object = {}) => {
      const { sha256 } = await putBlob(utf8(text));
      const manifest = { ...(await manifestFor(sha256, weights)), family, ...change };
      const response = await send('POST', '/api/v1/kernels', manifest);
      return [response.status, (await response.json()).type ?? null];
    };
    // Its loops end at values of the run, which the lint alone would refuse.
    expect(lintWgsl(wgsl)).not.toEqual([]);
    const unsafe = [422, '/problems/unsafe-shader'];
    expect(await register(wgsl, { family: undefined })).toEqual(unsafe);
    expect(await register(`fn own() { loop {} }\n${wgsl}`)).toEqual(unsafe);
    expect(await register(`${wgsl}\nfn own() { loop {} }`)).toEqual(unsafe);
    expect(await register(`// made by a test\n${wgsl}`)).toEqual([201, null]);
    // An extension is ours to ask for as well: where the numeric class of the host calls for it.
    const host = { ...base.host, numerics: 'f16-multiply' as const };
    const half = await kernelText(base.blueprint, host, family);
    expect(half.wgsl).toContain('enable f16;');
    expect(await register(half.wgsl)).toEqual(unsafe);
    expect(await register(half.wgsl, { host })).toEqual([201, null]);
  });

  it('gives no WGSL of a rejected kernel', async () => {
    const { send, wgsl, weights } = await withBlobs();
    const manifest = await manifestFor(wgsl, weights, 'rejected');
    const { id } = await (await send('POST', '/api/v1/kernels', manifest)).json();
    const response = await send('GET', `/api/v1/kernels/${id}/binary`);
    expect([response.status, (await response.json()).type]).toEqual([
      409,
      '/problems/not-validated',
    ]);
  });
});
