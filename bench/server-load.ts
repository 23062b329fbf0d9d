/** Steady load on a server: reads and writes at a fixed rate, told apart by kind. */
import { sha256Hex } from '#shared/base/canonical.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { type Add, quantile, send } from './server-figures.ts';

/** Requests a second. */
const RATE = 200;
/** Runs that send events at once, as several clients would; events of one run go in order. */
const RUNS = 16;
const BLOB_BYTES = 4096;
/** Seconds of load before the rest counts: connections open, code is compiled. Shown apart. */
const WARM_UP = 2;

/** Requests in turn, and how many of eleven are of the kind. */
const MIX: readonly (readonly [kind: string, share: number])[] = [
  ['list runs', 2],
  ['read a run', 2],
  ['list blueprints', 2],
  ['list jobs', 2],
  ['put a blob', 1],
  ['append an event', 2],
];

interface Kind {
  times: number[];
  /** Answers other than success, by status; 0: none came. */
  failures: Map<number, number>;
}

/**
 * Times run from when a request was due: a slow server cannot hide.
 *
 * @param stop Ends the load early; the figures are then those of what was sent.
 */
export async function steadyLoad(
  url: string,
  seconds: number,
  add: Add,
  stop: AbortSignal,
): Promise<void> {
  const api = `${url}api/v1`;
  const experiment = { name: 'bench', data: { source: 'two-spirals' } };
  const runs = Array.from({ length: RUNS }, (_, i) => `bench${i}`);
  for (const id of runs) await send(`${api}/runs`, 'POST', { id, experiment, adapter: 'none' });
  const logs = runs.map((id) => eventLog(`${api}/runs/${id}/events`));
  let appended = 0;
  let read = 0;
  const ask: Record<string, () => Promise<unknown>> = {
    'list runs': () => send(`${api}/runs?limit=20`, 'GET'),
    'read a run': () => send(`${api}/runs/${runs[read++ % RUNS]}`, 'GET'),
    'list blueprints': () => send(`${api}/blueprints`, 'GET'),
    'list jobs': () => send(`${api}/jobs?limit=20`, 'GET'),
    'put a blob': async () => {
      const bytes = crypto.getRandomValues(new Uint8Array(BLOB_BYTES));
      await send(`${api}/blobs/${await sha256Hex(bytes)}`, 'PUT', bytes);
    },
    'append an event': () => logs[appended++ % RUNS]!(),
  };
  const order = interleaved();
  const kinds = new Map<string, Kind>();
  for (const [kind] of MIX) kinds.set(kind, { times: [], failures: new Map() });
  const open: Promise<void>[] = [];
  const cold: number[] = [];
  const begin = performance.now();
  let sent = 0;
  for (; sent < (WARM_UP + seconds) * RATE && !stop.aborted; sent++) {
    const due = begin + (sent * 1000) / RATE;
    const isCold = sent < WARM_UP * RATE;
    const wait = due - performance.now();
    if (wait > 1) await systemClock.sleep(wait);
    const name = order[sent % order.length]!;
    const kind = kinds.get(name)!;
    open.push(
      ask[name]!().then(
        () => void (isCold ? cold : kind.times).push(performance.now() - due),
        (error: unknown) => {
          const { status = 0 } = error as { status?: number };
          kind.failures.set(status, (kind.failures.get(status) ?? 0) + 1);
        },
      ),
    );
  }
  await Promise.all(open);
  const elapsed = performance.now() - begin;
  if (sent === 0) return;
  const all = [...kinds.values()];
  const times = all.flatMap((kind) => kind.times);
  add(`API p99 in the first ${WARM_UP} s`, quantile(cold, 0.99), 'ms', null);
  if (times.length > 0) {
    add(`API p50 at ${RATE} requests/s`, quantile(times, 0.5), 'ms', null);
    add(`API p99 at ${RATE} requests/s`, quantile(times, 0.99), 'ms', { below: 100 });
    for (const [name, kind] of kinds) add(`${name}, p99`, quantile(kind.times, 0.99), 'ms', null);
  }
  add('requests sent', sent, '', null);
  add('requests answered', ((cold.length + times.length) * 1000) / elapsed, '/s', null);
  const failed = all.flatMap((kind) => [...kind.failures]);
  const count = failed.reduce((sum, [, n]) => sum + n, 0);
  add('requests failed', count, '', { most: 0 });
  for (const [status, n] of failed) add(`failed with ${status || 'no answer'}`, n, '', null);
}

/** Appends the next event once the one before is stored. */
function eventLog(path: string): () => Promise<unknown> {
  let seq = 0;
  let chain: Promise<unknown> = Promise.resolve();
  return () => {
    const event = { seq: seq++, step: 0, type: 'notice', level: 'info', message: 'bench' };
    const sent = chain.then(() => send(path, 'POST', { events: [event] }));
    chain = sent.catch(() => undefined);
    return sent;
  };
}

/** The kinds of MIX, each as often as its share, spread out. */
function interleaved(): string[] {
  const left = MIX.map(([kind, share]) => ({ kind, share, done: 0 }));
  const total = left.reduce((sum, { share }) => sum + share, 0);
  return Array.from({ length: total }, (_, n) => {
    // The kind that is furthest behind what it should have had by now.
    const behind = (one: (typeof left)[number]) => ((n + 1) * one.share) / total - one.done;
    const next = left.reduce((most, one) => (behind(one) > behind(most) ? one : most));
    next.done++;
    return next.kind;
  });
}
