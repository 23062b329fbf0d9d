/** The page of suite-page.html: `esper experiment SUITE --browser` opens it and asks for the result. */
import type { SuiteResult } from '../shared/contracts/verdict.ts';
import { createGpuBackend } from '../shared/engine/gpu/gpu-backend.ts';
import { shaderDigest } from '../shared/engine/kernels/shader-text.ts';
import { createReferenceBackend } from '../shared/engine/reference/reference-backend.ts';
import { systemClock } from '../shared/platform/clock.ts';
import { MemoryBlobStorage } from '../shared/platform/memory.ts';
import { SUITES } from '../shared/verdict/suites/catalog.ts';
import { openArtifacts } from '../shared/workbench/artifacts.ts';
import type { SuitePageOptions, SuiteProgress } from './experiment-options.ts';

declare global {
  interface Window {
    runPage(options: unknown): Promise<unknown>;
    stopPage(): void;
    /** Given by who opened the page, cli/page-run.mjs. */
    pageProgress?(progress: unknown): void;
    readBase64?(path: string): Promise<string>;
  }
}

const CACHE = { maxBytes: 16 * 2 ** 20, maxEntries: 64 };

const stop = new AbortController();
window.stopPage = () => stop.abort();
window.runPage = async (asked): Promise<SuiteResult> => {
  const { files, seeds, suite } = asked as SuitePageOptions;
  const backend = await createGpuBackend(navigator.gpu);
  try {
    const digest = await shaderDigest();
    const reference = createReferenceBackend();
    const artifacts = await openArtifacts({
      ...{ backend, reference, services: null, storage: null, shaderDigest: digest },
      ...CACHE,
    });
    const read = async (path: string) =>
      Uint8Array.from(atob(await window.readBase64!(path)), (c) => c.charCodeAt(0));
    const bench = { backend, artifacts, services: null, clock: systemClock, files: { read } };
    return await SUITES[suite].run({
      bench: { ...bench, shaderDigest: digest },
      ...{ seeds, dataFolder: files, store: new MemoryBlobStorage(), stop: stop.signal },
      onProgress(share, label) {
        document.querySelector('#status')!.textContent = label;
        window.pageProgress?.({ share, label } satisfies SuiteProgress);
      },
    });
  } finally {
    backend.dispose();
  }
};
