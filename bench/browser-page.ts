/** The page of browser-page.html: `esper bench --browser` opens it and asks for the report. */
import { createGpuBackend } from '../shared/engine/gpu/gpu-backend.ts';
import { type BenchOptions, type BenchReport, runSuite } from './suite.ts';

export type PageOptions = Pick<
  BenchOptions,
  'runtime' | 'profile' | 'samples' | 'minMs' | 'only' | 'date'
>;

declare global {
  interface Window {
    runBench(options: PageOptions): Promise<BenchReport>;
    stopBench(): void;
    /** Given by who opened the page. */
    benchProgress?(what: string): void;
  }
}

const stop = new AbortController();
window.stopBench = () => stop.abort();
window.runBench = async (options) => {
  const open = () => createGpuBackend(navigator.gpu);
  const backend = await open();
  try {
    return await runSuite(backend, {
      ...{ ...options, open, stop: stop.signal },
      onProgress(what) {
        document.querySelector('#status')!.textContent = what;
        window.benchProgress?.(what);
      },
    });
  } finally {
    backend.dispose();
  }
};
