/**
 * The engine's host in a browser worker: WebGPU with the reference engine behind it, IndexedDB
 * with memory behind it, and the server the page came from.
 */
import { messageOf, NoAdapterError } from '../shared/base/errors.ts';
import { createGpuBackend } from '../shared/engine/gpu/gpu-backend.ts';
import { shaderDigest } from '../shared/engine/kernels/shader-text.ts';
import type { Backend } from '../shared/engine/plan/backend.ts';
import { createReferenceBackend } from '../shared/engine/reference/reference-backend.ts';
import { type BrowserStorage, openBrowserStorage } from '../shared/platform/browser.ts';
import { systemClock } from '../shared/platform/clock.ts';
import { memoryRunStorage } from '../shared/platform/memory.ts';
import type { RunStorage } from '../shared/platform/platform.ts';
import type { ForgingArtifactSource } from '../shared/tezzeret/artifact-source.ts';
import { openArtifacts } from '../shared/workbench/artifacts.ts';
import { localKnowledge } from '../shared/workbench/knowledge-store.ts';
import { openServices } from '../shared/workbench/services.ts';
import { WorkbenchSession } from '../shared/workbench/session.ts';
import { openTuning } from '../shared/workbench/tuning.ts';
import type { EmitMessage, EngineHost } from './engine-host.ts';

const CACHE_BYTES = 64 * 2 ** 20;
const CACHE_ENTRIES = 128;
/** A browser whose GPU process crashed offers no adapter until that process is back. */
const RETURN_TRIES = 10;
const RETURN_MS = 500;

export async function createBrowserHost(emit: EmitMessage): Promise<EngineHost> {
  const notice = (level: 'info' | 'warning', code: 'storage-full' | 'other', message: string) =>
    emit({ kind: 'notice', level, code, message });
  const storage = await openStorage((reason) => notice('warning', 'storage-full', reason));
  const inMemory = new Map<string, RunStorage>();
  const digest = await shaderDigest();
  let artifacts: ForgingArtifactSource | null = null;
  let hadGpu = false;
  let token: string | null = null;
  const session = new WorkbenchSession(
    {
      clock: systemClock,
      async openBackend(avoidGpu) {
        if (avoidGpu) {
          const note = 'the graphics device was lost three times; using the slow reference engine';
          return { backend: createReferenceBackend(), note };
        }
        const opened = await openBestBackend(hadGpu ? RETURN_TRIES : 1);
        hadGpu ||= opened.backend.adapter.kind !== 'reference';
        return opened;
      },
      async openWorkbench(backend, files) {
        const services = openServices({
          url: self.location.origin,
          clock: systemClock,
          token: () => token,
        });
        const blobs = storage?.blobs('kernels') ?? null;
        const onNotice = (message: string) => notice('info', 'other', message);
        openTuning(backend, { storage: blobs, shaderDigest: digest, onNotice });
        artifacts = await openArtifacts({
          backend,
          reference: createReferenceBackend(),
          services,
          storage: blobs,
          shaderDigest: digest,
          maxBytes: CACHE_BYTES,
          maxEntries: CACHE_ENTRIES,
          onNotice,
        });
        return {
          ...{ backend, artifacts, services, clock: systemClock, files, shaderDigest: digest },
          warmKernels: true,
          ...(storage ? { knowledge: localKnowledge(storage.blobs('knowledge')) } : {}),
        };
      },
      storageOf(runId) {
        if (storage) return storage.run(runId);
        const kept = inMemory.get(runId) ?? memoryRunStorage();
        inMemory.set(runId, kept);
        return kept;
      },
      listRuns: async () => (await storage?.listRuns()) ?? [...inMemory.keys()],
      async removeRun(runId) {
        const held = (await self.navigator.locks?.query())?.held ?? [];
        if (held.some((lock) => lock.name === `esper.run.${runId}`)) return false;
        inMemory.delete(runId);
        await storage?.removeRun(runId);
        return true;
      },
      cacheStats: () =>
        artifacts?.stats().cache ?? { entries: 0, bytes: 0, hits: 0, misses: 0, evictions: 0 },
    },
    emit,
  );
  await session.open();
  return {
    async handle(request) {
      if (request.kind !== 'server-token') return session.handle(request);
      token = request.token;
      return undefined;
    },
  };
}

/** The GPU where there is one; otherwise the reference engine with the reason. */
export async function openBestBackend(tries: number): Promise<{ backend: Backend; note?: string }> {
  for (let left = tries - 1; ; left--) {
    try {
      return { backend: await createGpuBackend(self.navigator.gpu) };
    } catch (error) {
      if (left > 0) {
        await systemClock.sleep(RETURN_MS);
        continue;
      }
      const why =
        error instanceof NoAdapterError ? error.message : `WebGPU failed: ${messageOf(error)}`;
      return { backend: createReferenceBackend(), note: why };
    }
  }
}

/** Null where the browser keeps nothing; the person is told once. */
async function openStorage(onTrouble: (reason: string) => void): Promise<BrowserStorage | null> {
  try {
    return await openBrowserStorage('esper', onTrouble);
  } catch (error) {
    onTrouble(
      `This browser keeps nothing (${messageOf(error)}); the run is lost when the tab closes`,
    );
    return null;
  }
}
