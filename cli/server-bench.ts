/** `esper bench server`: the server instead of the engine, in one profile or in both. */
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { InputError } from '#shared/base/errors.ts';
import { withSection } from '../bench/page-section.ts';
import { benchServer } from '../bench/server.ts';
import {
  type ProfileReport,
  profileTable,
  SERVER_HEADING,
  serverSection,
} from '../bench/server-figures.ts';
import type { BenchCommandOptions } from './bench-options.ts';
import { serverPermissions } from './server-permissions.mjs';

const file = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/**
 * Measures the profile that ESPER_PROFILE names; with `write` both, the production profile with
 * engines of its own, and sets the part about the server in the page.
 *
 * @param options `samples` are seconds of load.
 * @throws {InputError} Options that have no use with it.
 */
export async function runServerBench(
  { browser, peers, profile: kernels, samples, write }: BenchCommandOptions,
  note: (message: string) => void,
  stop: AbortSignal,
): Promise<{ reports: ProfileReport[]; text: string }> {
  if (browser || peers !== null || kernels) {
    throw new InputError(
      'Cannot measure the server that way: it takes no option but --samples and --write',
    );
  }
  if (write === null) {
    const report = await measure(Deno.env.get('ESPER_PROFILE') ?? 'embedded', samples, note, stop);
    return { reports: [report], text: profileTable([report]) };
  }
  // Unreadable pages are told before anything is measured.
  const page = await readPage(write);
  const reports = [await measure('embedded', samples, note, stop)];
  if (!stop.aborted) reports.push(await measureProduction(samples, note, stop));
  if (stop.aborted) {
    // Figures of a load that was cut short are shown, and do not stand in for a whole one.
    note(`stopped: ${write} is left as it was`);
    return { reports, text: profileTable(reports) };
  }
  const section = serverSection(reports, {
    command: `npx esper bench server --samples ${samples} --write ${write}`,
    date: new Date().toISOString().slice(0, 10),
    machine: machineName(),
    seconds: samples,
  });
  await Deno.writeTextFile(write, withSection(page, SERVER_HEADING, section));
  note(`written to ${write}`);
  return { reports, text: section };
}

/** Number and kind of the processor's cores. */
export function machineName(): string {
  return `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'})`;
}

/**
 * The page that a part is written to; one that is not there yet is a heading.
 *
 * @throws {InputError} There is something else, or it may not be read.
 */
export async function readPage(path: string): Promise<string> {
  return await Deno.readTextFile(path).catch((error: unknown) => {
    if (error instanceof Deno.errors.NotFound) return '# Benchmarks\n';
    throw new InputError(`Cannot read "${path}": name a Markdown page`);
  });
}

async function measure(
  profile: string,
  seconds: number,
  note: (message: string) => void,
  stop: AbortSignal,
): Promise<ProfileReport> {
  const dataDir = await Deno.makeTempDir({ prefix: 'esper-bench-' });
  try {
    const permissions = serverPermissions;
    const figures = await benchServer({ seconds, dataDir, profile, permissions, note, stop });
    return { profile, figures };
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** In a process of its own, which starts the engines and stops them. */
async function measureProduction(
  seconds: number,
  note: (message: string) => void,
  stop: AbortSignal,
): Promise<ProfileReport> {
  const node = Deno.env.get('ESPER_NODE') ?? 'node';
  note('starting PostgreSQL, Redis and an object store');
  const bench = [node, file('./esper.mjs'), 'bench', 'server', '--samples', `${seconds}`, '--json'];
  const child = new Deno.Command(node, {
    args: [file('../tools/production.mjs'), '--no-install', '--', ...bench],
    env: { ESPER_PROFILE: 'production' },
    stdout: 'piped',
    stderr: 'inherit',
  }).spawn();
  // A terminal's Ctrl-C reaches the process by itself; a second one does no harm.
  const end = () => child.kill('SIGINT');
  stop.addEventListener('abort', end, { once: true });
  const [said, { code }] = await Promise.all([new Response(child.stdout).text(), child.status]);
  stop.removeEventListener('abort', end);
  const line = said.split('\n').find((text) => text.startsWith('{'));
  if (line) return JSON.parse(line) as ProfileReport;
  const missing = said.trim().replace(/^skipped, \d+ tests: /, '') || `it ended with ${code}`;
  return { profile: 'production', figures: [], missing };
}
