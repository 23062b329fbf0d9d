/**
 * Chaos: a server under steady calls and a worker that trains, while one or the other is killed,
 * frozen or cut off at random times. At the end everything that was acknowledged must be there and
 * every experiment must have the digest of the first.
 *
 *   npx deno run -A tools/chaos.ts [--seconds 3600] [--seed 1] [--fail-fast]
 *
 * The calls come at a fixed rate and have 10 s each; their client has the time limits of a worker's,
 * and waits for an open breaker as that does; with --fail-fast it does not. Prints what it did, the share of calls that were
 * answered in time, and the longest time without an answer; ends with 1 if anything was lost or an
 * experiment went another way. Ctrl-C ends it early, with what there is.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sha256Hex } from '#shared/base/canonical.ts';
import { RandomStream } from '#shared/base/random.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { ServiceClient } from '#shared/resilience/http-client.ts';
import { JobFleet, smallExperiment, type WorkerProcess } from '../tests/server/job-fleet.ts';
import { startServer } from '../tests/server/server-process.ts';
import { startProxy } from '../tests/server/unruly-proxy.ts';
import { type Availability, availabilityOf, DEADLINE_MS, startLoad } from './chaos-load.ts';

const KINDS = ['kill server', 'kill worker', 'freeze worker', 'silence', 'errors'] as const;
/** A line about how it stands, that often. */
const REPORT_MS = 60_000;
/** Outages and problems that are shown. */
const MOST_OUTAGES = 3;
const MOST_PROBLEMS = 20;

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: 'string', default: '3600' },
    seed: { type: 'string', default: '1' },
    'fail-fast': { type: 'boolean', default: false },
  },
});
const whenOpen = values['fail-fast'] ? 'fail' : 'wait';
const random = new RandomStream(Number(values.seed), 'chaos');
const traffic = new RandomStream(Number(values.seed), 'chaos traffic');
const { now, sleep } = systemClock;
const dir = await mkdtemp(join(tmpdir(), 'esper-chaos-'));
const data = join(dir, 'data');
let server = await startServer(data);
const proxy = startProxy(server.url);
const port = Number(new URL(server.url).port);
const client = new ServiceClient({
  name: 'chaos',
  baseUrl: proxy.url,
  timer: systemClock,
  options: {
    ...{ deadlineMs: DEADLINE_MS, retries: 4 },
    // Twenty calls a second gather while the server is away.
    ...{ probePath: '/healthz', whenOpen, queue: 500, breaker: { maxOpenMs: 1000 } },
  },
});
const fleet = new JobFleet(server.url, dir);
let worker: WorkerProcess = await fleet.worker('w0');
const faults: Record<string, number> = {};
/** What was done, when, and how long it lasted until the part was given back. */
const history: { kind: string; from: number; to: number }[] = [];
const problems: string[] = [];
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  Deno.addSignalListener(signal, () => stop.abort());
}
let experiments = 0;
let setAside = 0;

async function training(): Promise<void> {
  let expected: string | null = null;
  for (let n = 0; !stop.signal.aborted; n++) {
    const id = await fleet.submit(smallExperiment(`chaos${n}`)).catch(() => null);
    if (id === null) {
      await sleep(500);
      continue;
    }
    const digest: string | null = await fleet.digest(id).catch((error) => {
      // Three workers in a row were taken away from it: so it is set aside, as it should be.
      if (/went away on try/.test(String(error))) return null;
      return `none: ${error}`;
    });
    if (digest === null) {
      setAside++;
      continue;
    }
    expected ??= digest;
    experiments++;
    if (digest !== expected) problems.push(`experiment ${n} ended with ${digest}`);
  }
}

