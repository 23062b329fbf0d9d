/** The page of browser-page.html: `esper bench --browser` opens it and asks for the report. */
import { createGpuBackend } from '../shared/engine/gpu/gpu-backend.ts';
import { type BenchOptions, type BenchReport, runSuite } from './suite.ts';

export type PageOptions = Pick<
  BenchOptions,
  'runtime' | 'profile' | 'samples' | 'minMs' | 'only' | 'date'
>;

declare global {
  interface Window {
    runPage(options: unknown): Promise<unknown>;
    stopPage(): void;
    /** Given by who opened the page, cli/page-run.mjs. */
    pageProgress?(progress: unknown): void;
  }
}

const stop = new AbortController();
window.stopPage = () => stop.abort();
window.runPage = async (asked): Promise<BenchReport> => {
  const options = asked as PageOptions;
  const open = () => createGpuBackend(navigator.gpu);
  const backend = await open();
  try {
    return await runSuite(backend, {
      ...{ ...options, open, stop: stop.signal },
      onProgress(what) {
        document.querySelector('#status')!.textContent = what;
        window.pageProgress?.(what);
      },
    });
  } finally {
    backend.dispose();
  }
};
