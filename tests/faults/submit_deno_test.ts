/** `esper submit --wait` beside a server that is killed and comes back. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '#shared/platform/clock.ts';
import { esper, inFolder, startEsper } from '../cli/esper-process.ts';
import { JobFleet } from '../server/job-fleet.ts';
import { startServer } from '../server/server-process.ts';

const SHADER = '@compute @workgroup_size(1) fn main() {}\n';

Deno.test('submit follows its job over a restart of the server, and fails fast without one', () =>
  inFolder(async (cwd) => {
    const data = join(cwd, 'data');
    await writeFile(join(cwd, 'kernel.wgsl'), SHADER);
    let server = await startServer(data);
    const { url } = server;
    const args = ['submit', 'kernel.wgsl', '--server', url, '--wait', '--json'];
    try {
      const submitted = startEsper(args, { cwd });
      const { id } = JSON.parse(await submitted.line((line) => line.includes('"queued"')));
      await server.kill('SIGKILL');
      await systemClock.sleep(5000);
      server = await startServer(data, { port: Number(new URL(url).port) });
      // Nobody works here: the job ends because it is cancelled.
      const answer = await fetch(`${url}api/v1/jobs/${id}/cancel`, { method: 'POST' });
      assert.equal((await answer.json()).state, 'cancelled');
      const { code, stdout, stderr } = await submitted.done;
      assert.equal(code, 1);
      assert.match(stderr, /the server does not answer; waiting for it/);
      const last = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
      assert.deepEqual([last.id, last.state], [id, 'cancelled']);
      assert.equal((await new JobFleet(url, cwd).job(id)).tries, 0);
    } finally {
      await server.kill('SIGKILL');
    }
    // A wrong address is told at once: nothing says that anything ever answers there.
    const started = performance.now();
    const { code, stderr } = await esper(args, { cwd });
    assert.equal(code, 1);
    assert.match(stderr, /Cannot reach jobs/);
    assert.ok(performance.now() - started < 15_000);
  }));
