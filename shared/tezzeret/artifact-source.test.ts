import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../base/canonical.ts';
import { ShaderCompileError } from '../base/errors.ts';
import { libraryBlueprint } from '../blueprints/library.ts';
import { Blueprint, type HostShape } from '../contracts/blueprint.ts';
import { shaderDigest } from '../engine/kernels/shader-text.ts';
import type { Backend } from '../engine/plan/backend.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { MemoryBlobStorage } from '../platform/memory.ts';
import { flipped } from './_test-artifact.ts';
import { faultyBackend } from './_test-backend.ts';
import { type CompiledArtifact, manifestId } from './artifact.ts';
import { type ArtifactSourceOptions, createArtifactSource } from './artifact-source.ts';
import { compileArtifact } from './compiler.ts';
import { KernelCache } from './kernel-cache.ts';
import type { ArtifactRegistry } from './urza-client.ts';

const reference = createReferenceBackend();
const blueprint = libraryBlueprint('low-rank-4');
const host: HostShape = { kind: 'linear', input: [3], outFeatures: 4 };
const digest = await shaderDigest();
const good = await compileArtifact(blueprint, host, {
  backend: reference,
  reference,
  pipeline: 'fast',
});

const openCache = (storage = new MemoryBlobStorage()) =>
  KernelCache.open({ storage, maxBytes: 1e6, maxEntries: 10 });

/** A registry that has `found` and remembers what it was asked and given. */
function registry(found: CompiledArtifact | null = null) {
  const calls: string[] = [];
  const uploads: CompiledArtifact[] = [];
  const urza: ArtifactRegistry = {
    async find(key, accept) {
      calls.push(key);
      return found && accept(found.manifest) ? found : null;
    },
    async upload(artifact) {
      uploads.push(artifact);
    },
  };
  return { urza, calls, uploads };
}

async function source(more: Partial<ArtifactSourceOptions> = {}) {
  const notices: string[] = [];
  const artifacts = createArtifactSource({
    cache: await openCache(),
    urza: null,
    backend: reference,
    reference,
    shaderDigest: digest,
    onNotice: (message) => notices.push(message),
    ...more,
  });
  return { artifacts, notices };
}

/** The artifact with another manifest, whose digests hold. */
async function forged(
  change: Partial<CompiledArtifact['manifest']>,
  parts: Partial<CompiledArtifact> = {},
): Promise<CompiledArtifact> {
  const manifest = { ...good.manifest, ...change };
  return { ...good, ...parts, manifest, id: await manifestId(manifest) };
}

