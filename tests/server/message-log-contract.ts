/** What every MessageLog must do: memory, SQLite, PostgreSQL and Redis run the same cases. */
import assert from 'node:assert/strict';
import type { MessageLog } from '../../server/storage/message-port.ts';

/** Order of two ids of one log: `12`, or `1700000000000-3`. */
function compareIds(a: string, b: string): number {
  const [a1 = 0n, a2 = 0n] = a.split('-').map(BigInt);
  const [b1 = 0n, b2 = 0n] = b.split('-').map(BigInt);
  if (a1 !== b1) return a1 < b1 ? -1 : 1;
  return a2 === b2 ? 0 : a2 < b2 ? -1 : 1;
}

export interface MessageLogSetup {
  log: MessageLog;
  pass(ms: number): Promise<void>;
  /** Shortest lease the log tells apart reliably, milliseconds. */
  leaseMs: number;
}

export interface MessageLogCase {
  name: string;
  run(setup: MessageLogSetup): Promise<void>;
}

/** What the cases need of the log's settings. */
export const CONTRACT_LIMITS = { maxLength: 300, maxDeliveries: 3 };

const publishAll = async (log: MessageLog, topic: string, count: number) => {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push(await log.publish(topic, `k${n % 2}`, String(n)));
  return ids;
};

const bodies = (messages: readonly { body: string }[]) => messages.map(({ body }) => Number(body));

export const MESSAGE_LOG_CONTRACT: readonly MessageLogCase[] = [
  {
    name: 'keeps messages in order of publishing, topics apart',
    async run({ log }) {
      assert.equal(await log.latest('a'), null);
      const ids = await publishAll(log, 'a', 5);
      await log.publish('b', '', '"other"');
      const read = await log.read('a', null, 100);
      assert.deepEqual(
        read.map(({ id, key, body }) => ({ id, key, body })),
        ids.map((id, n) => ({ id, key: `k${n % 2}`, body: String(n) })),
      );
      assert.equal(await log.latest('a'), ids[4]);
      assert.deepEqual(await log.read('c', null, 100), []);
    },
  },
  {
    name: 'reads on after a cursor, without gap or repeat, while messages arrive',
    async run({ log }) {
      let cursor: string | null = null;
      const seen: number[] = [];
      for (let round = 0; round < 4; round++) {
        for (let n = 0; n < 3; n++) await log.publish('a', '', String(round * 3 + n));
        const page = await log.read('a', cursor, 2);
        seen.push(...bodies(page));
        cursor = page.at(-1)?.id ?? cursor;
      }
      seen.push(...bodies(await log.read('a', cursor, 100)));
      assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    },
  },
  {
    name: 'gives ids that rise, also for simultaneous publishers',
    async run({ log }) {
      await Promise.all(Array.from({ length: 20 }, (_, n) => log.publish('a', '', String(n))));
      const ids = (await log.read('a', null, 100)).map(({ id }) => id);
      assert.equal(ids.length, 20);
      assert.deepEqual([...ids].sort(compareIds), ids);
      assert.equal(new Set(ids).size, 20);
    },
  },
  {
    name: 'shares a topic among the members of a group, and gives all of it to each group',
    async run({ log }) {
      await publishAll(log, 'a', 6);
      const first = await log.receive('a', 'g', { consumer: 'c1', limit: 4, leaseMs: 60_000 });
      const second = await log.receive('a', 'g', { consumer: 'c2', limit: 4, leaseMs: 60_000 });
      assert.deepEqual(bodies(first), [0, 1, 2, 3]);
      assert.deepEqual(bodies(second), [4, 5]);
      const other = await log.receive('a', 'h', { consumer: 'c1', limit: 9, leaseMs: 60_000 });
      assert.deepEqual(bodies(other), [0, 1, 2, 3, 4, 5]);
      assert.ok([...first, ...second, ...other].every(({ deliveries }) => deliveries === 1));
    },
  },
  {
    name: 'delivers again what a member did not acknowledge in time, before what is new',
    async run({ log, leaseMs, pass }) {
      await publishAll(log, 'a', 3);
      const given = await log.receive('a', 'g', { consumer: 'dead', limit: 2, leaseMs });
      assert.equal(await log.acknowledge('a', 'g', [given[0]?.id ?? '']), 1);
      assert.equal(await log.acknowledge('a', 'g', [given[0]?.id ?? '']), 0);
      await pass(leaseMs * 1.5);
      const again = await log.receive('a', 'g', { consumer: 'alive', limit: 9, leaseMs });
      assert.deepEqual(bodies(again), [1, 2]);
      assert.deepEqual(
        again.map(({ deliveries }) => deliveries),
        [2, 1],
      );
      const ids = again.map(({ id }) => id);
      assert.equal(await log.acknowledge('a', 'g', ids), 2);
      await pass(leaseMs * 1.5);
      assert.deepEqual(await log.receive('a', 'g', { consumer: 'alive', limit: 9, leaseMs }), []);
    },
  },
  {
    name: 'gives up what was delivered too often, and goes on',
    async run({ log, leaseMs, pass }) {
      await log.publish('a', 'poison', '0');
      for (let count = 1; count <= CONTRACT_LIMITS.maxDeliveries; count++) {
        const given = await log.receive('a', 'g', { consumer: 'c', limit: 9, leaseMs });
        assert.deepEqual(
          given.map(({ deliveries }) => deliveries),
          [count],
        );
        await pass(leaseMs * 1.5);
      }
      await log.publish('a', '', '1');
      const next = await log.receive('a', 'g', { consumer: 'c', limit: 9, leaseMs });
      assert.deepEqual(bodies(next), [1]);
      const dead = await log.dead('a', 'g', 9);
      assert.deepEqual(bodies(dead), [0]);
      assert.equal(dead[0]?.key, 'poison');
      assert.equal(dead[0]?.deliveries, CONTRACT_LIMITS.maxDeliveries);
      assert.deepEqual(await log.dead('a', 'h', 9), []);
    },
  },
  {
    name: 'keeps a bounded number of messages, the newest',
    async run({ log }) {
      const { maxLength } = CONTRACT_LIMITS;
      await publishAll(log, 'a', maxLength * 2);
      const kept = bodies(await log.read('a', null, maxLength * 2));
      assert.ok(kept.length >= maxLength, `${kept.length} are kept`);
      assert.ok(kept.length <= maxLength * 1.5, `${kept.length} are kept`);
      assert.equal(kept.at(-1), maxLength * 2 - 1);
    },
  },
];
