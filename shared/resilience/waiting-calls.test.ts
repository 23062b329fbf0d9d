/** Calls that wait for an open breaker, on a clock set by hand and a service made of a function. */
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../base/random.ts';
import { ManualClock } from '../platform/clock.ts';
import { ServiceClient } from './http-client.ts';
import type { ServiceClientOptions, ServiceRequest } from './service-client-options.ts';
import type { ServiceError } from './service-error.ts';

const WAIT = { whenOpen: 'wait' } as const;
const ANSWER_MS = 10;

/** A service that can be away, and a client of it. */
class Bench {
  readonly clock = new ManualClock();
  readonly client: ServiceClient;
  isAway = false;
  /** When each request came, and for which path. */
  sent: { at: number; path: string }[] = [];
  inFlight = 0;
  mostInFlight = 0;
  /** Requests at once while the breaker was not closed. */
  mostTrials = 0;
  /** Outcomes of the calls that ended: when, and the failure. */
  ended: { at: number; error: ServiceError | null }[] = [];

  constructor(options: ServiceClientOptions = {}) {
    const random = new RandomStream(1, 'waiting');
    this.client = new ServiceClient({
      name: 'urza',
      baseUrl: 'http://urza/',
      timer: this.clock,
      random: () => random.uniform(),
      fetch: (input, init) => this.#answer(String(input), init),
      options,
    });
  }

  async #answer(url: string, init: RequestInit | undefined): Promise<Response> {
    this.sent.push({ at: this.clock.now(), path: new URL(url).pathname });
    this.inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    const isTrial = this.client.status().breaker !== 'closed';
    if (isTrial) this.mostTrials = Math.max(this.mostTrials, this.inFlight);
    try {
      await this.clock.sleep(ANSWER_MS, init?.signal ?? undefined);
      if (this.isAway) throw new TypeError('connection refused');
      return new Response(null, { status: 204 });
    } finally {
      this.inFlight--;
    }
  }

  call(request: ServiceRequest = {}, path = '/'): Promise<void> {
    return this.client.request(path, request).then(
      () => void this.ended.push({ at: this.clock.now(), error: null }),
      (error: ServiceError) => void this.ended.push({ at: this.clock.now(), error }),
    );
  }

  /** In small steps, so that long chains of reactions end within the millisecond they belong to. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 5) {
      await this.clock.advance(Math.min(5, left));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Opens the breaker: the service goes away and four calls find out. */
  async open(): Promise<void> {
    this.isAway = true;
    for (let n = 0; n < 4; n++) void this.call({ retries: 0 });
    await this.pass(20);
    expect(this.client.status().breaker).toBe('open');
    this.ended = [];
    this.sent = [];
    this.mostInFlight = 0;
    this.mostTrials = 0;
  }
}

