/** Hit rates of the kernel cache on a skewed trace, against what a cache of that size can have. */
import { sha256Hex } from '#shared/base/canonical.ts';
import { RandomStream } from '#shared/base/random.ts';
import { libraryBlueprint } from '#shared/blueprints/library.ts';
import { parseConfig } from '#shared/contracts/config.ts';
import { type CompiledArtifact, manifestId } from '#shared/tezzeret/artifact.ts';
import { KernelCache, warmHitRate } from '#shared/tezzeret/kernel-cache.ts';
import type { Add } from './server-figures.ts';

const CATALOGUE = 400;
const REQUESTS = 5000;

/** A trace of kernels, each wanted in proportion to 1/rank, through a small and a usual cache. */
export async function cacheHits(add: Add): Promise<void> {
  const random = new RandomStream(1, 'zipf');
  const weights = Array.from({ length: CATALOGUE }, (_, i) => 1 / (i + 1));
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const total = sum(weights);
  const draw = (): number => {
    let left = (random.integer(2 ** 31) / 2 ** 31) * total;
    for (const [i, w] of weights.entries()) {
      left -= w;
      if (left <= 0) return i;
    }
    return CATALOGUE - 1;
  };
  const trace = Array.from({ length: REQUESTS }, draw);
  const artifacts = await Promise.all(Array.from({ length: CATALOGUE }, (_, i) => artifact(i)));
  const room = CATALOGUE / 4;
  const small = await follow(trace, artifacts, room);
  const what = 'cache hits, Zipf(1), room for a quarter';
  add(what, (100 * small.hits) / (small.hits + small.misses), '%', { above: 95 });
  add(`${what}, of what a warm cache could have`, 100 * (warmHitRate(small) ?? 0), '%', null);
  const most = (100 * sum(weights.slice(0, room))) / total;
  add('the best choice of a quarter would hit', most, '%', null);
  const usual = await follow(trace, artifacts, parseConfig({}).MAX_CACHE_ENTRIES);
  const warm = 'cache hits after warm-up, usual size';
  add(warm, 100 * (warmHitRate(usual) ?? 0), '%', { above: 95 });
}

async function follow(
  trace: readonly number[],
  artifacts: readonly CompiledArtifact[],
  maxEntries: number,
) {
  const cache = await KernelCache.open({ storage: null, maxBytes: 2 ** 30, maxEntries });
  for (const wanted of trace) {
    const one = artifacts[wanted]!;
    if (!(await cache.get(one.manifest.key!))) await cache.put(one);
  }
  return cache.stats();
}

/** An artifact of the catalogue whose digests hold. */
async function artifact(n: number): Promise<CompiledArtifact> {
  const blueprint = libraryBlueprint('low-rank-4');
  const wgsl = `// kernel ${n}\n`;
  const weights = new Uint8Array(256).fill(n);
  const manifest: CompiledArtifact['manifest'] = {
    ...{ version: 1, key: await sha256Hex(`key ${n}`), family: 'reference' },
    ...{ shaderDigest: await sha256Hex('shaders'), blueprintId: await sha256Hex('blueprint') },
    ...{ blueprintName: blueprint.name, blueprint, pipeline: 'fast' },
    host: { kind: 'linear', input: [8], outFeatures: 4 },
    ...{ kernels: [], parameters: [], parameterCount: 0 },
    ...{ wgslSha256: await sha256Hex(wgsl), weightsSha256: await sha256Hex(weights) },
    verification: { status: 'validated', adapter: 'bench', checks: [] },
  };
  return { id: await manifestId(manifest), manifest, wgsl, weights };
}
