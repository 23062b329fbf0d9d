/** The server of the production profile while each of its engines is killed and comes back. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#shared/platform/clock.ts';
import { startServer } from '../server/server-process.ts';
import { newRun, notices } from '../server/test-app.ts';

const RECOVERY_MS = 10_000;

/** Asks tools/production.mjs, which owns the engines. */
export async function engine(name: string, what: 'kill' | 'start'): Promise<void> {
  const control = Deno.env.get('ESPER_TEST_CONTROL') ?? '';
  const response = await fetch(`${control}/${what}/${name}`, { method: 'POST' });
  const text = await response.text();
  if (!response.ok) throw new Error(`Cannot ${what} ${name}: ${text}`);
}

async function withServer(work: (api: string, url: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'esper-production-'));
  const server = await startServer(dir, {
    env: { ESPER_PROFILE: 'production', DATABASE_TIMEOUT: '0.5', HTTP_TIMEOUT: '2' },
  });
  try {
    await work(`${server.url}api/v1`, server.url);
  } catch (error) {
    throw new Error(
      `${error instanceof Error ? error.stack : error}\n${server.errors().slice(-2000)}`,
    );
  } finally {
    await server.kill('SIGTERM');
    await rm(dir, { recursive: true });
  }
}

const send = async (url: string, method: string, body: unknown) => {
  const bytes = body instanceof Uint8Array;
  const response = await fetch(url, {
    method,
    headers: { 'content-type': bytes ? 'application/octet-stream' : 'application/json' },
    body: bytes ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body),
    signal: AbortSignal.timeout(8000),
  });
  const text = await response.text();
  return { status: response.status, text, retryAfter: response.headers.get('retry-after') };
};

/** Milliseconds until `ask` succeeds. */
async function recovery(ask: () => Promise<boolean>): Promise<number> {
  const started = performance.now();
  while (performance.now() - started < RECOVERY_MS) {
    if (await ask().catch(() => false)) return performance.now() - started;
    await systemClock.sleep(50);
  }
  throw new Error(`It did not recover within ${RECOVERY_MS / 1000} s`);
}

export const KILL_CASES = [
  {
    name: 'the server works on the production profile, and serves while PostgreSQL is killed',
    run: () =>
      withServer(async (api, url) => {
        const id = `r${crypto.randomUUID()}`;
        assert.equal((await send(`${api}/runs`, 'POST', newRun(id))).status, 201);
        const append = (seq: number) =>
          send(`${api}/runs/${id}/events`, 'POST', { events: notices(seq, seq) });
        assert.equal((await append(0)).status, 202);
        const ready = await (await fetch(`${url}readyz`)).json();
        assert.deepEqual([ready.status, ready.profile], ['ready', 'production']);
        const stats = await (await fetch(`${url}internal/database/stats`)).json();
        assert.deepEqual([stats.engine, stats.status], ['postgresql', 'healthy']);

        await engine('postgres', 'kill');
        const refused = await append(1);
        assert.equal(refused.status, 503, refused.text);
        assert.ok(refused.retryAfter);
        assert.equal((await fetch(`${url}healthz`)).status, 200);
        const failed = await (await fetch(`${url}readyz`)).json();
        assert.equal(failed.status, 'failed');
        // Messages and jobs do not need it.
        const published = await send(`${api}/topics/t/messages`, 'POST', { body: 1 });
        assert.equal(published.status, 202, published.text);
        await engine('postgres', 'start');
        const ms = await recovery(async () => (await append(1)).status === 202);
        const stored = await (await fetch(`${api}/runs/${id}`)).json();
        assert.equal(stored.accepted_through, 1);
        console.log(`    PostgreSQL: ${Math.round(ms)} ms after its return`);
      }),
  },
  {
    name: 'records go on while Redis is killed, and messages are there when it returns',
    run: () =>
      withServer(async (api) => {
        const topic = `t${Date.now()}`;
        const publish = (body: number) => send(`${api}/topics/${topic}/messages`, 'POST', { body });
        for (const n of [0, 1, 2]) assert.equal((await publish(n)).status, 202);
        const spec = { kind: 'shader', wgsl: `// ${topic}\n` };
        assert.equal((await send(`${api}/jobs`, 'POST', spec)).status, 201);
        await engine('redis', 'kill');
        const refused = await publish(3);
        assert.equal(refused.status, 503, refused.text);
        const job = await send(`${api.replace('/api/v1', '')}/internal/v1/jobs/claim`, 'POST', {
          worker: 'w',
          kinds: ['shader'],
        });
        assert.equal(job.status, 503, job.text);
        const run = await send(`${api}/runs`, 'POST', newRun(`r${crypto.randomUUID()}`));
        assert.equal(run.status, 201, run.text);
        await engine('redis', 'start');
        const ms = await recovery(async () => (await publish(3)).status === 202);
        const page = await (await fetch(`${api}/topics/${topic}/messages`)).json();
        assert.deepEqual(
          page.items.map(({ body }: { body: number }) => body),
          [0, 1, 2, 3],
        );
        const claimMs = await recovery(async () => {
          const claim = await send(`${api.replace('/api/v1', '')}/internal/v1/jobs/claim`, 'POST', {
            worker: 'w',
            kinds: ['shader'],
          });
          return claim.status === 200;
        });
        console.log(`    Redis: messages ${Math.round(ms)} ms, jobs ${Math.round(claimMs)} ms`);
      }),
  },
  {
    name: 'everything but blobs goes on while the object store is killed',
    run: () =>
      withServer(async (api, url) => {
        const bytes = crypto.getRandomValues(new Uint8Array(5000));
        const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
        const digest = [...hash].map((b) => b.toString(16).padStart(2, '0')).join('');
        const put = () => send(`${api}/blobs/${digest}`, 'PUT', bytes);
        assert.equal((await put()).status, 201);
        await engine('s3', 'kill');
        const refused = await put();
        assert.equal(refused.status, 503, refused.text);
        const run = await send(`${api}/runs`, 'POST', newRun(`r${crypto.randomUUID()}`));
        assert.equal(run.status, 201, run.text);
        for (let i = 0; i < 4; i++) await put();
        const { services } = await (await fetch(`${url}readyz`)).json();
        assert.equal(services[0].name, 's3');
        assert.equal(services[0].breaker, 'open');
        await engine('s3', 'start');
        const ms = await recovery(async () => (await put()).status === 200);
        const read = await fetch(`${api}/blobs/${digest}`);
        assert.deepEqual(new Uint8Array(await read.arrayBuffer()), bytes);
        console.log(`    object store: ${Math.round(ms)} ms after its return`);
      }),
  },
];