describe('createArtifactSource()', () => {
  it('forges what nobody has, then has it in memory, and in storage after a restart', async () => {
    const storage = new MemoryBlobStorage();
    const first = await source({ cache: await openCache(storage) });
    expect(await first.artifacts.provide(blueprint, host)).toEqual({
      id: good.id,
      validated: true,
      digestMatches: true,
      parameters: 3 * 4 + 4 * 4,
      origin: 'forge',
      reason: null,
    });
    await first.artifacts.settled();
    expect(await first.artifacts.provide(blueprint, host)).toMatchObject({ origin: 'memory' });
    const second = await source({ cache: await openCache(storage) });
    const again = await second.artifacts.provide(blueprint, host);
    expect(again).toMatchObject({ origin: 'storage', id: good.id });
    expect(second.artifacts.stats()).toMatchObject({
      forged: 0,
      cache: { hits: 1, misses: 0, entries: 1 },
    });
  });

  it('finds a blueprint of other names, for it is the same', async () => {
    const { artifacts } = await source();
    await artifacts.provide(blueprint, host);
    await artifacts.settled();
    const renamed = Blueprint.parse({
      ...JSON.parse(JSON.stringify(blueprint).replaceAll('"down"', '"first"')),
      name: 'other',
    });
    expect(await artifacts.provide(renamed, host)).toMatchObject({ origin: 'memory' });
  });

  it('shares one compile among simultaneous requests', async () => {
    const { urza, calls, uploads } = registry();
    const { artifacts } = await source({ urza });
    const all = await Promise.all(
      Array.from({ length: 8 }, () => artifacts.provide(blueprint, host)),
    );
    expect(new Set(all.map((artifact) => artifact.id))).toEqual(new Set([good.id]));
    await artifacts.settled();
    expect([artifacts.stats().forged, calls.length, uploads.length]).toEqual([1, 1, 1]);
  });

  it('takes what Urza has and keeps it', async () => {
    const { urza, calls, uploads } = registry(good);
    const { artifacts } = await source({ urza });
    const artifact = await artifacts.provide(blueprint, host);
    expect(artifact).toMatchObject({ origin: 'urza', id: good.id, validated: true });
    expect(calls).toEqual([good.manifest.key]);
    await artifacts.settled();
    expect(await artifacts.provide(blueprint, host)).toMatchObject({ origin: 'memory' });
    expect(artifacts.stats()).toMatchObject({ fetched: 1, forged: 0, urzaFaults: 0 });
    expect(uploads).toEqual([]);
  });

  const otherKernels = good.manifest.kernels.map((k) => ({ ...k, sha256: 'f'.repeat(64) }));
  const evil = good.wgsl.replace('fn linear', 'fn linea_');
  const verification = { ...good.manifest.verification, status: 'rejected' as const };
  const wrong: [string, () => Promise<CompiledArtifact>, RegExp][] = [
    [
      'weights of another digest',
      async () => ({ ...good, weights: flipped(good.weights, 30) }),
      /weights do not match/,
    ],
    ['WGSL of another digest', async () => ({ ...good, wgsl: evil }), /WGSL does not match/],
    ['an id of another manifest', async () => ({ ...good, id: '0'.repeat(64) }), /its id/],
    ['another key', () => forged({ key: '0'.repeat(64) }), /the manifest has key 0000/],
    ['other kernels', () => forged({ kernels: otherKernels }), /not those of this machine/],
    ['another size', () => forged({ parameterCount: 1 }), /not those of this machine/],
    ['another host', () => forged({ host: { ...host, outFeatures: 5 } }), /not those of this/],
    ['a rejected artifact', () => forged({ verification }), /not those of this machine/],
  ];
  it.each(wrong)('compiles here when Urza gives %s', async (_, make, message) => {
    const bad = await make();
    const { urza } = registry();
    const { artifacts, notices } = await source({ urza: { ...urza, find: async () => bad } });
    const artifact = await artifacts.provide(blueprint, host);
    expect(artifact).toMatchObject({ origin: 'forge', id: good.id, validated: true });
    expect(artifacts.stats()).toMatchObject({ urzaFaults: 1, fetched: 0, forged: 1 });
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatch(/^Urza could not give an artifact, compiling here: /);
    expect(notices[0]).toMatch(message);
  });

  it('passes over manifests it cannot use, and asks no further', async () => {
    const { urza } = registry(await forged({ kernels: otherKernels }));
    const { artifacts, notices } = await source({ urza });
    expect(await artifacts.provide(blueprint, host)).toMatchObject({ origin: 'forge' });
    expect(notices).toEqual([]);
  });

  it('compiles here when Urza is down, or never answers, or cannot be given anything', async () => {
    const down: ArtifactRegistry = {
      find: () => Promise.reject(new Error('connection refused')),
      upload: () => Promise.reject(new Error('connection refused')),
    };
    const first = await source({ urza: down });
    expect(await first.artifacts.provide(blueprint, host)).toMatchObject({ origin: 'forge' });
    await first.artifacts.settled();
    expect(first.notices).toEqual([
      'Urza could not give an artifact, compiling here: connection refused',
      'Cannot upload an artifact to Urza: connection refused',
    ]);

    const hanging: ArtifactRegistry = {
      find: () => new Promise(() => {}),
      upload: () => new Promise(() => {}),
    };
    // The forge does not wait for the deadline: training waits for the artifact at its next look.
    const second = await source({ urza: hanging, urzaDeadlineMs: 3_600_000, urzaHeadStartMs: 20 });
    expect(await second.artifacts.provide(blueprint, host)).toMatchObject({ origin: 'forge' });
    // The upload hangs on, and nobody waits for it.
    expect(await second.artifacts.provide(blueprint, host)).toMatchObject({ origin: 'memory' });
  });

  it('makes anew what another version lowered in another way, cached under the same key', async () => {
    const cache = await openCache();
    await cache.put(await forged({ kernels: otherKernels }));
    const { artifacts } = await source({ cache });
    expect(await artifacts.provide(blueprint, host)).toMatchObject({ origin: 'forge' });
    await artifacts.settled();
    expect(await artifacts.provide(blueprint, host)).toMatchObject({ origin: 'memory' });
  });

  it('makes anew what was damaged in storage', async () => {
    const storage = new MemoryBlobStorage();
    await (await openCache(storage)).put(good);
    const [path] = await storage.list('artifacts/');
    const bytes = (await storage.read(path!))!;
    await storage.write(path!, flipped(bytes, bytes.length - 3));
    const { artifacts } = await source({ cache: await openCache(storage) });
    expect(await artifacts.provide(blueprint, host)).toMatchObject({ origin: 'forge' });
    expect(artifacts.stats().cache).toMatchObject({ corrupt: 1, misses: 1 });
    await artifacts.settled();
    expect(await sha256Hex((await storage.read(path!))!)).toBe(await sha256Hex(bytes));
  });

  it('reports a rejected artifact with its reason, shares the report and caches nothing', async () => {
    const { urza, uploads } = registry();
    const backend = faultyBackend(reference, { output: (_name, values) => void values.fill(1) });
    const { artifacts } = await source({ urza, backend });
    const artifact = await artifacts.provide(blueprint, host);
    expect(artifact).toMatchObject({ validated: false, origin: 'forge', digestMatches: true });
    expect(artifact.reason).toMatch(/its verification failed: zero-at-birth/);
    await artifacts.settled();
    expect(artifacts.stats()).toMatchObject({ rejected: 1, cache: { entries: 0 } });
    expect(uploads[0]?.manifest.verification.status).toBe('rejected');
  });

  it('reports a shape that no kernel takes', async () => {
    const { urza, calls } = registry();
    const { artifacts } = await source({ urza });
    const huge: HostShape = { kind: 'linear', input: [4_500_000], outFeatures: 1 };
    const artifact = await artifacts.provide(libraryBlueprint('low-rank-1'), huge);
    expect(artifact.reason).toMatch(/lowering \(Cannot /);
    expect(calls).toEqual([]);
  });

  it('throws unexpected faults of the compile, and tries again when asked again', async () => {
    let isBroken = true;
    const backend: Backend = {
      ...faultyBackend(reference, {}),
      prepare: (plan, bindings) =>
        isBroken
          ? Promise.reject(new ShaderCompileError('Cannot compile shader linear.wgsl:3: no'))
          : healthy.prepare(plan, bindings),
    };
    const healthy = faultyBackend(reference, {});
    backend.run = healthy.run;
    const { artifacts } = await source({ backend });
    await expect(artifacts.provide(blueprint, host)).rejects.toThrow(ShaderCompileError);
    isBroken = false;
    expect(await artifacts.provide(blueprint, host)).toMatchObject({ validated: true });
    await expect(artifacts.provide(libraryBlueprint('conv1x1-8'), host)).rejects.toThrow(
      'Cannot fit blueprint "conv1x1-8" to a linear host',
    );
  });
});
