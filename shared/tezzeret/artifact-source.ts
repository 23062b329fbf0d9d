/**
 * Where a run gets its artifacts: the kernel cache, else Urza, else the forge of this machine. All
 * three give the same kernels, so where one came from changes nothing about the run. Only kernels
 * that this machine's own lowering gives are used; what differs is compiled here instead.
 */
import { canonicalJson } from '../base/canonical.ts';
import { messageOf } from '../base/errors.ts';
import { blueprintId } from '../blueprints/canonical-hash.ts';
import { type BlueprintShapes, inferShapes } from '../blueprints/ir.ts';
import type { ArtifactManifest, Blueprint, HostShape } from '../contracts/blueprint.ts';
import type { Backend } from '../engine/plan/backend.ts';
import type { ArtifactSource, ProvidedArtifact } from '../kasmina/artifact-source.ts';
import { systemClock } from '../platform/clock.ts';
import { ServiceError } from '../resilience/service-error.ts';
import { withTimeLimit } from '../resilience/time-limit.ts';
import type { Timer } from '../resilience/timer.ts';
import { type CompiledArtifact, digestFault, rejection } from './artifact.ts';
import { artifactKey } from './artifact-key.ts';
import { compileArtifact } from './compiler.ts';
import type { KernelCache, KernelCacheStats } from './kernel-cache.ts';
import { kernelText } from './kernel-text.ts';
import type { ArtifactRegistry } from './urza-client.ts';

const PIPELINE = 'fast';
const URZA_DEADLINE_MS = 2000;
/** Training waits at a look for its artifact, so a network that is slow must not be waited for. */
const URZA_HEAD_START_MS = 200;

export interface ArtifactSourceOptions {
  cache: KernelCache;
  /** Null: nothing is shared. */
  urza: ArtifactRegistry | null;
  /** The trainer's own. */
  backend: Backend;
  /** Float64, engine/reference. */
  reference: Backend;
  /** engine/kernels/shader-text.ts `shaderDigest()`. */
  shaderDigest: string;
  /** Bytes one binding may have on the adapter. @default {compiler.ts DEFAULT_BINDING_BYTES} */
  maxBindingBytes?: number;
  /** Milliseconds Urza may take to answer at all. @default {2000} */
  urzaDeadlineMs?: number;
  /** Milliseconds Urza may take before the forge does it; a later answer is cached. @default {200} */
  urzaHeadStartMs?: number;
  /** @default {systemClock} */
  timer?: Timer;
  /** Told when a source fails and the next takes over; the same message only once in a row. */
  onNotice?: (message: string) => void;
}

export interface ArtifactSourceStats {
  cache: KernelCacheStats;
  /** Artifacts fetched from Urza and used. */
  fetched: number;
  /** Artifacts compiled here, the rejected included. */
  forged: number;
  rejected: number;
  /** Times Urza failed, or had something that could not be used. */
  urzaFaults: number;
}

export interface ForgingArtifactSource extends ArtifactSource {
  stats(): ArtifactSourceStats;
  /** Resolves when what runs in the background (caching, uploads) is done; for tests and exits. */
  settled(): Promise<void>;
}

/** What an artifact must have to be used here. */
interface Wanted {
  blueprint: Blueprint;
  host: HostShape;
  key: string;
  /** {@link substance} of what this machine would compile; null: its lowering takes no part. */
  substance: string | null;
}