async function trouble(): Promise<void> {
  for (let n = 1; !stop.signal.aborted; n++) {
    await sleep(5000 + random.integer(20_000), stop.signal).catch(() => undefined);
    if (stop.signal.aborted) return;
    const kind = KINDS[random.integer(KINDS.length)]!;
    faults[kind] = (faults[kind] ?? 0) + 1;
    const from = now();
    if (kind === 'kill server') {
      await server.kill('SIGKILL');
      server = await startServer(data, { port });
    } else if (kind === 'kill worker') {
      await worker.end('SIGKILL');
      worker = await fleet.worker(`w${n}`);
    } else if (kind === 'freeze worker') {
      worker.signal('SIGSTOP');
      await sleep(1000 + random.integer(8000));
      worker.signal('SIGCONT');
    } else {
      proxy.manner = kind === 'silence' ? 'hole' : 'fail';
      await sleep(500 + random.integer(2000));
      proxy.manner = 'pass';
    }
    history.push({ kind, from, to: now() });
  }
}

const ms = (value: number) => `${Math.round(value)} ms`;

/** The longest outages, each with what was wrong then and how long that lasted itself. */
function longest(outages: Availability['outages']): string[] {
  return outages.slice(0, MOST_OUTAGES).map(({ at, ms: length }) => {
    const during = history.filter(({ from, to }) => from < at + length && to > at - 1000);
    const why = during.map(({ kind, from, to }) => `${kind} for ${ms(to - from)}`);
    const second = Math.round((at - begin) / 1000);
    return `${ms(length)} from ${second} s on (${why.join(', ') || 'no fault just ended'})`;
  });
}

function shown({ answered, answeredWithinSecond, p50, p99, outages, ...counts }: Availability) {
  return {
    answered: `${answered.toFixed(3)} %`,
    answered_within_1_s: `${answeredWithinSecond.toFixed(2)} %`,
    ...counts,
    p50: ms(p50),
    p99: ms(p99),
    outages_over_1_s: outages.length,
    longest_outages: longest(outages),
  };
}

const begin = now();
const load = await startLoad(client, (n) => traffic.integer(n), stop.signal);
const state = () => {
  const seconds = Math.round((now() - begin) / 1000);
  const figures = shown(availabilityOf(load.records, begin, now()));
  return { seconds, ...figures, experiments, set_aside: setAside, faults };
};
const reports = setInterval(() => console.error(JSON.stringify(state())), REPORT_MS);
const work = Promise.all([load.done, training(), trouble()]);
await sleep(Number(values.seconds) * 1000, stop.signal).catch(() => undefined);
stop.abort();
await load.done;
const summary = state();
clearInterval(reports);
await work;
const { blobs, events } = load.acknowledged;
/** Looks as fast as the server lets one client. */
async function ask(url: string): Promise<Response> {
  for (;;) {
    const response = await fetch(url);
    if (response.status !== 429) return response;
    await response.body?.cancel();
    await sleep(1000);
  }
}
for (const [run, last] of events) {
  for (let after = -1; after < last; ) {
    const url = `${server.url}api/v1/runs/${run}/events?after=${after}&limit=1000`;
    const { items } = await (await ask(url)).json();
    if (items.length === 0 || items[0].seq !== after + 1) {
      problems.push(`events of ${run} after ${after} are gone, ${last} was acknowledged`);
      break;
    }
    after = items.at(-1).seq;
  }
}
for (const sha256 of blobs) {
  const response = await ask(`${server.url}api/v1/blobs/${sha256}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const isSame = response.ok && (await sha256Hex(bytes)) === sha256;
  if (!isSame) problems.push(`blob ${sha256} is gone: ${response.status}`);
}
const kept = { events: [...events.values()].reduce((sum, last) => sum + last + 1, 0) };
console.log(
  JSON.stringify({
    ...{ ...summary, experiments, set_aside: setAside, kept: { ...kept, blobs: blobs.length } },
    ...{ problems: problems.slice(0, MOST_PROBLEMS), problem_count: problems.length },
  }),
);
client.close();
await fleet.close();
await proxy.close();
await server.kill('SIGKILL');
await rm(dir, { recursive: true });
Deno.exit(problems.length === 0 ? 0 : 1);
