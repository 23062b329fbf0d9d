/** The kernel cache and the forge behind it, for one backend. */
import type { Backend } from '../engine/plan/backend.ts';
import { systemClock } from '../platform/clock.ts';
import type { BlobStorage } from '../platform/platform.ts';
import { createArtifactSource, type ForgingArtifactSource } from '../tezzeret/artifact-source.ts';
import { KernelCache } from '../tezzeret/kernel-cache.ts';
import { createUrzaClient } from '../tezzeret/urza-client.ts';
import type { Services } from './services.ts';

export interface ArtifactOptions {
  backend: Backend;
  /** Float64 oracle of the verification. */
  reference: Backend;
  services: Services | null;
  /** Null: kernels are kept in memory only. */
  storage: BlobStorage | null;
  shaderDigest: string;
  /** From CACHE_SIZE_MB and MAX_CACHE_ENTRIES. */
  maxBytes: number;
  maxEntries: number;
  onNotice?(message: string): void;
}

export async function openArtifacts(options: ArtifactOptions): Promise<ForgingArtifactSource> {
  const { backend, maxBytes, maxEntries, reference, services, shaderDigest, storage } = options;
  const onNotice = options.onNotice ? { onNotice: options.onNotice } : {};
  return createArtifactSource({
    cache: await KernelCache.open({ storage, maxBytes, maxEntries, ...onNotice }),
    urza: services ? createUrzaClient(services.client('urza'), systemClock) : null,
    backend,
    reference,
    shaderDigest,
    ...onNotice,
  });
}
