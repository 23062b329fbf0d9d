/** The copy of a run's log on the real app, with outages between. */
import { afterEach, describe, expect, it } from 'vitest';
import { createTestApp } from '../../tests/server/test-app.ts';
import type { JobLease } from '../contracts/api-jobs.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { UploadStatus } from '../contracts/services.ts';
import { ManualClock, systemClock } from '../platform/clock.ts';
import { MemoryLineLog } from '../platform/memory.ts';
import type { Clock, LineLog } from '../platform/platform.ts';
import { ServiceClient } from '../resilience/http-client.ts';
import { tinyExperiment } from '../tolaria/_test-run.ts';
import { RunUpload } from './run-upload.ts';

const RUN = 'upload-test';
const notice = (seq: number): RunEvent => ({
  ...{ type: 'notice', level: 'info', message: `event ${seq}`, seq, step: seq, time: 0 },
});

/** Sleeps until it is woken: each turn is one look at the queue. */
function turns() {
  let wake = () => {};
  const clock: Clock = {
    ...systemClock,
    sleep: (_ms, signal) =>
      new Promise((resolve) => {
        wake = resolve;
        signal?.addEventListener('abort', () => resolve());
      }),
  };
  const turn = async () => {
    wake();
    // The app answers within this turn of the event loop, or a few.
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 0));
  };
  return { clock, turn };
}

const clients: ServiceClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

function rig({
  log = new MemoryLineLog() as LineLog | null,
  maxQueued = 20_000,
  earlier = [] as RunEvent[],
  app = createTestApp(),
  adapter = 'test',
  lease = undefined as JobLease | undefined,
} = {}) {
  let away = false;
  const { clock, turn } = turns();
  const client = new ServiceClient({
    name: 'runs',
    baseUrl: 'http://runs.test/',
    timer: systemClock,
    async fetch(input, init) {
      if (away) throw new TypeError('connection refused');
      return await app.app.fetch(new Request(input, init));
    },
    // Always closed: what is tested is the copy, not when the breaker lets it try again.
    options: { retries: 0, breaker: { consecutiveFailures: 1e6, minimumCalls: 1e6 } },
  });
  clients.push(client);
  const seen: UploadStatus[] = [];
  const upload: RunUpload = new RunUpload({
    ...{ runId: RUN, experiment: tinyExperiment(), adapter, client, clock },
    ...{ earlier, log, maxQueued, ...(lease ? { lease } : {}) },
    onChange: () => seen.push(upload.status),
  });
  const add = async (from: number, to: number) => {
    for (let seq = from; seq < to; seq++) {
      upload.add(notice(seq));
      await log?.append([JSON.stringify(notice(seq))]);
    }
  };
  const stored = async () => {
    const page = await app.deps.meta.runs.read(RUN, -1, 100_000);
    return page?.events.map((e) => e.seq) ?? [];
  };
  const goAway = (isAway: boolean) => {
    away = isAway;
  };
  return { add, app, goAway, log, seen, stored, turn, upload };
}

