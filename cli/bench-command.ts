/** `esper bench`: measures the engine on this machine's adapter and reports it. */
import { InputError, NoAdapterError } from '#shared/base/errors.ts';
import { closestWord } from '#shared/data/closest-word.ts';
import { createGpuBackend, type GpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import { sectionOf, withSection } from '../bench/page-section.ts';
import type { PeerTable } from '../bench/peers.ts';
import {
  measurePolicies,
  POLICIES_HEADING,
  type PolicyReport,
  policySection,
  policyText,
} from '../bench/policies.ts';
import { markdownReport, terminalReport } from '../bench/report.ts';
import { SERVER_HEADING } from '../bench/server-figures.ts';
import { STANDARD } from '../bench/standard.ts';
import { type BenchReport, runSuite } from '../bench/suite.ts';
import type { BenchCommandOptions } from './bench-options.ts';
import { StoppedError } from './exit-code.ts';
import { inBrowser } from './in-browser.ts';
import { machineName, readPage } from './server-bench.ts';

/** Measured by itself: what decisions cost, on the processor alone. */
const POLICIES_NAME = 'policies';
/** Decisions of each policy for each sample that workloads have. */
const DECISIONS_PER_SAMPLE = 200;

/** Least milliseconds of one sample: Deno's waits alone take ten. */
const MIN_MS = 60;

/** Checks names, so that a slip is told before anything is measured. */
function checkNames(only: readonly string[]): void {
  const names = [...Object.keys(STANDARD), POLICIES_NAME];
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

/** What one run of the suite is asked, in any runtime. */
function suiteOptions(options: BenchCommandOptions) {
  return {
    ...{ samples: options.samples, minMs: MIN_MS, only: options.only, profile: options.profile },
    date: new Date().toISOString().slice(0, 10),
  };
}

async function openBackend(): Promise<GpuBackend> {
  return await createGpuBackend(navigator.gpu).catch((error: unknown) => {
    if (!(error instanceof NoAdapterError)) throw error;
    throw new NoAdapterError(
      'Cannot find a graphics adapter: type "npx esper doctor --install", which says what is ' +
        'missing and installs a driver where it can',
    );
  });
}

async function measureHere(
  options: BenchCommandOptions,
  note: (message: string) => void,
  stop: AbortSignal,
): Promise<BenchReport> {
  const backend = await openBackend();
  try {
    return await runSuite(backend, {
      ...{ ...suiteOptions(options), runtime: 'Deno', open: openBackend, stop },
      onProgress: (what) => note(`measuring ${what}`),
    });
  } finally {
    await backend.close();
  }
}

/** The same suite in Chromium, by a Node process that opens the page. */
async function measureInBrowser(
  options: BenchCommandOptions,
  note: (message: string) => void,
  stop: AbortSignal,
): Promise<BenchReport> {
  return await inBrowser<BenchReport>(
    'bench/browser-page.html',
    { ...suiteOptions(options), runtime: 'Chromium' },
    (what) => note(`measuring in Chromium: ${what}`),
    stop,
  );
}

/**
 * Times decisions of every policy, with `write` into the page as well; null: something else was
 * asked for.
 *
 * @throws {InputError} Names or options that have no use with it.
 */
export async function runPolicyBench(
  { browser, only, peers, profile, samples, write }: BenchCommandOptions,
  note: (message: string) => void,
  stop: AbortSignal,
): Promise<{ reports: PolicyReport[]; text: string } | null> {
  if (!only.includes(POLICIES_NAME)) return null;
  if (only.length > 1) {
    throw new InputError(
      'Cannot measure policies beside workloads: they need no adapter, type "npx esper bench policies"',
    );
  }
  if (peers !== null || browser || profile) {
    throw new InputError(
      'Cannot measure policies that way: they take no option but --samples and --write',
    );
  }
  // Unreadable pages are told before anything is measured.
  const page = write === null ? null : await readPage(write);
  note('measuring decisions of every policy');
  const report = await measurePolicies(DECISIONS_PER_SAMPLE * samples, stop);
  const text = policyText(report);
  if (write === null || page === null) return { reports: [report], text };
  if (stop.aborted) {
    note(`stopped: ${write} is left as it was`);
    return { reports: [report], text };
  }
  const section = policySection(report, {
    command: `npx esper bench policies --write ${write}`,
    date: new Date().toISOString().slice(0, 10),
    machine: machineName(),
  });
  await Deno.writeTextFile(write, withSection(page, POLICIES_HEADING, section));
  note(`written to ${write}`);
  return { reports: [report], text };
}

/**
 * Runs the benchmarks, with `browser` in Chromium as well; with `write` also writes the page. Stopped,
 * it reports and writes what was measured by then.
 *
 * @param note Told what is being measured, a line each.
 * @returns A report for each runtime and their text for a terminal.
 * @throws {InputError} Unknown workload, unreadable file or no browser.
 * @throws {NoAdapterError} No usable adapter.
 */
export async function runBench(
  options: BenchCommandOptions,
  note: (message: string) => void,
  stop: AbortSignal,
): Promise<{ reports: BenchReport[]; text: string }> {
  checkNames(options.only);
  const peers = options.peers === null ? null : await readPeers(options.peers);
  const reports = [await measureHere(options, note, stop)];
  if (options.browser && !stop.aborted) {
    await measureInBrowser(options, note, stop).then(
      (report) => reports.push(report),
      // What was measured before is kept.
      (error: unknown) => {
        if (!(error instanceof StoppedError)) throw error;
        note(error.message);
      },
    );
  }
  if (options.write !== null) {
    const flags = [
      ...(options.browser ? ['--browser'] : []),
      ...(options.profile ? ['--profile'] : []),
      ...(peers ? ['--peers FILE'] : []),
    ];
    const command = ['npx esper bench --write', options.write, ...flags].join(' ');
    // The parts that "esper bench policies" and "esper bench server" write stay as they are.
    const before = await Deno.readTextFile(options.write).catch(() => '');
    let page = markdownReport(reports, command, peers);
    for (const heading of [POLICIES_HEADING, SERVER_HEADING]) {
      const kept = sectionOf(before, heading);
      if (kept) page = withSection(page, heading, kept);
    }
    await Deno.writeTextFile(options.write, page);
    note(`written to ${options.write}`);
  }
  return { reports, text: terminalReport(reports) };
}
