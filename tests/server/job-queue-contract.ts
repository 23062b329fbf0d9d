/** What every JobQueue must do: memory, SQLite, PostgreSQL and BullMQ run the same cases. */
import assert from 'node:assert/strict';
import type { JobQueue, NewJob } from '../../server/storage/job-port.ts';

export interface JobQueueSetup {
  queue: JobQueue;
  /** Lets that much time pass for the queue: a manual clock, or a real wait. */
  pass(ms: number): Promise<void>;
  /** Shortest lease the queue tells apart reliably, milliseconds. */
  leaseMs: number;
}

export interface JobQueueCase {
  name: string;
  run(setup: JobQueueSetup): Promise<void>;
}

const jobId = (n: number) => `sha256-${String(n).padStart(64, '0')}`;
const job = (n: number, kind: NewJob['kind'] = 'compile'): NewJob => ({
  id: jobId(n),
  kind,
  spec: JSON.stringify({ kind, n }),
  maxTries: 3,
});

const claim = (queue: JobQueue, leaseMs: number, worker = 'w') =>
  queue.claim({ kinds: ['compile', 'experiment'], worker, leaseMs });

async function claimed(queue: JobQueue, leaseMs: number, worker = 'w') {
  const found = await claim(queue, leaseMs, worker);
  assert.ok(found, 'no job to claim');
  return found;
}