/** A server with one job, whose lease ends after a second. */
async function jobServer() {
  const clock = new ManualClock();
  const app = createTestApp({ clock });
  const body = { kind: 'experiment', experiment: tinyExperiment() };
  expect((await app.send('POST', '/api/v1/jobs', body)).status).toBe(201);
  const claim = async (): Promise<JobLease> => {
    const body = { worker: 'w', kinds: ['experiment'], lease_ms: 1000 };
    const { job, fence } = await (await app.send('POST', '/internal/v1/jobs/claim', body)).json();
    return { job: job.id, fence };
  };
  return { app, clock, claim };
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

describe('RunUpload', () => {
  it('sends what comes, and what came while the server was away once it is back', async () => {
    const { add, goAway, seen, stored, turn, upload } = rig();
    await add(0, 3);
    expect(upload.status).toEqual({ lacking: 3, late: false, caughtUp: null, ended: null });
    await turn();
    expect(await stored()).toEqual(upTo(3));
    expect(upload.status).toEqual({ lacking: 0, late: false, caughtUp: null, ended: null });
    goAway(true);
    await add(3, 8);
    await turn();
    await turn();
    expect(upload.status).toEqual({ lacking: 5, late: true, caughtUp: null, ended: null });
    await add(8, 10);
    goAway(false);
    await turn();
    expect(await stored()).toEqual(upTo(10));
    expect(upload.status).toEqual({ lacking: 0, late: false, caughtUp: 7, ended: null });
    expect(seen.at(-1)).toEqual(upload.status);
    expect(await upload.close()).toBe(0);
  });

  it('reads what its memory has no room for from the log, whole and in order', async () => {
    const { add, goAway, stored, turn, upload } = rig({ maxQueued: 10 });
    await add(0, 4);
    await turn();
    goAway(true);
    await add(4, 1300);
    await turn();
    expect(upload.status).toMatchObject({ lacking: 1296, late: true, ended: null });
    goAway(false);
    await turn();
    expect(await stored()).toEqual(upTo(1300));
    expect(upload.status).toEqual({ lacking: 0, late: false, caughtUp: 1296, ended: null });
    await add(1300, 1305);
    expect(await upload.close()).toBe(0);
    expect(await stored()).toEqual(upTo(1305));
  });

  it('waits for lines that the log has not written yet', async () => {
    const log = new MemoryLineLog();
    const { goAway, stored, turn, upload } = rig({ log, maxQueued: 4 });
    goAway(true);
    for (const seq of upTo(9)) upload.add(notice(seq));
    await turn();
    goAway(false);
    await turn();
    expect(await stored()).toEqual([]);
    expect(upload.status).toMatchObject({ lacking: 9, late: true, ended: null });
    await log.append(upTo(9).map((seq) => JSON.stringify(notice(seq))));
    await turn();
    expect(await stored()).toEqual(upTo(9));
    expect(upload.status.caughtUp).toBe(9);
    await upload.close();
  });

  it('ends where a run keeps no log and the server is away for too long, and counts on', async () => {
    const { add, goAway, stored, turn, upload } = rig({ log: null, maxQueued: 10 });
    await add(0, 2);
    await turn();
    goAway(true);
    await add(2, 30);
    goAway(false);
    await turn();
    expect(await stored()).toEqual(upTo(2));
    const { ended, lacking } = upload.status;
    expect(lacking).toBe(28);
    expect(ended).toContain('away for more than 10 events');
    expect(await upload.close()).toBe(28);
  });

  it('sends everything again to a server that lost it', async () => {
    const first = rig({ maxQueued: 10 });
    await first.add(0, 40);
    await first.turn();
    // Another server at the same address, with nothing stored, and the run is resumed.
    const earlier = upTo(40).map(notice);
    const other = rig({ log: first.log, maxQueued: 10, earlier });
    await other.add(40, 42);
    await other.turn();
    await other.turn();
    expect(await other.stored()).toEqual(upTo(42));
    expect(other.upload.status).toMatchObject({ lacking: 0, late: false, ended: null });
    await first.upload.close();
    await other.upload.close();
  });

  it('replaces what an earlier try left, also where that differs from its first events', async () => {
    const first = rig();
    await first.add(0, 3);
    first.upload.add({ ...notice(3), message: 'interrupted' } as RunEvent);
    await first.turn();
    const second = rig({ app: first.app });
    await second.add(0, 6);
    await second.turn();
    expect(second.upload.status).toMatchObject({ late: true, ended: null });
    await second.turn();
    expect(second.upload.status).toMatchObject({ lacking: 0, ended: null });
    expect(await second.stored()).toEqual(upTo(6));
    expect(await second.upload.close()).toBe(0);
    await first.upload.close();
  });

  it('ends where its id belongs to another run', async () => {
    const first = rig();
    await first.add(0, 3);
    await first.turn();
    const other = rig({ app: first.app, adapter: 'another' });
    await other.add(0, 5);
    await other.turn();
    expect(other.upload.status.ended).toContain('the id belongs to a run with other settings');
    expect(await other.upload.close()).toBe(5);
    expect(await first.stored()).toEqual(upTo(3));
    await first.upload.close();
  });

  it('leaves the log of a job alone once another worker has the job', async () => {
    const { app, clock, claim } = await jobServer();
    const sleeper = rig({ app, lease: await claim() });
    await sleeper.add(0, 3);
    await sleeper.turn();
    expect(await sleeper.stored()).toEqual(upTo(3));
    await clock.advance(5000);
    // Of another adapter, so that the events may differ.
    const next = rig({ app, lease: await claim(), adapter: 'another' });
    await next.add(0, 9);
    await next.turn();
    expect(await next.stored()).toEqual(upTo(9));
    sleeper.upload.add({ ...notice(3), message: 'differs' } as RunEvent);
    await sleeper.turn();
    expect(sleeper.upload.status.ended).toContain('its lease ran out');
    await sleeper.upload.close();
    expect(await next.stored()).toEqual(upTo(9));
    expect(JSON.parse((await app.deps.meta.runs.get(RUN))?.body ?? '').adapter).toBe('another');
    expect(await next.upload.close()).toBe(0);
  });

  it('tries on at its end where the whole log is owed, until it is delivered', async () => {
    const { add, goAway, stored, turn, upload } = rig();
    goAway(true);
    await add(0, 6);
    let lacking: number | null = null;
    const closing = upload.close(60_000).then((n) => {
      lacking = n;
    });
    for (let i = 0; i < 5; i++) await turn();
    expect(lacking).toBeNull();
    goAway(false);
    for (let i = 0; i < 3 && lacking === null; i++) await turn();
    await closing;
    expect(lacking).toBe(0);
    expect(await stored()).toEqual(upTo(6));
  });

  it('gives up at its end when the time for that is over', async () => {
    const { add, goAway, upload } = rig();
    goAway(true);
    await add(0, 6);
    const started = performance.now();
    expect(await upload.close(900)).toBe(6);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('says why, when the log is damaged', async () => {
    const { add, goAway, log, turn, upload } = rig({ maxQueued: 4 });
    goAway(true);
    await add(0, 20);
    await log!.truncate(3);
    await log!.append(['{"type":"nonsense"}']);
    await turn();
    goAway(false);
    await turn();
    expect(upload.status.ended).toMatch(/line 4: it is not a valid event/);
    expect(upload.status.lacking).toBe(20);
    await upload.close(10);
  });
});
