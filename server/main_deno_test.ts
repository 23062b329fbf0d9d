/** The server as a process: what it says, what it does with heads that are none, how it ends. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from '../tests/server/server-process.ts';
import { newRun } from '../tests/server/test-app.ts';

const MAIN = new URL('./main.ts', import.meta.url).pathname;

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'esper-main-'));
  try {
    await work(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** Sends bytes as they are. @returns The status line of the answer, or `cut`. */
function sendRaw(url: string, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    // Refused before all of it was sent: the answer may be lost with the connection.
    socket.on('error', () => resolve('cut'));
    socket.on('close', () => resolve(answer.split('\r\n')[0] ?? ''));
  });
}

const head = (lines: string[]) =>
  `GET /healthz HTTP/1.1\r\n${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`;

Deno.test('--help names the options and ends with 0', async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ['run', '-A', MAIN, '--help'],
  }).output();
  assert.equal(code, 0);
  const text = new TextDecoder().decode(stdout);
  for (const option of ['--port', '--host', '--data', '--print-config']) {
    assert.ok(text.includes(option), option);
  }
});

Deno.test('heads that are too large or name no host are refused, and the server goes on', () =>
  inFolder(async (dir) => {
    const server = await startServer(dir);
    try {
      const host = 'Host: 127.0.0.1';
      assert.match(await sendRaw(server.url, head([host])), / 200 /);
      const large = head([host, `X-A: ${'a'.repeat(1_000_000)}`]);
      assert.match(await sendRaw(server.url, large), / 400 |^cut$/);
      const many = Array.from({ length: 300 }, (_, i) => `X-${i}: a`);
      assert.match(await sendRaw(server.url, head([host, ...many])), / 400 /);
      assert.match(await sendRaw(server.url, head(['Host: a b['])), / 400 /);
      assert.match(await sendRaw(server.url, head(['Host: evil.example'])), / 403 /);
      assert.match(await sendRaw(server.url, head([host])), / 200 /);
    } finally {
      const { code } = await server.kill('SIGTERM');
      assert.equal(code, 0);
    }
    // A malformed head is the client's fault, not a failure of the server.
    assert.doesNotMatch(server.errors(), /"level":"error"/);
  }));

Deno.test('unfinished uploads of a killed server are removed, and what remains is said', () =>
  inFolder(async (dir) => {
    const blobs = join(dir, 'blobs', 'sha256', 'ab');
    await mkdir(blobs, { recursive: true });
    await writeFile(join(blobs, '.tmp-0123456789'), 'half a blob');
    const server = await startServer(dir, { env: { LOG_LEVEL: 'info' } });
    await server.kill('SIGTERM');
    assert.match(server.errors(), /removed unfinished uploads","files":1/);
    assert.match(server.errors(), /"message":"stopped"/);
    assert.deepEqual(await readdir(blobs), []);
  }));

Deno.test('a token of the configuration is in no record of the log', () =>
  inFolder(async (dir) => {
    const token = 'a-token-nobody-may-read';
    const env = { ESPER_TOKEN: token, LOG_LEVEL: 'debug' };
    const server = await startServer(dir, { env });
    const ask = async (path: string, headers: Record<string, string>) => {
      const response = await fetch(`${server.url}${path}`, { headers });
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await ask('api/v1/runs', { authorization: `Bearer ${token}` }), 200);
    assert.equal(await ask(`api/v1/runs/${token}`, { authorization: `Bearer ${token}` }), 404);
    assert.equal(await ask('api/v1/runs', {}), 401);
    await server.kill('SIGTERM');
    assert.match(server.errors(), /"path":"\/api\/v1\/runs\/\*\*\*"/);
    assert.doesNotMatch(server.errors(), new RegExp(token));
  }));

Deno.test('a second signal does not wait for what is under way', () =>
  inFolder(async (dir) => {
    const server = await startServer(dir);
    const post = await fetch(`${server.url}api/v1/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(newRun('r')),
    });
    await post.body?.cancel();
    // A body that never ends keeps the first signal's drain waiting.
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      'POST /api/v1/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n' +
        'Content-Length: 100\r\n\r\n{',
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    const started = performance.now();
    const ended = server.kill('SIGTERM');
    // Two within half a second are one press, passed on twice.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const again = await server.kill('SIGTERM').catch(() => null);
    assert.equal((again ?? (await ended)).code, 130);
    assert.ok(performance.now() - started < 5000);
    socket.destroy();
  }));
