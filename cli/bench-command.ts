/** `esper bench`: measures the engine on this machine's adapter and reports it. */
import { InputError, NoAdapterError } from '#shared/base/errors.ts';
import { closestWord } from '#shared/data/closest-word.ts';
import { createGpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import { markdownReport, type PeerTable, terminalReport } from '../bench/report.ts';
import { STANDARD } from '../bench/standard.ts';
import { type BenchReport, runSuite } from '../bench/suite.ts';
import type { BenchCommandOptions } from './bench-options.ts';

/** Least milliseconds of one sample: Deno's waits alone take ten. */
const MIN_MS = 60;

/** Checks names, so that a slip is told before anything is measured. */
function checkNames(only: readonly string[]): void {
  const names = Object.keys(STANDARD);
  for (const name of only) {
    if (names.includes(name)) continue;
    const guess = closestWord(name, names);
    const hint = guess ? `did you mean "${guess}"?` : `there are ${names.join(', ')}`;
    throw new InputError(`Unknown workload "${name}": ${hint}`);
  }
}

async function readPeers(path: string): Promise<PeerTable> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch {
    throw new InputError(`Cannot read "${path}": give the results file of a peers harness`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InputError(`Cannot read "${path}": it is not JSON`);
  }
  const { table } = (value ?? {}) as Partial<PeerTable>;
  if (typeof table !== 'object' || table === null) {
    throw new InputError(`Cannot use "${path}": it has no "table" of workloads and columns`);
  }
  return { table };
}

/**
 * Runs the benchmarks; with `write` also writes the page.
 *
 * @param note Told what is being measured, a line each.
 * @returns The report and its text for a terminal.
 * @throws {InputError} Unknown workload or unreadable file.
 * @throws {NoAdapterError} No usable adapter.
 */
export async function runBench(
  options: BenchCommandOptions,
  note: (message: string) => void,
  stop: AbortSignal,
): Promise<{ report: BenchReport; text: string }> {
  checkNames(options.only);
  const peers = options.peers === null ? null : await readPeers(options.peers);
  const backend = await createGpuBackend(navigator.gpu).catch((error: unknown) => {
    if (!(error instanceof NoAdapterError)) throw error;
    throw new NoAdapterError(
      'Cannot find a graphics adapter: type "npx esper doctor --install", which says what is ' +
        'missing and installs a driver where it can',
    );
  });
  try {
    const report = await runSuite(backend, {
      ...{ samples: options.samples, minMs: MIN_MS, only: options.only, stop },
      onProgress: (what) => note(`measuring ${what}`),
      date: new Date().toISOString().slice(0, 10),
    });
    if (options.write !== null && !stop.aborted) {
      const beside = peers ? ' --peers FILE' : '';
      const command = `npx esper bench --write ${options.write}${beside}`;
      await Deno.writeTextFile(options.write, markdownReport(report, command, peers));
      note(`written to ${options.write}`);
    }
    return { report, text: terminalReport(report) };
  } finally {
    backend.dispose();
  }
}
