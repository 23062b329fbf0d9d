/**
 * Training beside services that are slow, fail or never answer: the same bits, no wait for the
 * network, and nothing is lost once the service is well again.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Experiment } from '#shared/contracts/experiment.ts';
import { createGpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import { ManualClock, systemClock } from '#shared/platform/clock.ts';
import { openServices } from '#shared/workbench/services.ts';
import { SMALL } from '../cli/small-run.ts';
import { until } from '../server/job-fleet.ts';
import { startServer } from '../server/server-process.ts';
import { type Manner, startProxy } from '../server/unruly-proxy.ts';
import { trainBeside } from './disturbed-run.ts';

const experiment = Experiment.parse(SMALL);
// Timers of the services' clients and the log's outlive a run by a moment.
const options = { sanitizeOps: false, sanitizeResources: false };

Deno.test('a run ends although its network stands still', options, async () => {
  const backend = await createGpuBackend(navigator.gpu);
  try {
    const alone = await trainBeside(backend, experiment, null, 'alone');
    assert.ok(alone.seeds > 0, 'nothing germinated: no artifact was asked for');
    // No answer ever comes and no time limit ever ends: whatever waited for either would hang.
    let asked = 0;
    const services = openServices({
      url: 'http://127.0.0.1:9',
      clock: new ManualClock(),
      fetch: () => {
        asked++;
        return new Promise<Response>(() => undefined);
      },
    });
    const beside = await trainBeside(backend, experiment, services, 'beside');
    services.close();
    assert.equal(beside.digest, alone.digest);
    assert.ok(asked > 3, 'the services were not asked');
  } finally {
    backend.dispose();
  }
});

Deno.test(
  'a service that is slow, fails or is silent costs no bit and no event',
  options,
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'esper-disturbed-'));
    const server = await startServer(dir);
    const proxy = startProxy(server.url);
    const backend = await createGpuBackend(navigator.gpu);
    try {
      const alone = await trainBeside(backend, experiment, null, 'alone');
      for (const manner of ['slow', 'fail', 'hole'] satisfies Manner[]) {
        const services = openServices({ url: proxy.url, clock: systemClock, timeoutSeconds: 1 });
        const opened = new Set<string>();
        services.onBreaker(({ breaker, name }) => {
          if (breaker === 'open') opened.add(name);
        });
        proxy.manner = manner;
        let deliveredMs = 0;
        const stored = async () => {
          const answer = await fetch(`${server.url}api/v1/runs/${manner}/events?limit=1000`);
          const text = await answer.text();
          return answer.ok ? JSON.parse(text).items : [];
        };
        const run = await trainBeside(backend, experiment, services, manner, async () => {
          // The run may be over sooner than a breaker takes to open.
          await until('all breakers open', async () => opened.size === 3);
          assert.deepEqual(await stored(), [], 'it was delivered before it could be');
          proxy.manner = 'pass';
          const well = performance.now();
          await until('delivery', async () => (await stored()).at(-1)?.type === 'run.finished');
          deliveredMs = performance.now() - well;
          const states = () => services.status().map(({ breaker }) => breaker);
          await until('all breakers closed', async () => states().every((s) => s === 'closed'));
        });
        services.close();
        assert.equal(run.digest, alone.digest, manner);
        assert.deepEqual(await stored(), run.events, 'the log on the server is another');
        console.log(
          `    ${manner}: delivered ${Math.round(deliveredMs)} ms after it was well again, ` +
            `${run.stepMs.toFixed(2)} ms a step (alone ${alone.stepMs.toFixed(2)})`,
        );
      }
    } finally {
      backend.dispose();
      await proxy.close();
      await server.kill('SIGKILL');
      await rm(dir, { recursive: true });
    }
  },
);
