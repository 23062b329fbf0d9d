/** `esper experiment p1`: reproduces a published experiment and prints it beside the source's figures. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '#shared/base/errors.ts';
import type { SuiteResult } from '#shared/contracts/verdict.ts';
import { FileBlobStorage, writeFileAtomic } from '#shared/platform/deno.ts';
import { MemoryBlobStorage } from '#shared/platform/memory.ts';
import { SUITES } from '#shared/verdict/suites/catalog.ts';
import { SUITE_FILE } from '#shared/verdict/suites/suite-store.ts';
import { Bench } from './bench.ts';
import type { SuiteCommandOptions, SuitePageOptions, SuiteProgress } from './experiment-options.ts';
import { inBrowser } from './in-browser.ts';
import { LOCK_FILE } from './run-folder.ts';
import { lockRunFolder } from './run-lock.ts';
import type { SuiteOutput } from './suite-output.ts';

/**
 * @param stop Aborted when the person asks to stop: with a folder, finished parts and the run under
 *   way are kept, and the same command goes on.
 * @throws {InputError} Bad data folder, or a folder of another suite: exit code 2.
 * @throws {NoAdapterError} Exit code 3.
 */
export async function runSuite(
  options: SuiteCommandOptions,
  output: SuiteOutput,
  stop: AbortSignal,
): Promise<SuiteResult> {
  const folder = options.outDirectory;
  const onProgress = (share: number, label: string) => output.base.work({ share, label });
  if (options.browser) {
    const { dataFolder: files, seeds, suite } = options;
    const asked: SuitePageOptions = { suite, seeds, files };
    const show = (said: unknown) => {
      const { label, share } = said as SuiteProgress;
      onProgress(share, label);
    };
    return await inBrowser<SuiteResult>('cli/suite-page.html', asked, show, stop);
  }
  if (folder !== null) await checkFolder(folder);
  const unlock = folder === null ? null : await lockRunFolder(folder);
  const bench = new Bench(null, output.base);
  try {
    const result = await SUITES[options.suite].run({
      ...{ bench: await bench.get(), stop },
      seeds: options.seeds,
      dataFolder: options.dataFolder,
      store: folder === null ? new MemoryBlobStorage() : new FileBlobStorage(folder),
      onProgress,
    });
    if (folder !== null && result.status === 'done') {
      const text = new TextEncoder().encode(`${JSON.stringify(result, null, 2)}\n`);
      await writeFileAtomic(join(folder, `${result.name}.json`), text);
    }
    return result;
  } finally {
    await bench.close();
    await unlock?.();
  }
}

/** @throws {InputError} If the folder holds something that is no suite. */
async function checkFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const names = (await readdir(folder)).filter((name) => name !== LOCK_FILE);
  if (names.length === 0 || names.includes(SUITE_FILE)) return;
  throw new InputError(
    `Cannot use "${folder}" for the suite: it holds other files; name an empty or new folder with --out`,
  );
}
