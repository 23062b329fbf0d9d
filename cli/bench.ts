/**
 * What the runs of one process share: the adapter, the kernel cache and the connection to a
 * server. Opened at first use, opened anew after a device loss.
 */

import { NoAdapterError } from '#shared/base/errors.ts';
import { parseConfig } from '#shared/contracts/config.ts';
import { createGpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import { shaderDigest } from '#shared/engine/kernels/shader-text.ts';
import { createReferenceBackend } from '#shared/engine/reference/reference-backend.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { diskFiles, FileBlobStorage } from '#shared/platform/deno.ts';
import type { ForgingArtifactSource } from '#shared/tezzeret/artifact-source.ts';
import { warmHitRate } from '#shared/tezzeret/kernel-cache.ts';
import { openArtifacts } from '#shared/workbench/artifacts.ts';
import { localKnowledge } from '#shared/workbench/knowledge-store.ts';
import type { Workbench } from '#shared/workbench/open-run.ts';
import { openServices, type Services } from '#shared/workbench/services.ts';
import { openTuning } from '#shared/workbench/tuning.ts';
import type { TrainOutput } from './train-options.ts';

/** Kernels verified on this machine, shared by all runs of the working folder. */
export const CACHE_FOLDER = '.esper/kernels';
/** What policies learned, where no server keeps it. */
const KNOWLEDGE_FOLDER = '.esper/knowledge';
/** Longest wait for kernels that are still being stored or shared when the work is done. */
const SETTLE_MS = 3000;

export class Bench {
  #serverUrl: string | null;
  #output: TrainOutput;
  #open: { workbench: Workbench; artifacts: ForgingArtifactSource } | null = null;

  /** @param serverUrl Null: everything happens in this process. */
  constructor(serverUrl: string | null, output: TrainOutput) {
    this.#serverUrl = serverUrl;
    this.#output = output;
  }

  /** @throws {NoAdapterError} No usable adapter. */
  async get(): Promise<Workbench> {
    this.#open ??= await openBench(this.#serverUrl, this.#output);
    return this.#open.workbench;
  }

  /** Gives the device back; the next `get` asks for a new one. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    if (!open) return;
    const { artifacts, workbench } = open;
    await Promise.race([artifacts.settled(), systemClock.sleep(SETTLE_MS)]);
    const { cache } = artifacts.stats();
    const asked = cache.hits + cache.misses;
    const warm = warmHitRate(cache);
    if (asked > 0) {
      const rate = warm === null ? '' : `, ${(100 * warm).toFixed(1)} % of those asked for before`;
      this.#output.note(`kernel cache: ${cache.hits} of ${asked} found${rate}`);
    }
    workbench.services?.close();
    await workbench.backend.close();
  }
}

async function openBench(serverUrl: string | null, output: TrainOutput) {
  const config = parseConfig({
    HTTP_TIMEOUT: Deno.env.get('HTTP_TIMEOUT'),
    RETRY_ATTEMPTS: Deno.env.get('RETRY_ATTEMPTS'),
    CACHE_SIZE_MB: Deno.env.get('CACHE_SIZE_MB'),
    MAX_CACHE_ENTRIES: Deno.env.get('MAX_CACHE_ENTRIES'),
    ESPER_TOKEN: Deno.env.get('ESPER_TOKEN'),
  });
  const backend = await createGpuBackend(navigator.gpu).catch((error: unknown) => {
    if (!(error instanceof NoAdapterError)) throw error;
    throw new NoAdapterError(
      'Cannot find a graphics adapter: type "npx esper doctor --install", which says what is ' +
        'missing and installs a driver where it can',
    );
  });
  const { adapter } = backend;
  const software = adapter.kind === 'software' ? ', a CPU renderer: expect it to be slow' : '';
  output.note(`adapter: ${adapter.name}${software}`);
  const services: Services | null =
    serverUrl === null
      ? null
      : openServices({
          url: serverUrl,
          clock: systemClock,
          token: config.ESPER_TOKEN,
          timeoutSeconds: config.HTTP_TIMEOUT,
          retries: config.RETRY_ATTEMPTS,
        });
  if (services) watchServer(services, output);
  const digest = await shaderDigest();
  const storage = new FileBlobStorage(CACHE_FOLDER);
  const onNotice = (message: string) => output.warn(message);
  openTuning(backend, { storage, shaderDigest: digest, onNotice });
  const artifacts = await openArtifacts({
    backend,
    reference: createReferenceBackend(),
    services,
    storage,
    shaderDigest: digest,
    maxBytes: config.CACHE_SIZE_MB * 2 ** 20,
    maxEntries: config.MAX_CACHE_ENTRIES,
    onNotice,
  });
  const workbench: Workbench = {
    backend,
    artifacts,
    services,
    clock: systemClock,
    files: diskFiles,
    shaderDigest: digest,
    knowledge: localKnowledge(new FileBlobStorage(KNOWLEDGE_FOLDER)),
  };
  return { workbench, artifacts };
}

/**
 * Says once that the server is away and once that it is back: its services share an address, and
 * each breaker opens again at every probe that fails.
 */
function watchServer(services: Services, output: TrainOutput): void {
  const away = new Set<string>();
  services.onBreaker(({ breaker, name, url }) => {
    const before = away.size;
    if (breaker === 'open') away.add(name);
    else if (breaker === 'closed') away.delete(name);
    if (before === 0 && away.size > 0) {
      output.warn(`the server at ${url} does not answer; training goes on without it`);
    } else if (before > 0 && away.size === 0) {
      output.note(`the server at ${url} answers again`);
    }
  });
}
