/**
 * Chaos: a server under steady calls and a worker that trains, while one or the other is killed,
 * frozen or cut off at random times. At the end everything that was acknowledged must be there and
 * every experiment must have the digest of the first.
 *
 *   npx deno run -A tools/chaos.ts [--seconds 3600] [--seed 1]
 *
 * Prints what it did and the share of calls that were answered within their deadline; ends with 1 if
 * anything was lost or an experiment went another way.
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
import { newRun, notices } from '../tests/server/test-app.ts';
import { startProxy } from '../tests/server/unruly-proxy.ts';

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: 'string', default: '3600' },
    seed: { type: 'string', default: '1' },
  },
});
const random = new RandomStream(Number(values.seed), 'chaos');
const { sleep } = systemClock;
const dir = await mkdtemp(join(tmpdir(), 'esper-chaos-'));
let server = await startServer(join(dir, 'data'));
const proxy = startProxy(server.url);
const port = Number(new URL(server.url).port);
const client = new ServiceClient({
  name: 'chaos',
  baseUrl: proxy.url,
  timer: systemClock,
  options: { timeoutMs: 2000, deadlineMs: 10_000, retries: 4, probePath: '/healthz' },
});
const fleet = new JobFleet(server.url, dir);
let worker: WorkerProcess = await fleet.worker('w0');
const counts = { calls: 0, failed: 0, blobs: 0, events: 0, experiments: 0 };
const faults: Record<string, number> = {};
const problems: string[] = [];
const stop = new AbortController();
let stored = -1;
const blobs: string[] = [];

async function call(path: string, request: Parameters<typeof client.request>[1] = {}) {
  counts.calls++;
  try {
    return (await client.request(path, request)).json();
  } catch {
    counts.failed++;
    return null;
  }
}

async function traffic(): Promise<void> {
  const create = { method: 'POST', body: newRun('chaos'), idempotent: true } as const;
  while (!stop.signal.aborted && !(await call('/api/v1/runs', create)));
  while (!stop.signal.aborted) {
    const events = notices(stored + 1, stored + 1 + random.integer(10));
    const request = { method: 'POST', body: { events }, idempotent: true } as const;
    const answer = await call('/api/v1/runs/chaos/events', request);
    if (answer) stored = (answer as { accepted_through: number }).accepted_through;
    const body = crypto.getRandomValues(new Uint8Array(2000));
    const sha256 = await sha256Hex(body);
    if (await call(`/api/v1/blobs/${sha256}`, { method: 'PUT', body })) blobs.push(sha256);
    await call('/api/v1/runs?limit=5');
    await sleep(50);
  }
}

async function training(): Promise<void> {
  let expected: string | null = null;
  for (let n = 0; !stop.signal.aborted; n++) {
    const id = await fleet.submit(smallExperiment(`chaos${n}`)).catch(() => null);
    if (id === null) {
      await sleep(500);
      continue;
    }
    const digest: string = await fleet.digest(id).catch((error) => `none: ${error}`);
    expected ??= digest;
    counts.experiments++;
    if (digest !== expected) problems.push(`experiment ${n} ended with ${digest}`);
  }
}

async function trouble(): Promise<void> {
  for (let n = 1; !stop.signal.aborted; n++) {
    await sleep(5000 + random.integer(20_000), stop.signal).catch(() => undefined);
    if (stop.signal.aborted) return;
    const kind = ['kill server', 'kill worker', 'freeze worker', 'silence', 'errors'][
      random.integer(5)
    ]!;
    faults[kind] = (faults[kind] ?? 0) + 1;
    if (kind === 'kill server') {
      await server.kill('SIGKILL');
      server = await startServer(join(dir, 'data'), { port });
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
  }
}

const work = Promise.all([traffic(), training(), trouble()]);
await sleep(Number(values.seconds) * 1000);
stop.abort();
await work;
for (let after = -1; after < stored; ) {
  const url = `${server.url}api/v1/runs/chaos/events?after=${after}&limit=1000`;
  const { items } = await (await fetch(url)).json();
  if (items.length === 0 || items[0].seq !== after + 1) {
    problems.push(`events after ${after} are gone, ${stored} was acknowledged`);
    break;
  }
  after = items.at(-1).seq;
}
for (const sha256 of blobs) {
  const response = await fetch(`${server.url}api/v1/blobs/${sha256}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (!response.ok || (await sha256Hex(bytes)) !== sha256) problems.push(`blob ${sha256} is gone`);
}
Object.assign(counts, { blobs: blobs.length, events: stored + 1 });
const answered = (100 * (counts.calls - counts.failed)) / counts.calls;
console.log(JSON.stringify({ ...counts, answered: `${answered.toFixed(3)} %`, faults, problems }));
client.close();
await fleet.close();
await proxy.close();
await server.kill('SIGKILL');
await rm(dir, { recursive: true });
Deno.exit(problems.length === 0 ? 0 : 1);
