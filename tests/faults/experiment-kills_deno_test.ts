/**
 * A part is killed while a worker trains an experiment that grows: the experiment completes within
 * its tries, its digest is the one of the undisturbed run, its log on the server has no hole, and
 * work goes on within ten seconds. The engines of the other profile: tests/production.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { doJob } from '../../cli/job-work.ts';
import { JobFleet, smallExperiment, until } from '../server/job-fleet.ts';
import { type ServerProcess, startServer } from '../server/server-process.ts';

const RECOVERY_MS = 10_000;

/** Milliseconds until `look` finds something. */
async function timed(what: string, look: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await until(what, async () => Boolean(await look()));
  return performance.now() - started;
}

/** The digest that every run of this file must have, once it is known. */
let calmDigest: string | null = null;

/** That digest, by a worker that nobody disturbs. */
async function undisturbed(fleet: JobFleet): Promise<string> {
  const worker = await fleet.worker('calm');
  const digest = await fleet.digest(await fleet.submit(smallExperiment('calm')));
  assert.equal(await worker.end('SIGINT'), 0);
  return digest;
}

Deno.test('the server or a worker is killed during an experiment: the same digest, within 10 s', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'esper-kills-'));
  const data = join(dir, 'data');
  let server: ServerProcess = await startServer(data);
  const port = Number(new URL(server.url).port);
  const fleet = new JobFleet(server.url, dir);
  try {
    const expected = await undisturbed(fleet);
    calmDigest = expected;

    // The server dies under a worker, which trains on, and is started again.
    const steady = await fleet.worker('steady');
    const first = await fleet.submit(smallExperiment('server'));
    await fleet.underWay(first, 'steady');
    await server.kill('SIGKILL');
    const died = performance.now();
    server = await startServer(data, { port });
    await fleet.renewed(first);
    const serverMs = performance.now() - died;
    assert.equal(await fleet.digest(first), expected, 'server killed');
    assert.equal((await fleet.job(first)).tries, 1);
    assert.equal(await steady.end('SIGINT'), 0);

    // A worker dies with its job; another has it as soon as the lease has run out.
    const victim = await fleet.worker('victim');
    const second = await fleet.submit(smallExperiment('worker'));
    await fleet.underWay(second, 'victim');
    await fleet.worker('heir');
    await victim.end('SIGKILL');
    const workerMs = await timed('the second claim', async () => {
      return (await fleet.job(second)).worker === 'heir';
    });
    assert.equal(await fleet.digest(second), expected, 'worker killed');
    assert.equal((await fleet.job(second)).tries, 2);
    console.log(
      `    recovery: server ${Math.round(serverMs)} ms, worker ${Math.round(workerMs)} ms`,
    );
    assert.ok(serverMs < RECOVERY_MS && workerMs < RECOVERY_MS);
  } finally {
    await fleet.close();
    await server.kill('SIGKILL');
    await rm(dir, { recursive: true });
  }
});

Deno.test('the GPU device is lost during a job: the same digest, within 10 s', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'esper-device-'));
  const server = await startServer(join(dir, 'data'));
  const fleet = new JobFleet(server.url, dir);
  // The job runs here, so that its device can be taken away from it.
  const devices: GPUDevice[] = [];
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await request.apply(this, args);
    devices.push(device);
    return device;
  };
  const train = async (name: string, onProgress: (share: number) => void) => {
    const experiment = smallExperiment(name);
    const id = await fleet.submit(experiment);
    const fence = await fleet.claim();
    const place = { serverUrl: server.url, folder: join(dir, name), deliverMs: 5000 };
    const spec = { kind: 'experiment', experiment, growth: true } as const;
    const stop = new AbortController().signal;
    const result = await doJob({ id, fence, spec, ...place }, spec, stop, (line) => {
      if (line.type === 'progress') onProgress(line.progress.share ?? 0);
    });
    await fleet.checkLog(String(result['run_id']));
    return String(result['digest']);
  };
  try {
    const expected = calmDigest ?? (await train('calm', () => undefined));
    const before = devices.length;
    let lostAt = 0;
    let recoveredMs = 0;
    const digest = await train('lost', (share) => {
      // Late enough for a checkpoint to go on from.
      if (lostAt === 0) {
        if (share < 0.5) return;
        lostAt = performance.now();
        devices.at(-1)?.destroy();
      } else if (recoveredMs === 0 && devices.length > before + 1) {
        recoveredMs = performance.now() - lostAt;
      }
    });
    assert.equal(digest, expected);
    assert.ok(devices.length >= before + 2, 'no other device was asked for');
    console.log(`    recovery: GPU device ${Math.round(recoveredMs)} ms`);
    assert.ok(recoveredMs > 0 && recoveredMs < RECOVERY_MS);
  } finally {
    GPUAdapter.prototype.requestDevice = request;
    await server.kill('SIGKILL');
    await rm(dir, { recursive: true });
  }
});
