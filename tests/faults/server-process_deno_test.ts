/** How the server process starts, refuses to start, and stops. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#shared/platform/clock.ts';
import { ServiceClient } from '#shared/resilience/http-client.ts';
import { startServer } from '../server/server-process.ts';
import { newRun, notices } from '../server/test-app.ts';

const MAIN = new URL('../../server/main.ts', import.meta.url).pathname;

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'esper-server-'));
  try {
    await work(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

async function runMain(args: string[], env: Record<string, string> = {}) {
  const command = new Deno.Command(Deno.execPath(), { args: ['run', '-A', MAIN, ...args], env });
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test('a bad configuration ends with 78 and every fault', async () => {
  const env = { ESPER_PORT: 'x', HTTP_TIMEOUT: '-3', ESPER_HOST: '0.0.0.0' };
  const { code, stderr } = await runMain([], env);
  assert.equal(code, 78);
  for (const name of ['ESPER_PORT', 'HTTP_TIMEOUT']) assert.match(stderr, new RegExp(`${name}: `));
});

Deno.test('an open bind without a token does not start', async () => {
  const { code, stderr } = await runMain(['--host', '0.0.0.0']);
  assert.equal(code, 78);
  assert.match(stderr, /ESPER_TOKEN: is required because ESPER_HOST is "0.0.0.0"/);
});

Deno.test('an unknown option ends with 2', async () => {
  const { code, stderr } = await runMain(['--prot', '1']);
  assert.equal(code, 2);
  assert.match(stderr, /--prot/);
});

Deno.test('--print-config masks secrets', async () => {
  const env = { ESPER_TOKEN: 'a-token-of-some-length' };
  const { code, stdout } = await runMain(['--print-config', '--port', '9999'], env);
  assert.equal(code, 0);
  const config = JSON.parse(stdout);
  assert.equal(config.ESPER_PORT, 9999);
  assert.equal(config.ESPER_TOKEN, '***');
});

Deno.test('a data folder that is a file, or holds no database, gives one clear line', () =>
  inFolder(async (dir) => {
    await writeFile(join(dir, 'file'), '');
    const file = await runMain(['--data', join(dir, 'file'), '--port', '0']);
    assert.equal(file.code, 1);
    assert.match(file.stderr, /Cannot use the data folder ".*file": .*choose another with --data/);
    await writeFile(join(dir, 'esper.db'), 'this is not a database'.repeat(100));
    const garbage = await runMain(['--data', dir, '--port', '0']);
    assert.equal(garbage.code, 1);
    assert.match(garbage.stderr, /Cannot open the database/);
  }));

Deno.test('a port in use is said so, with 1', () =>
  inFolder(async (dir) => {
    const server = await startServer(dir);
    const { port } = new URL(server.url);
    const second = await runMain(['--data', join(dir, 'other'), '--port', port]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /the port is in use; stop the other program or choose another/);
    await server.kill('SIGKILL');
  }));

Deno.test('SIGTERM under load drains: no request fails, the exit code is 0', () =>
  inFolder(async (dir) => {
    const server = await startServer(dir);
    const api = `${server.url}api/v1/runs`;
    const post = async (path: string, body: unknown) => {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await post(api, newRun('r')), 201);
    const stream = await fetch(`${api}/r/events`, { headers: { accept: 'text/event-stream' } });
    const reading = stream.text();

    const statuses: number[] = [];
    let isStopping = false;
    const load = (async () => {
      for (let seq = 0; ; seq++) {
        // A refused connection after the server has gone is the end, not a failure.
        const status = await post(`${api}/r/events`, { events: notices(seq, seq) }).catch(() => 0);
        if (status !== 202 && isStopping) return status;
        statuses.push(status);
      }
    })();
    await new Promise((resolve) => setTimeout(resolve, 200));
    isStopping = true;
    const started = performance.now();
    const { code } = await server.kill('SIGTERM');
    const last = await load;
    assert.equal(code, 0);
    assert.ok(performance.now() - started < 10_000);
    assert.deepEqual([...new Set(statuses)], [202]);
    assert.ok(last === 503 || last === 0, `the last status was ${last}`);
    assert.match(await reading, /id: 0\.0/);
  }));

Deno.test('a client notices that the server died within 10 s, and that it is back within 5 s', () =>
  inFolder(async (dir) => {
    const first = await startServer(dir);
    const port = Number(new URL(first.url).port);
    const client = new ServiceClient({
      name: 'runs',
      baseUrl: first.url,
      timer: systemClock,
      options: { timeoutMs: 1000, deadlineMs: 2000, probePath: '/healthz' },
    });
    try {
      assert.equal((await client.request('/healthz')).status, 200);
      await first.kill('SIGKILL');
      const died = performance.now();
      // One call every half second, as a slow training run makes them.
      while (client.status().breaker === 'closed') {
        await client.request('/healthz').catch(() => undefined);
        assert.ok(performance.now() - died < 10_000, 'the breaker did not open');
        if (client.status().breaker !== 'closed') break;
        await systemClock.sleep(500);
      }
      const openedMs = performance.now() - died;
      // Long enough for the wait between trials to reach its cap.
      await systemClock.sleep(4000);
      const second = await startServer(dir, { port });
      const returned = performance.now();
      while (client.status().breaker !== 'closed') {
        assert.ok(performance.now() - returned < 5000, 'the breaker did not close');
        await systemClock.sleep(20);
      }
      console.log(
        `    opened after ${Math.round(openedMs)} ms, closed ` +
          `${Math.round(performance.now() - returned)} ms after the return`,
      );
      assert.equal((await client.request('/healthz')).status, 200);
      await second.kill('SIGKILL');
    } finally {
      client.close();
    }
  }));
