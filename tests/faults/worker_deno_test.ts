/** Workers and servers that die, freeze and come back while an experiment is under way. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jobRunId } from '#shared/contracts/api-jobs.ts';
import { Experiment } from '#shared/contracts/experiment.ts';
import { JobFleet, until } from '../server/job-fleet.ts';
import { startServer } from '../server/server-process.ts';
import { startProxy } from '../server/unruly-proxy.ts';

const experiment = (seed: number, steps: number) =>
  Experiment.parse({
    ...{ name: 'fault', seed, steps },
    data: { source: 'two-spirals' },
    growth: { enabled: false },
  });

Deno.test('an experiment completes whatever single part is killed, frozen or stopped', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'esper-worker-'));
  const data = join(dir, 'data');
  let server = await startServer(data);
  const { url } = server;
  const port = Number(new URL(url).port);
  const fleet = new JobFleet(url, dir);
  const worker = (name: string) => fleet.worker(name);
  const submit = (seed: number, steps: number) => fleet.submit(experiment(seed, steps));
  const job = (id: string) => fleet.job(id);
  const reached = fleet.reached.bind(fleet);
  const underWay = fleet.underWay.bind(fleet);
  const done = (id: string) => reached(id, (j) => j.state === 'done', 'the end of the job');
  try {
    // What is killed has to be under way still when the kill comes; what is left alone has not.
    const STEPS = 3000;
    const FEW = 300;
    const calm = await worker('calm');
    await done(await submit(1, FEW));

    // The server is killed while the worker trains: it goes on, and reports when it is back.
    const second = await submit(2, STEPS);
    await underWay(second, 'calm');
    await server.kill('SIGKILL');
    const killedServer = performance.now();
    server = await startServer(data, { port });
    await until('an answer', async () => (await fetch(`${url}readyz`)).ok);
    const serverMs = performance.now() - killedServer;
    assert.equal((await done(second)).tries, 1);
    assert.equal(await calm.end('SIGINT'), 0);

    // The worker is killed: another takes the job when its lease has run out.
    const third = await submit(3, STEPS);
    const victim = await worker('victim');
    await underWay(third, 'victim');
    const heir = await worker('heir');
    await victim.end('SIGKILL');
    const killedWorker = performance.now();
    await reached(third, (j) => j.worker === 'heir', 'the second claim');
    const workerMs = performance.now() - killedWorker;
    assert.equal((await done(third)).tries, 2);

    // A worker is frozen past its lease: its late result is refused, the other's stands.
    await heir.end('SIGINT');
    const fourth = await submit(4, STEPS);
    const zombie = await worker('zombie');
    await underWay(fourth, 'zombie');
    zombie.signal('SIGSTOP');
    const relief = await worker('relief');
    await reached(fourth, (j) => j.worker === 'relief', 'the relief');
    zombie.signal('SIGCONT');
    await until('the notice', async () => /lost the lease|its lease ran out/.test(zombie.said()));
    assert.equal((await done(fourth)).worker, 'relief');
    await zombie.end('SIGINT');

    // A worker is asked to stop: it saves, gives the job back, and the try does not count.
    const fifth = await submit(5, STEPS);
    await underWay(fifth, 'relief');
    assert.equal(await relief.end('SIGINT'), 0);
    const given = await job(fifth);
    assert.deepEqual([given.state, given.tries], ['queued', 0]);
    const again = await worker('relief');
    assert.equal((await done(fifth)).tries, 1);

    // A job that cannot work is set aside at once, with the reason, and others flow.
    const broken = await fetch(`${url}api/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        kind: 'experiment',
        experiment: {
          ...experiment(9, 10),
          data: { source: 'csv', path: 'none.csv', target: 'y' },
        },
      }),
    });
    const brokenId = (await broken.json()).id;
    if (broken.ok) {
      const dead = await reached(brokenId, (j) => j.state === 'dead', 'the end');
      assert.match(dead.error ?? '', /none\.csv/);
    }

    // Cancelled while it runs: the process stops and the worker goes on with the next.
    const sixth = await submit(6, 10_000_000);
    await underWay(sixth, 'relief');
    await (await fetch(`${url}api/v1/jobs/${sixth}/cancel`, { method: 'POST' })).body?.cancel();
    await reached(sixth, (j) => j.state === 'cancelled', 'the cancellation');
    const seventh = await submit(7, FEW);
    assert.equal((await done(seventh)).worker, 'relief');

    assert.equal(await again.end('SIGINT'), 0);
    assert.ok(serverMs < 10_000 && workerMs < 10_000);
    console.log(
      `    recovery: server ${Math.round(serverMs)} ms, worker ${Math.round(workerMs)} ms`,
    );
  } finally {
    await fleet.close();
    await server.kill('SIGKILL');
    await rm(dir, { recursive: true });
  }
});

Deno.test('a job that never ends its process is ended, and shaders get five seconds', async () => {
  const { runJobProcess } = await import('../../cli/job-process.ts');
  const dir = await mkdtemp(join(tmpdir(), 'esper-job-'));
  try {
    await writeFile(join(dir, 'x'), '');
    const run = (wgsl: string, stop = new AbortController().signal) =>
      runJobProcess({
        order: {
          id: 'j',
          fence: 'f',
          spec: { kind: 'shader', wgsl },
          serverUrl: 'http://127.0.0.1:9',
          folder: dir,
        },
        token: null,
        permissions: ['-A'],
        onProgress: () => undefined,
        stop,
      });
    // The lint is asked again in the process, whatever the server said.
    const loop = await run('fn f() { loop {} }');
    assert.deepEqual([loop.outcome, 'retryable' in loop && loop.retryable], ['failed', false]);
    const bad = await run('@compute @workgroup_size(1) fn main() { let x = nonsense; }');
    assert.match('error' in bad ? bad.error : '', /does not compile: line 1: .*nonsense/s);
    const good = await run('@compute @workgroup_size(1) fn main() {}');
    assert.equal(good.outcome, 'done');
    const stopped = await run('@compute @workgroup_size(1) fn main() {}', AbortSignal.abort());
    assert.ok(['stopped', 'done'].includes(stopped.outcome));
  } finally {
    await rm(dir, { recursive: true });
  }
});

Deno.test('a job is not done before its log is on the server, and is not trained again for that', async () => {
  const { runJobProcess } = await import('../../cli/job-process.ts');
  const dir = await mkdtemp(join(tmpdir(), 'esper-log-'));
  const server = await startServer(join(dir, 'data'));
  const proxy = startProxy(server.url);
  const fleet = new JobFleet(server.url, dir);
  try {
    const spec = { kind: 'experiment' as const, experiment: experiment(1, 300), growth: true };
    const id = await fleet.submit(spec.experiment);
    const logged = async () => {
      const page = await fetch(`${server.url}api/v1/runs/${jobRunId(id, 'experiment')}/events`);
      return page.ok ? ((await page.json()).items as { type: string }[]).map((e) => e.type) : [];
    };
    const attempt = async (fence: string) => {
      let last = '';
      const outcome = await runJobProcess({
        order: { id, fence, spec, serverUrl: proxy.url, folder: join(dir, 'job'), deliverMs: 2000 },
        token: null,
        permissions: ['-A'],
        onProgress: ({ message }) => {
          last = message;
        },
        stop: new AbortController().signal,
      });
      return { outcome, last };
    };
    proxy.only = /events$/;
    proxy.manner = 'fail';
    const held = await fleet.claim();
    const { outcome, last } = await attempt(held);
    assert.equal(outcome.outcome, 'failed');
    assert.match('error' in outcome ? outcome.error : '', /was not told of the last \d+ events/);
    assert.equal('retryable' in outcome && outcome.retryable, true);
    assert.match(last, /step \d+ of 300/);
    assert.deepEqual(await logged(), []);

    proxy.manner = 'pass';
    const fence = 'of a lease that ran out';
    const zombie = await attempt(fence);
    // The run is the same whoever made it; what it may not do is write over another's log.
    assert.equal(zombie.outcome.outcome, 'done');
    assert.deepEqual(await logged(), []);

    const handed = await attempt(held);
    assert.equal(handed.outcome.outcome, 'done');
    assert.equal(handed.last.includes('step'), false, handed.last);
    const types = await logged();
    assert.deepEqual([types[0], types.at(-1)], ['run.started', 'run.finished']);
  } finally {
    await proxy.close();
    await server.kill('SIGKILL');
    await rm(dir, { recursive: true });
  }
});
