/**
 * The calls of the chaos run: at a fixed rate, whatever became of those before, so that the share
 * of answered calls is a share of time. A loop that waits for each answer would make most of its
 * calls while the service is well, or, if they fail fast, while it is not.
 */
import { sha256Hex } from '#shared/base/canonical.ts';
import { systemClock } from '#shared/platform/clock.ts';
import type { ServiceClient } from '#shared/resilience/http-client.ts';
import type { ServiceRequest } from '#shared/resilience/service-client-options.ts';
import { ServiceError } from '#shared/resilience/service-error.ts';
import { newRun, notices } from '../tests/server/test-app.ts';

/** Milliseconds a caller gives a call, from when it is due. */
export const DEADLINE_MS = 10_000;
/** Calls a second. */
const RATE = 20;
/** Runs that send events; those of one run go in order. */
const RUNS = 8;
const BLOB_BYTES = 2000;
const MOST_EVENTS = 1000;

export interface CallRecord {
  /** When it was due and when it ended, milliseconds of one clock. */
  due: number;
  end: number;
  /** Null: a good answer came within the deadline. */
  failure: string | null;
}

export interface Availability {
  calls: number;
  failed: number;
  /** Percent of calls answered within their deadline, and within a second. */
  answered: number;
  answeredWithinSecond: number;
  /** Of answered calls, from when they were due, milliseconds. */
  p50: number;
  p99: number;
  /** Times of more than a second without a good answer, longest first. */
  outages: { at: number; ms: number }[];
  failures: Record<string, number>;
}

/** @param from, to Begin and end of the time that is judged. */
export function availabilityOf(
  records: readonly CallRecord[],
  from: number,
  to: number,
): Availability {
  const good = records.filter(({ failure }) => failure === null);
  const times = good.map(({ due, end }) => end - due).sort((a, b) => a - b);
  const quantile = (q: number) => times[Math.floor(q * times.length)] ?? Number.NaN;
  const answers = [from, ...good.map(({ end }) => end), to].sort((a, b) => a - b);
  const gaps = answers.slice(1).map((end, i) => ({ at: answers[i]!, ms: end - answers[i]! }));
  const failures: Record<string, number> = {};
  for (const { failure } of records) {
    if (failure !== null) failures[failure] = (failures[failure] ?? 0) + 1;
  }
  const percent = (count: number) => (100 * count) / records.length;
  return {
    calls: records.length,
    failed: records.length - good.length,
    answered: percent(good.length),
    answeredWithinSecond: percent(times.filter((ms) => ms <= 1000).length),
    p50: quantile(0.5),
    p99: quantile(0.99),
    outages: gaps.filter(({ ms }) => ms > 1000).sort((a, b) => b.ms - a.ms),
    failures,
  };
}

/** What the server acknowledged, and therefore must have in the end. */
export interface Acknowledged {
  /** By run: number of the last event. */
  events: Map<string, number>;
  /** Digests. */
  blobs: string[];
}

export interface ChaosLoad {
  records: CallRecord[];
  acknowledged: Acknowledged;
  /** Resolves when `stop` has aborted and the last call has ended. */
  done: Promise<void>;
}

type Call = (path: string, request?: ServiceRequest) => Promise<unknown>;

/** @param integer Uniform in [0, n). */
export async function startLoad(
  client: ServiceClient,
  integer: (n: number) => number,
  stop: AbortSignal,
): Promise<ChaosLoad> {
  const { now, sleep } = systemClock;
  const records: CallRecord[] = [];
  const acknowledged: Acknowledged = { events: new Map(), blobs: [] };
  const logs = Array.from({ length: RUNS }, (_, i) => new EventLog(`chaos${i}`, acknowledged));
  for (const { run } of logs) {
    const request = { method: 'POST', body: newRun(run), idempotent: true } as const;
    await client.request('/api/v1/runs', request);
  }
  const kinds: ((call: Call, n: number) => Promise<unknown>)[] = [
    (call, n) => logs[Math.floor(n / 3) % RUNS]!.append(1 + integer(10), call),
    async (call) => {
      const body = crypto.getRandomValues(new Uint8Array(BLOB_BYTES));
      const sha256 = await sha256Hex(body);
      await call(`/api/v1/blobs/${sha256}`, { method: 'PUT', body });
      acknowledged.blobs.push(sha256);
    },
    (call) => call('/api/v1/runs?limit=5'),
  ];
  const one = async (n: number, due: number): Promise<void> => {
    const call: Call = async (path, request = {}) => {
      const deadlineMs = Math.max(1, due + DEADLINE_MS - now());
      return (await client.request(path, { ...request, deadlineMs })).json();
    };
    let failure: string | null = null;
    try {
      await kinds[n % kinds.length]!(call, n);
    } catch (error) {
      failure = failureOf(error);
    }
    const end = now();
    if (failure === null && end - due > DEADLINE_MS) failure = 'late';
    records.push({ due, end, failure });
  };
  const done = (async () => {
    const open = new Set<Promise<void>>();
    const begin = now();
    for (let n = 0; !stop.aborted; n++) {
      const due = begin + (n * 1000) / RATE;
      if (due > now()) await sleep(due - now());
      const call = one(n, due).finally(() => open.delete(call));
      open.add(call);
    }
    await Promise.all(open);
  })();
  return { records, acknowledged, done };
}

function failureOf(error: unknown): string {
  if (!(error instanceof ServiceError)) return String(error);
  return error.status === null ? error.kind : `${error.kind} ${error.status}`;
}

/** Events of one run: the next are sent once those before are acknowledged or given up. */
class EventLog {
  readonly run: string;
  #acknowledged: Acknowledged;
  #made = -1;
  #chain: Promise<unknown> = Promise.resolve();

  constructor(run: string, acknowledged: Acknowledged) {
    this.run = run;
    this.#acknowledged = acknowledged;
    acknowledged.events.set(run, -1);
  }

  append(count: number, call: Call): Promise<unknown> {
    this.#made += count;
    const last = this.#made;
    const sent = this.#chain.then(() => this.#send(last, call));
    this.#chain = sent.catch(() => undefined);
    return sent;
  }

  /** All that is not acknowledged: what a failed call may have stored is sent again. */
  async #send(last: number, call: Call): Promise<void> {
    for (;;) {
      const first = (this.#acknowledged.events.get(this.run) ?? -1) + 1;
      if (first > last) return;
      const events = notices(first, Math.min(last, first + MOST_EVENTS - 1));
      const request = { method: 'POST', body: { events }, idempotent: true } as const;
      const answer = await call(`/api/v1/runs/${this.run}/events`, request);
      const { accepted_through } = answer as { accepted_through: number };
      this.#acknowledged.events.set(this.run, accepted_through);
    }
  }
}
