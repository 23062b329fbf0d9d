/** Urza as the forge sees it: artifacts by key, over the server's HTTP API (docs/server.md). */
import { KernelPage } from '../contracts/api.ts';
import type { ArtifactManifest } from '../contracts/blueprint.ts';
import type { ServiceRequest } from '../resilience/service-client-options.ts';
import type { ServiceResponse } from '../resilience/service-response.ts';
import type { Timer } from '../resilience/timer.ts';
import type { CompiledArtifact } from './artifact.ts';

export type UploadManner = Pick<ServiceRequest, 'deadlineMs' | 'retries' | 'whenOpen'>;

/** Where artifacts are shared between machines. Every call may fail. */
export interface ArtifactRegistry {
  /**
   * First artifact of that key whose manifest `accept` takes. Its digests are not checked.
   *
   * @param deadlineMs Milliseconds for all of it.
   */
  find(
    key: string,
    accept: (manifest: ArtifactManifest) => boolean,
    deadlineMs: number,
  ): Promise<CompiledArtifact | null>;
  /**
   * Stores an artifact; repeating it is harmless.
   *
   * @param how Of each of its calls; absent: as the client's options say.
   */
  upload(artifact: CompiledArtifact, how?: UploadManner): Promise<void>;
}

/** The part of resilience/http-client.ts `ServiceClient` that is used. */
export interface UrzaService {
  request(path: string, request?: ServiceRequest): Promise<ServiceResponse>;
  requestJson<T>(path: string, parse: (value: unknown) => T, request?: ServiceRequest): Promise<T>;
}

/** Manifests looked at for one key; there is one for each adapter that verified it. */
const CANDIDATES = 20;

export function createUrzaClient(
  service: UrzaService,
  timer: Pick<Timer, 'now'>,
): ArtifactRegistry {
  const blob = (sha256: string) => `/api/v1/blobs/${sha256}`;
  return {
    async find(key, accept, deadlineMs) {
      const end = timer.now() + deadlineMs;
      const page = await service.requestJson(
        `/api/v1/kernels?key=${key}&limit=${CANDIDATES}`,
        (value) => KernelPage.parse(value),
        { deadlineMs },
      );
      const found = page.items.find(({ manifest }) => accept(manifest));
      if (!found) return null;
      const { id, manifest } = found;
      const left = { deadlineMs: Math.max(1, end - timer.now()) };
      const [wgsl, weights] = await Promise.all([
        service.request(blob(manifest.wgslSha256), left),
        service.request(blob(manifest.weightsSha256), left),
      ]);
      return { id, manifest, wgsl: wgsl.text(), weights: weights.bytes };
    },

    async upload({ manifest, wgsl, weights }, how = {}) {
      // Manifests are only taken when their blobs are there.
      await Promise.all([
        service.request(blob(manifest.wgslSha256), {
          ...how,
          method: 'PUT',
          body: new TextEncoder().encode(wgsl),
        }),
        service.request(blob(manifest.weightsSha256), { ...how, method: 'PUT', body: weights }),
      ]);
      await service.request('/api/v1/kernels', {
        ...how,
        method: 'POST',
        body: manifest,
        idempotent: true,
      });
    },
  };
}
