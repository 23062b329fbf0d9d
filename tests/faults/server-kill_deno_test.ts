/**
 * The server is killed while it works: what it acknowledged must be there afterwards. Ten kills by
 * default.
 *
 *   ESPER_KILLS=200 npx deno test -A tests/faults/server-kill_deno_test.ts   more of them
 */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '#shared/base/canonical.ts';
import { RandomStream } from '#shared/base/random.ts';
import { startServer } from '../server/server-process.ts';
import { newRun, notices } from '../server/test-app.ts';

const KILLS = Number(Deno.env.get('ESPER_KILLS') ?? 10);
const SEED = 1;

/** Runs requests until one fails, as it does once the server is dead. */
async function untilDead(request: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await request();
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return;
    }
  }
}

Deno.test(`kill -9, ${KILLS} times, loses no acknowledged event and no acknowledged blob`, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'esper-kill-'));
  const random = new RandomStream(SEED, 'kill');
  const blobs: string[] = [];
  let acknowledged = -1;
  let posts = 0;
  try {
    for (let round = 0; round <= KILLS; round++) {
      const server = await startServer(dir);
      const api = `${server.url}api/v1`;
      const json = { 'content-type': 'application/json' };

      // What was acknowledged before the kill.
      if (round > 0) {
        const run = await (await fetch(`${api}/runs/r`)).json();
        assert.ok(
          run.accepted_through >= acknowledged,
          `kill ${round}: ${acknowledged} was acknowledged, ${run.accepted_through} is stored`,
        );
        const after = Math.max(-1, run.accepted_through - 500);
        const page = await (await fetch(`${api}/runs/r/events?after=${after}`)).json();
        assert.deepEqual(
          page.items.map((event: { message: string }) => event.message),
          notices(after + 1, run.accepted_through).map(({ message }) => message),
        );
        acknowledged = run.accepted_through;
        for (const sha256 of blobs.slice(-20)) {
          const response = await fetch(`${api}/blobs/${sha256}`);
          assert.equal(response.status, 200, `kill ${round}: blob ${sha256} is gone`);
          assert.equal(await sha256Hex(new Uint8Array(await response.arrayBuffer())), sha256);
        }
        const files = await readdir(join(dir, 'blobs'), { recursive: true });
        assert.deepEqual(
          files.filter((file) => file.includes('.tmp-')),
          [],
        );
      } else {
        const created = await fetch(`${api}/runs`, {
          method: 'POST',
          headers: json,
          body: JSON.stringify(newRun('r')),
        });
        assert.equal(created.status, 201);
        await created.body?.cancel();
      }
      if (round === KILLS) {
        await server.kill('SIGKILL');
        break;
      }

      const postEvents = untilDead(async () => {
        const events = notices(acknowledged + 1, acknowledged + 1 + random.integer(20));
        const response = await fetch(`${api}/runs/r/events`, {
          method: 'POST',
          headers: json,
          body: JSON.stringify({ events }),
        });
        const answer = await response.json();
        assert.equal(response.status, 202, JSON.stringify(answer));
        acknowledged = answer.accepted_through;
        posts++;
      });
      const putBlobs = untilDead(async () => {
        const bytes = crypto.getRandomValues(new Uint8Array(20_000));
        const sha256 = await sha256Hex(bytes);
        const response = await fetch(`${api}/blobs/${sha256}`, { method: 'PUT', body: bytes });
        await response.body?.cancel();
        assert.equal(response.status, 201);
        blobs.push(sha256);
      });
      await new Promise((resolve) => setTimeout(resolve, 100 + random.integer(300)));
      await server.kill('SIGKILL');
      await Promise.all([postEvents, putBlobs]);
      if ((round + 1) % 50 === 0) {
        console.log(`    ${round + 1} kills, ${acknowledged + 1} events, ${blobs.length} blobs`);
      }
    }
    assert.ok(posts > KILLS, `only ${posts} posts were acknowledged: the test did not test`);
    console.log(`    ${posts} posts to event ${acknowledged}, ${blobs.length} blobs`);
  } finally {
    await rm(dir, { recursive: true });
  }
});