export const JOB_QUEUE_CONTRACT: readonly JobQueueCase[] = [
  {
    name: 'takes a job once and gives it back whole',
    async run({ queue }) {
      assert.equal(await queue.enqueue(job(1)), 'created');
      assert.equal(await queue.enqueue(job(1)), 'exists');
      const stored = await queue.get(jobId(1));
      assert.deepEqual(stored && { ...stored, position: 0, createdAt: 0, updatedAt: 0 }, {
        ...job(1),
        position: 0,
        state: 'queued',
        tries: 0,
        worker: null,
        progress: null,
        result: null,
        error: null,
        cancelRequested: false,
        createdAt: 0,
        updatedAt: 0,
      });
      assert.equal(await queue.get(jobId(2)), null);
    },
  },
  {
    name: 'gives the oldest job of the kinds asked for, to one worker',
    async run({ queue, leaseMs }) {
      await queue.enqueue(job(1, 'shader'));
      for (const n of [2, 3, 4]) await queue.enqueue(job(n));
      const given = await Promise.all([1, 2, 3, 4].map((n) => claim(queue, leaseMs, `w${n}`)));
      const ids = given.filter((c) => c !== null).map((c) => c.job.id);
      assert.deepEqual(ids.sort(), [jobId(2), jobId(3), jobId(4)]);
      assert.equal(new Set(given.map((c) => c?.fence)).size, 4);
    },
  },
  {
    name: 'keeps progress while the lease is renewed, and the result at the end',
    async run({ queue, leaseMs, pass }) {
      await queue.enqueue(job(1));
      const { fence } = await claimed(queue, leaseMs, 'w1');
      for (let i = 0; i < 3; i++) {
        await pass(leaseMs * 0.6);
        const answer = await queue.renew(
          jobId(1),
          fence,
          leaseMs,
          JSON.stringify({ share: i / 4 }),
        );
        assert.deepEqual(answer, { cancelRequested: false });
      }
      const running = await queue.get(jobId(1));
      assert.equal(running?.state, 'running');
      assert.equal(running?.worker, 'w1');
      assert.equal(running?.progress, JSON.stringify({ share: 0.5 }));
      assert.equal(await queue.complete(jobId(1), fence, '{"ok":true}'), 'ok');
      const done = await queue.get(jobId(1));
      assert.equal(done?.state, 'done');
      assert.equal(done?.result, '{"ok":true}');
      assert.equal(await queue.complete(jobId(1), fence, '{}'), 'lost');
      assert.equal(await claim(queue, leaseMs), null);
    },
  },
  {
    name: 'gives a job whose lease ran out to another, and refuses the first worker from then on',
    async run({ queue, leaseMs, pass }) {
      await queue.enqueue(job(1));
      const first = await claimed(queue, leaseMs, 'zombie');
      await pass(leaseMs * 1.5);
      const second = await claimed(queue, leaseMs * 10, 'other');
      assert.equal(second.job.id, jobId(1));
      assert.equal(second.job.tries, 2);
      assert.notEqual(second.fence, first.fence);
      assert.equal(await queue.holds(jobId(1), first.fence), false);
      assert.equal(await queue.holds(jobId(1), second.fence), true);
      assert.equal(await queue.holds(jobId(2), second.fence), false);
      assert.equal(await queue.renew(jobId(1), first.fence, leaseMs, null), 'lost');
      assert.equal(await queue.complete(jobId(1), first.fence, '"late"'), 'lost');
      assert.equal(await queue.fail(jobId(1), first.fence, 'late', true), 'lost');
      assert.equal(await queue.complete(jobId(1), second.fence, '"right"'), 'ok');
      assert.equal(await queue.holds(jobId(1), second.fence), false);
      assert.equal((await queue.get(jobId(1)))?.result, '"right"');
    },
  },
  {
    name: 'refuses a worker whose lease ran out even if nobody else came',
    async run({ queue, leaseMs, pass }) {
      await queue.enqueue(job(1));
      const { fence } = await claimed(queue, leaseMs);
      await pass(leaseMs * 1.5);
      assert.equal(await queue.holds(jobId(1), fence), false);
      assert.equal(await queue.renew(jobId(1), fence, leaseMs, null), 'lost');
      assert.equal((await queue.get(jobId(1)))?.state, 'queued');
    },
  },
  {
    name: 'sets a job aside after three failures while others flow',
    async run({ queue, leaseMs }) {
      await queue.enqueue(job(1));
      for (let tries = 1; tries <= 3; tries++) {
        const { job: taken, fence } = await claimed(queue, leaseMs);
        assert.equal(taken.tries, tries);
        assert.equal(await queue.fail(taken.id, fence, `boom ${tries}`, true), 'ok');
      }
      const dead = await queue.get(jobId(1));
      assert.equal(dead?.state, 'dead');
      assert.equal(dead?.error, 'boom 3');
      await queue.enqueue(job(2));
      const next = await claimed(queue, leaseMs);
      assert.equal(next.job.id, jobId(2));
      await queue.complete(jobId(2), next.fence, '{}');
    },
  },
  {
    name: 'sets a job aside at once when another try would fail the same way',
    async run({ queue, leaseMs }) {
      await queue.enqueue(job(1));
      const { fence } = await claimed(queue, leaseMs);
      await queue.fail(jobId(1), fence, 'no such host', false);
      assert.equal((await queue.get(jobId(1)))?.state, 'dead');
    },
  },
  {
    name: 'sets a job aside whose workers vanish three times, without anybody asking for it',
    async run({ queue, leaseMs, pass }) {
      await queue.enqueue(job(1));
      for (let tries = 1; tries <= 3; tries++) {
        await claimed(queue, leaseMs);
        await pass(leaseMs * 1.5);
        assert.equal(await queue.sweep(), 1);
      }
      const dead = await queue.get(jobId(1));
      assert.equal(dead?.state, 'dead');
      assert.match(dead?.error ?? '', /went away/);
      assert.equal(await claim(queue, leaseMs), null);
    },
  },
  {
    name: 'cancels a waiting job at once and a running one through its worker',
    async run({ queue, leaseMs }) {
      await queue.enqueue(job(1));
      assert.equal((await queue.cancel(jobId(1)))?.state, 'cancelled');
      await queue.enqueue(job(2));
      const { job: taken, fence } = await claimed(queue, leaseMs);
      assert.equal(taken.id, jobId(2));
      assert.equal((await queue.cancel(jobId(2)))?.cancelRequested, true);
      const answer = await queue.renew(jobId(2), fence, leaseMs, null);
      assert.deepEqual(answer, { cancelRequested: true });
      assert.equal(await queue.release(jobId(2), fence, true), 'ok');
      assert.equal((await queue.get(jobId(2)))?.state, 'cancelled');
      assert.equal(await queue.cancel(jobId(3)), null);
    },
  },
  {
    name: 'does not try a cancelled job again when its worker fails or vanishes',
    async run({ queue, leaseMs, pass }) {
      for (const n of [1, 2]) await queue.enqueue(job(n));
      const first = await claimed(queue, leaseMs);
      const second = await claimed(queue, leaseMs);
      for (const n of [1, 2]) await queue.cancel(jobId(n));
      await queue.fail(first.job.id, first.fence, 'stopped', true);
      await pass(leaseMs * 1.5);
      await queue.sweep();
      for (const { job: taken } of [first, second]) {
        assert.equal((await queue.get(taken.id))?.state, 'cancelled');
      }
    },
  },
  {
    name: 'takes a job back from a worker that stops, without counting the try',
    async run({ queue, leaseMs }) {
      await queue.enqueue(job(1));
      const first = await claimed(queue, leaseMs);
      assert.equal(await queue.release(jobId(1), first.fence, false), 'ok');
      const second = await claimed(queue, leaseMs);
      assert.equal(second.job.tries, 1);
    },
  },
  {
    name: 'gives a dead or cancelled job its tries back on request',
    async run({ queue, leaseMs }) {
      await queue.enqueue(job(1));
      const { fence } = await claimed(queue, leaseMs);
      await queue.fail(jobId(1), fence, 'boom', false);
      const again = await queue.retry(jobId(1));
      assert.equal(again?.state, 'queued');
      assert.equal(again?.tries, 0);
      const second = await claimed(queue, leaseMs);
      await queue.complete(jobId(1), second.fence, '{}');
      assert.equal((await queue.retry(jobId(1)))?.state, 'done');
      assert.equal(await queue.retry(jobId(9)), null);
    },
  },
  {
    name: 'lists newest first by state and kind, and counts',
    async run({ queue, leaseMs }) {
      for (const n of [1, 2, 3]) await queue.enqueue(job(n));
      await queue.enqueue(job(4, 'experiment'));
      const { job: taken, fence } = await claimed(queue, leaseMs);
      await queue.complete(taken.id, fence, '{}');
      const all = await queue.list({ before: null, limit: 2 });
      assert.deepEqual(
        all.map(({ id }) => id),
        [jobId(4), jobId(3)],
      );
      const rest = await queue.list({ before: all[1]?.position ?? 0, limit: 9 });
      assert.deepEqual(
        rest.map(({ id }) => id),
        [jobId(2), jobId(1)],
      );
      const queued = await queue.list({ before: null, limit: 9, state: 'queued', kind: 'compile' });
      assert.deepEqual(
        queued.map(({ id }) => id),
        [jobId(3), jobId(2)],
      );
      assert.deepEqual(await queue.counts(), {
        queued: 3,
        running: 0,
        done: 1,
        dead: 0,
        cancelled: 0,
      });
    },
  },
  {
    name: 'tells an unknown job from a lost lease',
    async run({ queue, leaseMs }) {
      assert.equal(await queue.renew(jobId(1), 'f', leaseMs, null), 'unknown');
      assert.equal(await queue.complete(jobId(1), 'f', '{}'), 'unknown');
      await queue.enqueue(job(1));
      assert.equal(await queue.complete(jobId(1), 'f', '{}'), 'lost');
    },
  },
];
