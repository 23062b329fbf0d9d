/** `esper experiment p1`: reproduces a published experiment and prints it beside the source's figures. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SuiteResult } from '#shared/contracts/verdict.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { diskFiles, writeFileAtomic } from '#shared/platform/deno.ts';
import { SUITES } from '#shared/verdict/suites/catalog.ts';
import { Bench } from './bench.ts';
import type { SuiteCommandOptions } from './experiment-options.ts';
import type { SuiteOutput } from './suite-output.ts';

/** Parts of the progress bar. */
const PARTS = 1000;

/** @throws {InputError} Bad data folder: exit code 2. @throws {NoAdapterError} Exit code 3. */
export async function runSuite(
  options: SuiteCommandOptions,
  output: SuiteOutput,
  stop: AbortSignal,
): Promise<SuiteResult> {
  const bench = new Bench(null, output.base);
  try {
    const { backend } = await bench.get();
    const result = await SUITES[options.suite].run({
      ...{ backend, clock: systemClock, files: diskFiles, stop },
      seeds: options.seeds,
      dataFolder: options.dataFolder,
      onProgress: (share, label) =>
        output.base.progress({
          step: Math.floor(share * PARTS),
          totalSteps: PARTS,
          ...{ label, loss: null, accuracy: null, parameters: null },
        }),
    });
    if (options.outDirectory !== null) {
      await mkdir(options.outDirectory, { recursive: true });
      const text = new TextEncoder().encode(`${JSON.stringify(result, null, 2)}\n`);
      await writeFileAtomic(join(options.outDirectory, `${result.name}.json`), text);
    }
    return result;
  } finally {
    await bench.close();
  }
}
