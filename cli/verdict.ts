/**
 * `esper verdict`: growth against its matched controls. The folder holds the protocol from before
 * the first run on, every finished run, and the report in JSON and HTML.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '#shared/base/errors.ts';
import type { VerdictReport } from '#shared/contracts/verdict.ts';
import { diskFiles, FileBlobStorage, writeFileAtomic } from '#shared/platform/deno.ts';
import { reportHtml } from '#shared/verdict/report-html.ts';
import { runVerdict } from '#shared/verdict/run-verdict.ts';
import { Bench } from './bench.ts';
import { codeDigest } from './code-digest.ts';
import { LOCK_FILE } from './run-folder.ts';
import { lockRunFolder } from './run-lock.ts';
import type { VerdictCommandOptions } from './verdict-options.ts';
import type { VerdictOutput } from './verdict-output.ts';
import { loadProtocol } from './verdict-source.ts';

/**
 * @param stop Aborted when the person asks to stop: the run under way is given up, finished ones are
 *   kept and judged; the same command goes on.
 * @throws {InputError} Bad file, data or folder: exit code 2.
 * @throws {NoAdapterError} No usable adapter: exit code 3.
 */
export async function runVerdictCommand(
  options: VerdictCommandOptions,
  output: VerdictOutput,
  stop: AbortSignal,
): Promise<{ report: VerdictReport; folder: string }> {
  const protocol = await loadProtocol(options.target, options.seeds, diskFiles);
  const folder = options.outDirectory ?? `runs/verdict-${protocol.name}`;
  await checkFolder(folder);
  const unlock = await lockRunFolder(folder);
  const bench = new Bench(null, output.base);
  try {
    const report = await runVerdict({
      protocol,
      bench: () => bench.get(),
      renew: () => bench.close(),
      store: new FileBlobStorage(folder),
      code: await codeDigest(),
      stop,
      onProgress: (progress) => output.progress(progress),
      onRun: (run) => output.run(run),
      onNote: (message) => output.note(message),
    });
    const html = new TextEncoder().encode(reportHtml(report));
    await writeFileAtomic(join(folder, 'report.html'), html);
    return { report, folder };
  } finally {
    await bench.close();
    await unlock();
  }
}

/** @throws {InputError} If the folder holds something that is no verdict. */
async function checkFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const names = (await readdir(folder)).filter((name) => name !== LOCK_FILE);
  if (names.length === 0 || names.includes('protocol.json')) return;
  throw new InputError(
    `Cannot use "${folder}" for the verdict: it holds other files; name an empty or new folder with --out`,
  );
}
