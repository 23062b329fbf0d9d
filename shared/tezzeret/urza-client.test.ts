/** The client against the real app: what one machine uploads, another finds. */
import { describe, expect, it } from 'vitest';
import { createTestApp } from '../../tests/server/test-app.ts';
import { blueprintId } from '../blueprints/canonical-hash.ts';
import { libraryBlueprint } from '../blueprints/library.ts';
import type { HostShape } from '../contracts/blueprint.ts';
import { shaderDigest } from '../engine/kernels/shader-text.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { systemClock } from '../platform/clock.ts';
import { ServiceClient } from '../resilience/http-client.ts';
import { testArtifact } from './_test-artifact.ts';
import { manifestId } from './artifact.ts';
import { createArtifactSource } from './artifact-source.ts';
import { KernelCache } from './kernel-cache.ts';
import { createUrzaClient } from './urza-client.ts';

const reference = createReferenceBackend();
const blueprint = libraryBlueprint('low-rank-4');
const host: HostShape = { kind: 'linear', input: [3], outFeatures: 4 };

function connect(fetch: typeof globalThis.fetch) {
  const service = new ServiceClient({
    name: 'urza',
    baseUrl: 'http://urza.test/',
    timer: systemClock,
    fetch,
    options: { retries: 0 },
  });
  return { service, urza: createUrzaClient(service, systemClock) };
}

function server() {
  const test = createTestApp();
  const paths: string[] = [];
  const fetch = async (input: URL | RequestInfo, init?: RequestInit) => {
    const request = new Request(input, init);
    paths.push(`${request.method} ${new URL(request.url).pathname}`);
    return await test.app.fetch(request);
  };
  return { ...test, fetch, paths };
}

const machine = async (urza: ReturnType<typeof createUrzaClient>) =>
  createArtifactSource({
    cache: await KernelCache.open({ storage: null, maxBytes: 1e6, maxEntries: 10 }),
    urza,
    backend: reference,
    reference,
    shaderDigest: await shaderDigest(),
  });

describe('createUrzaClient()', () => {
  it('finds nothing, uploads, and finds that, whole', async () => {
    const { fetch, paths } = server();
    const { urza } = connect(fetch);
    const artifact = await testArtifact('a', 0);
    artifact.manifest.blueprintId = await blueprintId(artifact.manifest.blueprint);
    const whole = { ...artifact, id: await manifestId(artifact.manifest) };
    const key = whole.manifest.key!;
    expect(await urza.find(key, () => true, 2000)).toBeNull();
    await urza.upload(whole);
    await urza.upload(whole);
    expect(await urza.find(key, () => true, 2000)).toEqual(whole);
    expect(await urza.find(key, () => false, 2000)).toBeNull();
    expect(paths.filter((path) => path === 'POST /api/v1/kernels')).toHaveLength(2);
  });

  it('lets a second machine use what the first compiled', async () => {
    const { fetch, deps } = server();
    const first = await machine(connect(fetch).urza);
    const forged = await first.provide(blueprint, host);
    await first.settled();
    expect(forged.origin).toBe('forge');
    const second = await machine(connect(fetch).urza);
    const fetched = await second.provide(blueprint, host);
    expect(fetched).toEqual({ ...forged, origin: 'urza' });
    expect(second.stats()).toMatchObject({ fetched: 1, forged: 0, urzaFaults: 0 });
    expect((await deps.meta.stats()).records.kernels).toBe(1);
  });

  it('does without a server that lost or damaged a blob, and heals it by its upload', async () => {
    const { fetch, storage } = server();
    const first = await machine(connect(fetch).urza);
    await first.provide(blueprint, host);
    await first.settled();
    const [path] = await storage.list('sha256/');
    await storage.write(path!, new Uint8Array([1, 2, 3]));
    const second = await machine(connect(fetch).urza);
    expect(await second.provide(blueprint, host)).toMatchObject({ origin: 'forge' });
    await second.settled();
    expect(second.stats()).toMatchObject({ urzaFaults: 1 });
    const third = await machine(connect(fetch).urza);
    expect(await third.provide(blueprint, host)).toMatchObject({ origin: 'urza' });
  });

  it('does without a server that is away, behind its breaker', async () => {
    let sent = 0;
    const { service, urza } = connect(() => {
      sent++;
      return Promise.reject(new TypeError('fetch failed'));
    });
    const source = await machine(urza);
    expect(await source.provide(blueprint, host)).toMatchObject({ origin: 'forge' });
    await source.settled();
    service.trip();
    const before = sent;
    expect(await source.provide(libraryBlueprint('widen-8'), host)).toMatchObject({
      origin: 'forge',
    });
    await source.settled();
    expect(sent).toBe(before);
    expect(service.status().failures).toBeGreaterThan(0);
  });
});
