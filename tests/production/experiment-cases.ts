/**
 * Each engine is killed by SIGKILL while a worker trains an experiment that grows: the experiment
 * completes on its first try, its digest is the one of the undisturbed run, its log on the server
 * has no hole, and the engine is used again within ten seconds of its return.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '#shared/base/canonical.ts';
import { JobFleet, smallExperiment, until } from '../server/job-fleet.ts';
import { startServer } from '../server/server-process.ts';
import { newRun } from '../server/test-app.ts';
import { engine } from './kill-cases.ts';

const RECOVERY_MS = 10_000;

/** Asks each time for something new, so that no answer comes from memory. */
const ASKS: Record<string, (api: string) => Promise<boolean>> = {
  async postgres(api) {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(newRun(`r${crypto.randomUUID()}`));
    return await isOk(`${api}/runs`, { method: 'POST', headers, body });
  },
  async redis(api) {
    const headers = { 'content-type': 'application/json' };
    return await isOk(`${api}/topics/t/messages`, { method: 'POST', headers, body: '{"body":1}' });
  },
  async s3(api) {
    const body = crypto.getRandomValues(new Uint8Array(1000));
    return await isOk(`${api}/blobs/${await sha256Hex(body)}`, { method: 'PUT', body });
  },
};

async function isOk(url: string, init: RequestInit): Promise<boolean> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(8000) });
  await response.body?.cancel();
  return response.ok;
}

export const EXPERIMENT_CASES = [
  {
    name: 'PostgreSQL, Redis or the object store is killed during an experiment: the same digest',
    async run() {
      const dir = await mkdtemp(join(tmpdir(), 'esper-engine-kills-'));
      const server = await startServer(join(dir, 'data'), {
        env: { ESPER_PROFILE: 'production', DATABASE_TIMEOUT: '0.5', HTTP_TIMEOUT: '2' },
      });
      const api = `${server.url}api/v1`;
      const fleet = new JobFleet(server.url, dir);
      // The engines may keep jobs of another test: names that nobody used.
      const tag = crypto.randomUUID().slice(0, 8);
      try {
        await fleet.worker('steady');
        const expected = await fleet.digest(await fleet.submit(smallExperiment(`calm-${tag}`)));
        for (const [name, ask] of Object.entries(ASKS)) {
          const id = await fleet.submit(smallExperiment(`${name}-${tag}`, 2500));
          await fleet.underWay(id, 'steady');
          await engine(name, 'kill');
          const killed = performance.now();
          assert.equal(await ask(api).catch(() => false), false, `${name} is not needed`);
          await engine(name, 'start');
          const returned = performance.now();
          await until(`work on ${name}`, () => ask(api));
          const now = performance.now();
          const job = await fleet.job(id);
          assert.ok(job.state === 'running' || job.state === 'done', `the job is ${job.state}`);
          assert.equal(await fleet.digest(id), expected, `${name} killed`);
          assert.equal((await fleet.job(id)).tries, 1);
          console.log(
            `    ${name}: ${Math.round(now - killed)} ms after the kill, ` +
              `${Math.round(now - returned)} ms after its return`,
          );
          assert.ok(now - returned < RECOVERY_MS);
        }
      } catch (error) {
        const text = error instanceof Error ? error.stack : String(error);
        throw new Error(`${text}\n${server.errors().slice(-2000)}`);
      } finally {
        await fleet.close();
        await server.kill('SIGTERM');
        await rm(dir, { recursive: true });
      }
    },
  },
];
