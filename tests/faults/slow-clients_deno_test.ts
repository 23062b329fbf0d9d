/** Two hundred clients that send their headers drop by drop, through nginx with our settings. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '#shared/platform/clock.ts';
import { startServer } from '../server/server-process.ts';

const SLOW = 200;
const CONF = fileURLToPath(new URL('../../deploy/nginx.conf', import.meta.url));

async function nginxPath(): Promise<string | null> {
  for (const path of ['/usr/sbin/nginx', '/usr/bin/nginx', '/usr/local/sbin/nginx']) {
    if (
      await Deno.stat(path).then(
        (info) => info.isFile,
        () => false,
      )
    )
      return path;
  }
  return null;
}

Deno.test('slow clients are cut off by nginx while others are served', async () => {
  const nginx = await nginxPath();
  if (!nginx) {
    console.log('    skipped: nginx is not installed (apt-get install nginx-light)');
    return;
  }
  const dir = await mkdtemp(join(tmpdir(), 'esper-nginx-'));
  const server = await startServer(join(dir, 'data'), {
    env: { ESPER_TRUSTED_PROXY: '127.0.0.1' },
  });
  const listener = Deno.listen({ hostname: '127.0.0.1', port: 0 });
  const port = listener.addr.port;
  listener.close();
  // The file as it is shipped, but for addresses, and for slow clients having one address here.
  const conf = (await readFile(CONF, 'utf8'))
    .replace('listen 80;', `listen 127.0.0.1:${port};`)
    .replace('server 127.0.0.1:8787;', `server 127.0.0.1:${new URL(server.url).port};`)
    .replace('limit_conn esper_connections 20;', 'limit_conn esper_connections 1000;');
  await writeFile(
    join(dir, 'nginx.conf'),
    `daemon off; master_process off; pid ${dir}/pid; error_log stderr crit;
     events { worker_connections 2048; }
     http { access_log off; client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p;
       fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
       ${conf} }`,
  );
  const child = new Deno.Command(nginx, {
    args: ['-p', dir, '-c', join(dir, 'nginx.conf')],
    stdout: 'null',
    stderr: 'piped',
  }).spawn();
  const errors = new Response(child.stderr).text();
  const sockets: Deno.Conn[] = [];
  try {
    const url = `http://127.0.0.1:${port}`;
    let isUp = false;
    for (let i = 0; i < 100 && !isUp; i++) {
      isUp = await fetch(`${url}/healthz`).then(
        (r) => r.text().then(() => r.ok),
        () => false,
      );
      if (!isUp) await systemClock.sleep(50);
    }
    assert.ok(isUp, 'nginx did not start');
    const line = new TextEncoder().encode('GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b');
    let open = 0;
    const ended: Promise<void>[] = [];
    for (let i = 0; i < SLOW; i++) {
      const socket = await Deno.connect({ hostname: '127.0.0.1', port });
      sockets.push(socket);
      await socket.write(line);
      open++;
      ended.push(
        (async () => {
          const buffer = new Uint8Array(512);
          while ((await socket.read(buffer).catch(() => null)) !== null);
          open--;
        })(),
      );
    }
    // While all of them hold on, others are answered; a stream gets through unbuffered.
    for (let i = 0; i < 50; i++) {
      const response = await fetch(`${url}/api/v1/runs`);
      assert.equal(response.status, 200);
      await response.body?.cancel();
    }
    assert.ok(open > 0, 'the slow clients were gone before they were slow');
    const stream = await fetch(`${url}/api/v1/topics/t/messages`, {
      headers: { accept: 'text/event-stream' },
    });
    const reader = stream.body?.getReader();
    const { value } = (await reader?.read()) ?? {};
    assert.match(new TextDecoder().decode(value), /event: open/);
    await reader?.cancel();
    assert.equal((await fetch(`${url}/metrics`)).status, 200);
    await Promise.race([Promise.all(ended), systemClock.sleep(15_000)]);
    assert.equal(open, 0, `${open} slow clients are still connected`);
  } finally {
    for (const socket of sockets) {
      try {
        socket.close();
      } catch {
        // Closed by nginx.
      }
    }
    child.kill('SIGTERM');
    await child.status;
    await errors;
    await server.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true });
  }
});
