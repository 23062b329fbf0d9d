import { describe, expect, it } from 'vitest';
import { libraryBlueprint } from '#shared/blueprints/library.ts';
import { ManualClock } from '#shared/platform/clock.ts';
import { createTestApp, experiment } from '../../tests/server/test-app.ts';
import { keepHouse } from '../housekeeping.ts';

const compile = (outFeatures = 4) => ({
  kind: 'compile',
  blueprint: libraryBlueprint('low-rank-4'),
  host: { kind: 'linear', input: [8], outFeatures },
});

function setUp() {
  const clock = new ManualClock();
  const app = createTestApp({ clock });
  const submit = (spec: unknown) => app.send('POST', '/api/v1/jobs', spec);
  const claim = async () => {
    const body = { worker: 'w1', kinds: ['compile', 'experiment', 'shader'], lease_ms: 1000 };
    const response = await app.send('POST', '/internal/v1/jobs/claim', body);
    return response.status === 204 ? null : await response.json();
  };
  const report = (id: string, body: unknown) =>
    app.send('PUT', `/internal/v1/jobs/${id}/result`, body);
  return { ...app, clock, submit, claim, report };
}

describe('/api/v1/jobs', () => {
  it('queues the same work once', async () => {
    const { submit, send } = setUp();
    const first = await submit(compile());
    expect(first.status).toBe(201);
    const job = await first.json();
    expect(job).toMatchObject({ state: 'queued', tries: 0, max_tries: 3, kind: 'compile' });
    expect((await submit({ ...compile(), pipeline: 'fast' })).status).toBe(200);
    expect((await submit(compile(5))).status).toBe(201);
    const page = await (await send('GET', '/api/v1/jobs?state=queued&limit=1')).json();
    expect(page.items).toHaveLength(1);
    expect(page.counts).toMatchObject({ queued: 2, running: 0 });
    const rest = await (await send('GET', `/api/v1/jobs?cursor=${page.next}`)).json();
    expect(rest.items.map(({ id }: { id: string }) => id)).toEqual([job.id]);
  });

  it('refuses what no worker could do', async () => {
    const { submit } = setUp();
    const misfit = { ...compile(), blueprint: { ...libraryBlueprint('low-rank-4'), output: 'no' } };
    expect((await submit(misfit)).status).toBe(422);
    expect((await submit({ kind: 'unknown' })).status).toBe(422);
    const endless = await submit({ kind: 'shader', wgsl: 'fn f() { while (true) {} }' });
    expect((await endless.json()).type).toBe('/problems/unsafe-shader');
  });

  it('carries a job from claim to result', async () => {
    const { submit, claim, report, send } = setUp();
    const { id } = await (await submit({ kind: 'experiment', experiment })).json();
    const { job, fence } = await claim();
    expect(job).toMatchObject({ id, state: 'running', worker: 'w1', tries: 1 });
    expect(job.spec.experiment.name).toBe(experiment.name);
    expect(await claim()).toBeNull();
    const lease = await send('PUT', `/internal/v1/jobs/${id}/lease`, {
      fence,
      lease_ms: 5000,
      progress: { share: 0.5, message: 'step 5 of 10' },
    });
    expect(await lease.json()).toEqual({ lease_ms: 5000, cancel: false });
    expect(await (await send('GET', `/api/v1/jobs/${id}`)).json()).toMatchObject({
      progress: { share: 0.5 },
    });
    expect((await report(id, { fence, outcome: 'done', result: { accuracy: 0.9 } })).status).toBe(
      204,
    );
    expect(await (await send('GET', `/api/v1/jobs/${id}`)).json()).toMatchObject({
      state: 'done',
      result: { accuracy: 0.9 },
    });
  });

  it('tells a worker that its lease is lost', async () => {
    const { submit, claim, report, send, clock } = setUp();
    const { id } = await (await submit(compile())).json();
    const { fence } = await claim();
    await clock.advance(1001);
    const late = await report(id, { fence, outcome: 'done', result: {} });
    expect(late.status).toBe(409);
    expect((await late.json()).type).toBe('/problems/lease-lost');
    const lease = await send('PUT', `/internal/v1/jobs/${id}/lease`, { fence });
    expect(lease.status).toBe(409);
    const unknown = await report(`sha256-${'0'.repeat(64)}`, { fence, outcome: 'released' });
    expect(unknown.status).toBe(404);
  });

  it('cancels through the lease, and queues again on request', async () => {
    const { submit, claim, report, send } = setUp();
    const { id } = await (await submit(compile())).json();
    const { fence } = await claim();
    expect((await send('POST', `/api/v1/jobs/${id}/cancel`)).status).toBe(200);
    const lease = await send('PUT', `/internal/v1/jobs/${id}/lease`, { fence });
    expect((await lease.json()).cancel).toBe(true);
    await report(id, { fence, outcome: 'cancelled' });
    expect((await (await send('GET', `/api/v1/jobs/${id}`)).json()).state).toBe('cancelled');
    const again = await (await send('POST', `/api/v1/jobs/${id}/retry`)).json();
    expect(again).toMatchObject({ state: 'queued', tries: 0 });
    for (const what of ['cancel', 'retry']) {
      const none = await send('POST', `/api/v1/jobs/sha256-${'0'.repeat(64)}/${what}`);
      expect(none.status).toBe(404);
    }
  });

  it('sets a job aside that fails three times, and refuses a result that is too large', async () => {
    const { submit, claim, report, send } = setUp();
    const { id } = await (await submit(compile())).json();
    for (let i = 0; i < 3; i++) {
      const { fence } = await claim();
      const huge = { fence, outcome: 'done', result: { text: 'x'.repeat(70_000) } };
      expect((await report(id, huge)).status).toBe(413);
      await report(id, { fence, outcome: 'failed', error: 'boom' });
    }
    expect(await (await send('GET', `/api/v1/jobs/${id}`)).json()).toMatchObject({
      state: 'dead',
      error: 'boom',
      tries: 3,
    });
  });

  it('announces new jobs on the topic "jobs"', async () => {
    const { submit, send } = setUp();
    const { id } = await (await submit(compile())).json();
    const page = await (await send('GET', '/api/v1/topics/jobs/messages')).json();
    expect(page.items[0]).toMatchObject({
      key: id,
      body: { id, kind: 'compile', state: 'queued' },
    });
  });

  it('queues a job also when it cannot be announced', async () => {
    const { send, deps } = createTestApp();
    deps.messages.publish = async () => {
      throw new Error('the log of messages is away');
    };
    const spec = { kind: 'experiment', experiment };
    const response = await send('POST', '/api/v1/jobs', spec);
    expect(response.status).toBe(201);
    const { id } = await response.json();
    expect((await deps.jobs.get(id))?.state).toBe('queued');
  });

  it('puts jobs of vanished workers back even if nobody asks', async () => {
    const { submit, claim, deps, clock, send } = setUp();
    const { id } = await (await submit(compile())).json();
    await claim();
    const stop = new AbortController();
    const house = keepHouse(deps, stop.signal);
    await clock.advance(2500);
    stop.abort();
    await clock.advance(1);
    await house;
    expect((await (await send('GET', `/api/v1/jobs/${id}`)).json()).state).toBe('queued');
    const text = await (await send('GET', '/metrics')).text();
    expect(text).toContain('esper_job_events_total{event="swept"} 1');
    expect(text).toContain('esper_jobs{state="queued"} 1');
  });
});