describe('a call while the breaker is open', () => {
  it('fails at once by default, however long its deadline is', async () => {
    const bench = new Bench();
    await bench.open();
    const begin = bench.clock.now();
    await bench.call({ deadlineMs: 60_000 });
    expect(bench.ended).toMatchObject([{ at: begin, error: { kind: 'open' } }]);
    expect(bench.sent).toEqual([]);
  });

  it('waits for the next trial and becomes it, where nobody probes', async () => {
    const bench = new Bench();
    await bench.open();
    bench.isAway = false;
    const due = bench.clock.now() + (bench.client.status().retryInMs ?? 0);
    // Nothing was sent yet, so this holds for a POST that must not be repeated too.
    void bench.call({ ...WAIT, method: 'POST', body: {} });
    await bench.pass(1100);
    expect(bench.sent).toEqual([{ at: due, path: '/' }]);
    expect(bench.ended).toEqual([{ at: due + ANSWER_MS, error: null }]);
    expect(bench.client.status()).toMatchObject({ breaker: 'closed', retries: 0 });
  });

  it('leaves the trial to the probe where there is one', async () => {
    const bench = new Bench({ probePath: '/healthz', ...WAIT });
    await bench.open();
    void bench.call({ method: 'POST', body: {} });
    await bench.pass(2000);
    bench.isAway = false;
    await bench.pass(2500);
    expect(bench.sent.map(({ path }) => path)).toEqual(['/healthz', '/healthz', '/']);
    expect(bench.ended).toMatchObject([{ error: null }]);
    bench.client.close();
  });

  it('goes on with the attempts it has left when the breaker opened between two of them', async () => {
    const bench = new Bench({ ...WAIT, retries: 5, probePath: '/healthz' });
    bench.isAway = true;
    void bench.call();
    await bench.pass(3000);
    expect(bench.client.status().breaker).toBe('open');
    expect(bench.ended).toEqual([]);
    bench.isAway = false;
    await bench.pass(4000);
    expect(bench.ended).toMatchObject([{ error: null }]);
    expect(bench.sent.filter(({ path }) => path === '/')).toHaveLength(5);
    bench.client.close();
  });

  it('never waits past its deadline', async () => {
    const bench = new Bench({ probePath: '/healthz', ...WAIT });
    await bench.open();
    const begin = bench.clock.now();
    const deadlines = [1500, 4000, 9000, 10_000];
    for (const deadlineMs of deadlines) void bench.call({ deadlineMs });
    await bench.pass(12_000);
    expect(bench.ended).toHaveLength(deadlines.length);
    for (const [n, { at, error }] of bench.ended.entries()) {
      expect(['open', 'deadline']).toContain(error?.kind);
      expect(at - begin).toBeLessThanOrEqual(deadlines[n]!);
    }
    expect(bench.client.status().breaker).toBe('open');
    bench.client.close();
    await bench.pass(10);
    expect(bench.clock.sleeping).toBe(0);
  });

  it('gives up at once when the next trial comes too late for it', async () => {
    const bench = new Bench(WAIT);
    await bench.open();
    const begin = bench.clock.now();
    await bench.call({ deadlineMs: 500 });
    expect(bench.ended).toMatchObject([{ at: begin, error: { kind: 'open', retryable: true } }]);
    expect(bench.ended[0]?.error?.retryAfterMs).toBeGreaterThan(500);
  });

  it('stops at once when its caller does', async () => {
    const bench = new Bench({ probePath: '/healthz' });
    await bench.open();
    const caller = new AbortController();
    const sleeping = bench.clock.sleeping;
    const call = bench.call({ ...WAIT, signal: caller.signal });
    await bench.pass(100);
    const at = bench.clock.now();
    caller.abort();
    await call;
    expect(bench.ended).toMatchObject([{ at, error: { kind: 'aborted' } }]);
    expect(bench.clock.sleeping).toBe(sleeping);
    bench.client.close();
  });

  it('stops at once when a person holds the breaker open, and passes when they close it', async () => {
    const bench = new Bench({ probePath: '/healthz', ...WAIT });
    await bench.open();
    void bench.call();
    await bench.pass(100);
    bench.client.trip();
    await bench.pass(5);
    expect(bench.ended[0]?.error?.message).toContain('open until it is reset');
    await bench.call();
    expect(bench.ended).toHaveLength(2);

    const other = new Bench({ probePath: '/healthz', ...WAIT });
    await other.open();
    other.isAway = false;
    void other.call();
    await other.pass(100);
    other.client.reset();
    await other.pass(550);
    expect(other.ended).toMatchObject([{ error: null }]);
    for (const { client } of [bench, other]) client.close();
  });

  it('becomes the trial itself once the client no longer probes', async () => {
    const bench = new Bench({ probePath: '/healthz', ...WAIT });
    await bench.open();
    bench.isAway = false;
    void bench.call();
    bench.client.close();
    await bench.pass(1100);
    expect(bench.sent.map(({ path }) => path)).toEqual(['/']);
    expect(bench.ended).toMatchObject([{ error: null }]);
  });

  it('does not hold up calls that do not wait', async () => {
    const bench = new Bench({ concurrency: 2, queue: 10 });
    await bench.open();
    for (let n = 0; n < 10; n++) void bench.call(WAIT);
    await bench.pass(100);
    const begin = bench.clock.now();
    await bench.call();
    expect(bench.ended).toMatchObject([{ at: begin, error: { kind: 'open' } }]);
    await bench.call(WAIT);
    expect(bench.ended[1]).toMatchObject({ at: begin, error: { kind: 'busy' } });
    expect(bench.ended[1]?.error?.message).toContain('10 calls wait');
  });
});