export function createArtifactSource(options: ArtifactSourceOptions): ForgingArtifactSource {
  const { backend, cache, reference, shaderDigest, urza } = options;
  const timer = options.timer ?? systemClock;
  const urzaDeadlineMs = options.urzaDeadlineMs ?? URZA_DEADLINE_MS;
  const urzaHeadStartMs = options.urzaHeadStartMs ?? URZA_HEAD_START_MS;
  const family = backend.adapter.kind;
  const underWay = new Map<string, Promise<ProvidedArtifact>>();
  const background = new Set<Promise<void>>();
  const counts = { fetched: 0, forged: 0, rejected: 0, urzaFaults: 0 };
  let lastNotice = '';

  const notice = (message: string) => {
    if (message === lastNotice) return;
    lastNotice = message;
    options.onNotice?.(message);
  };
  const later = (what: string, work: Promise<void>) => {
    const done = work
      .catch((error: unknown) => {
        if (!isOpenBreaker(error)) notice(`${what}: ${messageOf(error)}`);
      })
      .finally(() => background.delete(done));
    background.add(done);
  };
  const isOwn = (manifest: ArtifactManifest, wanted: Wanted) =>
    rejection(manifest) === null && substance(manifest) === wanted.substance;

  async function fromCache(wanted: Wanted): Promise<ProvidedArtifact | null> {
    const hit = await cache.get(wanted.key);
    if (!hit) return null;
    const { artifact, origin } = hit;
    if (isOwn(artifact.manifest, wanted)) return provided(artifact, origin);
    // Another version of this program lowered the same sources in another way.
    await cache.drop(wanted.key);
    return null;
  }

  async function fromUrza(wanted: Wanted): Promise<ProvidedArtifact | null> {
    if (!urza || wanted.substance === null) return null;
    const accept = (manifest: ArtifactManifest) => isOwn(manifest, wanted);
    try {
      const artifact = await withTimeLimit(timer, urzaDeadlineMs + 100, undefined, () =>
        urza.find(wanted.key, accept, urzaDeadlineMs),
      );
      if (!artifact) return null;
      const fault = await digestFault(artifact, wanted.key);
      if (fault !== null || !accept(artifact.manifest)) {
        throw new Error(fault ?? 'its kernels are not those of this machine');
      }
      counts.fetched++;
      later('Cannot cache an artifact', cache.put(artifact));
      return provided(artifact, 'urza');
    } catch (error) {
      counts.urzaFaults++;
      // An open breaker is on show where services are; it would be told at every germination.
      if (!isOpenBreaker(error))
        notice(`Urza could not give an artifact, compiling here: ${messageOf(error)}`);
      return null;
    }
  }

  async function forge({ blueprint, host }: Wanted): Promise<ProvidedArtifact> {
    const { maxBindingBytes } = options;
    const artifact = await compileArtifact(blueprint, host, {
      backend,
      reference,
      pipeline: PIPELINE,
      shaderDigest,
      ...(maxBindingBytes === undefined ? {} : { maxBindingBytes }),
    });
    counts.forged++;
    if (rejection(artifact.manifest) === null) {
      later('Cannot cache an artifact', cache.put(artifact));
    } else {
      // Not cached: a device that failed once may not fail again. Urza keeps the report.
      counts.rejected++;
    }
    if (urza) later('Cannot upload an artifact to Urza', urza.upload(artifact));
    return provided(artifact, 'forge');
  }

  async function obtain(id: string, blueprint: Blueprint, host: HostShape, key: string) {
    const wanted = { blueprint, host, key, substance: await ownSubstance(id, blueprint, host) };
    return (await fromCache(wanted)) ?? (await fromUrzaInTime(wanted)) ?? (await forge(wanted));
  }

  /** Null as well when Urza is still asked: what it says then is cached for the next time. */
  async function fromUrzaInTime(wanted: Wanted): Promise<ProvidedArtifact | null> {
    const asked = fromUrza(wanted);
    const answered = new AbortController();
    const headStart = timer.sleep(urzaHeadStartMs, answered.signal).then(
      () => null,
      () => null,
    );
    const first = await Promise.race([asked, headStart]);
    answered.abort();
    if (first === null)
      later(
        'Urza',
        asked.then(() => undefined),
      );
    return first;
  }

  async function ownSubstance(id: string, blueprint: Blueprint, host: HostShape) {
    const { parameters, parameterCount } = inferShapes(blueprint, host);
    try {
      const { kernels } = await kernelText(blueprint, host, family);
      return substance({ blueprintId: id, host, kernels, parameters, parameterCount });
    } catch (error) {
      // The forge says so in its report.
      if (error instanceof RangeError) return null;
      throw error;
    }
  }

  return {
    async provide(blueprint, host) {
      const id = await blueprintId(blueprint);
      const request = { blueprintId: id, host, pipeline: PIPELINE, shaderDigest, family } as const;
      const key = await artifactKey(request);
      const known = underWay.get(key);
      if (known) return known;
      const work = obtain(id, blueprint, host, key).finally(() => underWay.delete(key));
      underWay.set(key, work);
      return work;
    },

    stats: () => ({ cache: cache.stats(), ...counts }),

    async settled() {
      while (background.size > 0) await Promise.all(background);
    },
  };
}

function isOpenBreaker(error: unknown): boolean {
  return error instanceof ServiceError && error.kind === 'open';
}

/**
 * What of a manifest decides whether it may be used here: for what it is, what it runs and how
 * large it is. Names of parameters may differ, since a blueprint's identity leaves its ids out.
 */
function substance(
  manifest: Pick<ArtifactManifest, 'blueprintId' | 'host' | 'kernels' | 'parameterCount'> &
    Pick<BlueprintShapes, 'parameters'>,
): string {
  const { blueprintId, host, kernels, parameterCount, parameters } = manifest;
  const shapes = parameters.map(({ shape, init }) => ({ shape, init }));
  return canonicalJson({ blueprintId, host, kernels, parameterCount, shapes });
}

/** What the trainer is told; every digest of `artifact` was checked, or it was made here. */
function provided(
  { id, manifest }: CompiledArtifact,
  origin: ProvidedArtifact['origin'],
): ProvidedArtifact {
  const reason = rejection(manifest);
  return {
    id,
    validated: reason === null,
    digestMatches: true,
    parameters: manifest.parameterCount,
    origin,
    reason,
  };
}
