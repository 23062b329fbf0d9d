/** A full disk and changed bytes, on the real server. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '#shared/base/canonical.ts';
import { startServer } from '../server/server-process.ts';
import { newRun, notices } from '../server/test-app.ts';

async function run(command: string, ...args: string[]): Promise<boolean> {
  try {
    const child = new Deno.Command(command, { args, stdout: 'null', stderr: 'null' });
    return (await child.output()).success;
  } catch {
    return false;
  }
}

Deno.test('a full disk is told with 507, reads go on, and writes work once there is room', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'esper-full-'));
  if (!(await run('mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dir))) {
    await rm(dir, { recursive: true });
    console.log('    skipped: a small file system cannot be mounted here');
    return;
  }
  const server = await startServer(dir);
  const api = `${server.url}api/v1`;
  const send = async (path: string, method: string, body: Uint8Array<ArrayBuffer> | string) => {
    const headers = {
      'content-type': typeof body === 'string' ? 'application/json' : 'application/octet-stream',
    };
    const response = await fetch(`${api}${path}`, { method, headers, body });
    return { status: response.status, body: await response.json() };
  };
  try {
    assert.equal((await send('/runs', 'POST', JSON.stringify(newRun('r')))).status, 201);
    const stored: string[] = [];
    let full: { status: number; body: { type?: string } } | null = null;
    for (let n = 0; n < 120 && !full; n++) {
      const bytes = crypto.getRandomValues(new Uint8Array(60_000));
      const sha256 = await sha256Hex(bytes);
      const answer = await send(`/blobs/${sha256}`, 'PUT', bytes);
      if (answer.status === 201) stored.push(sha256);
      else full = answer;
    }
    assert.equal(full?.status, 507);
    assert.equal(full?.body.type, '/problems/storage-full');
    assert.equal((await fetch(`${server.url}healthz`)).status, 200);
    for (const sha256 of stored.slice(-3)) {
      const response = await fetch(`${api}/blobs/${sha256}`);
      assert.equal(response.status, 200);
      assert.equal(await sha256Hex(new Uint8Array(await response.arrayBuffer())), sha256);
    }
    const [first = '', second = ''] = stored;
    for (const sha256 of [first, second]) {
      await rm(join(dir, 'blobs', 'sha256', sha256.slice(0, 2), sha256));
    }
    const events = JSON.stringify({ events: notices(0, 9) });
    assert.equal((await send('/runs/r/events', 'POST', events)).status, 202);
  } finally {
    await server.kill('SIGKILL');
    await run('umount', dir);
    await rm(dir, { recursive: true, force: true });
  }
});

Deno.test('a blob with any of 256 bits changed is never served, and heals', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'esper-bits-'));
  const server = await startServer(dir, { env: { LOG_LEVEL: 'silent' } });
  try {
    const bytes = crypto.getRandomValues(new Uint8Array(32));
    const sha256 = await sha256Hex(bytes);
    const url = `${server.url}api/v1/blobs/${sha256}`;
    const file = join(dir, 'blobs', 'sha256', sha256.slice(0, 2), sha256);
    const put = async () => {
      const response = await fetch(url, { method: 'PUT', body: bytes });
      await response.body?.cancel();
      return response.status;
    };
    for (let bit = 0; bit < 256; bit++) {
      assert.equal(await put(), 201);
      const changed = new Uint8Array(await readFile(file));
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await writeFile(file, changed);
      const refused = await fetch(url);
      assert.equal(refused.status, 500);
      assert.equal((await refused.json()).type, '/problems/artifact-corrupt');
    }
    assert.equal(await put(), 201);
    const good = await fetch(url);
    assert.deepEqual(new Uint8Array(await good.arrayBuffer()), bytes);
    const metrics = await (await fetch(`${server.url}metrics`)).text();
    assert.match(metrics, /esper_blobs_total\{outcome="corrupt"\} 256/);
  } finally {
    await server.kill('SIGKILL');
    await rm(dir, { recursive: true });
  }
});