describe('many calls that wait', () => {
  it.each([undefined, '/healthz'])('are one trial at a time (probe: %s)', async (probePath) => {
    const bench = new Bench({ ...(probePath ? { probePath } : {}), ...WAIT });
    await bench.open();
    for (let n = 0; n < 40; n++) void bench.call({ deadlineMs: 30_000 });
    await bench.pass(6000);
    expect(bench.mostTrials).toBe(1);
    // After 1, 2 and 4 s at most.
    expect(bench.sent.length).toBeLessThanOrEqual(3);
    bench.isAway = false;
    await bench.pass(6000);
    expect(bench.ended.filter(({ error }) => error === null)).toHaveLength(40);
    bench.client.close();
  });

  it.each([undefined, '/healthz'])(
    'send at most 1.1 requests a call in a full outage (probe: %s)',
    async (probePath) => {
      const bench = new Bench({
        ...{ ...WAIT, retries: 4, queue: 500, deadlineMs: 5000 },
        ...(probePath ? { probePath } : {}),
      });
      bench.isAway = true;
      let calls = 0;
      for (let ms = 0; ms < 60_000; ms += 50) {
        calls++;
        void bench.call();
        await bench.pass(50);
      }
      expect(bench.sent.length).toBeLessThanOrEqual(1.1 * calls);
      // Nearly all of them waited in vain and sent nothing.
      expect(bench.sent.length).toBeLessThan(0.1 * calls);
      bench.client.close();
    },
    30_000,
  );

  it('do not fall upon a service that returns', async () => {
    const bench = new Bench({ ...WAIT, concurrency: 300, queue: 300, probePath: '/healthz' });
    await bench.open();
    for (let n = 0; n < 300; n++) void bench.call({ deadlineMs: 20_000 });
    await bench.pass(1500);
    bench.isAway = false;
    while (bench.client.status().breaker !== 'closed') await bench.pass(5);
    const closed = bench.clock.now();
    await bench.pass(1000);
    expect(bench.ended.filter(({ error }) => error === null)).toHaveLength(300);
    // Spread over half a second, and not all at once, as the bulkhead would allow.
    expect(bench.mostInFlight).toBeLessThan(30);
    for (let from = 0; from < 500; from += 25) {
      const here = bench.sent.filter(({ at }) => at >= closed + from && at < closed + from + 25);
      expect(here.length).toBeLessThan(300 / 7);
    }
    const last = bench.sent.at(-1)?.at ?? 0;
    expect(last - closed).toBeGreaterThan(250);
    bench.client.close();
  });

  it('wait on when the service is away again after the first of them', async () => {
    const bench = new Bench({ ...WAIT, queue: 100, retries: 4, probePath: '/healthz' });
    await bench.open();
    for (let n = 0; n < 60; n++) void bench.call({ deadlineMs: 30_000 });
    await bench.pass(500);
    bench.isAway = false;
    while (bench.client.status().breaker !== 'closed') await bench.pass(5);
    bench.isAway = true;
    await bench.pass(3000);
    bench.isAway = false;
    await bench.pass(6000);
    expect(bench.ended).toHaveLength(60);
    expect(bench.ended.filter(({ error }) => error === null)).toHaveLength(60);
    expect(bench.sent.length).toBeLessThan(100);
    bench.client.close();
  });
});
