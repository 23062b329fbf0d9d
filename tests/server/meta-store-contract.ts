/** What every MetaStore must do; run on memory by Vitest and on SQLite by Deno. */
import assert from 'node:assert/strict';
import type {
  AppendRequest,
  ContentRecord,
  MetaStore,
  StoredEvent,
} from '../../server/storage/ports.ts';

export interface ContractCase {
  name: string;
  run(store: MetaStore): Promise<void>;
}

const record = (id: string, parent: string | null = null, variant: string | null = null) =>
  ({ id, parent, variant, body: `{"id":"${id}"}`, createdAt: 7 }) satisfies ContentRecord;

const event = (seq: number, text = 'x', isFinish = false): StoredEvent => ({
  seq,
  body: JSON.stringify({ seq, text }),
  isFinish,
});

const events = (from: number, to: number): StoredEvent[] =>
  Array.from({ length: to - from + 1 }, (_, i) => event(from + i));

const request = (list: StoredEvent[], rewindTo: number | null = null): AppendRequest => ({
  events: list,
  rewindTo,
  now: 9,
});

const newRun = (id: string, body = '{}') => ({ id, body, createdAt: 5 });

export const META_STORE_CONTRACT: readonly ContractCase[] = [
  {
    name: 'stores a record once and gives it back whole',
    async run({ blueprints }) {
      assert.equal(await blueprints.put(record('a', 'p', 'v')), 'created');
      assert.equal(await blueprints.put({ ...record('a'), body: '"other"' }), 'exists');
      const stored = await blueprints.get('a');
      assert.deepEqual({ ...stored, position: 0 }, { ...record('a', 'p', 'v'), position: 0 });
      assert.equal(await blueprints.get('b'), null);
    },
  },
  {
    name: 'lets one of twenty simultaneous registrations create',
    async run({ kernels }) {
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => kernels.put(record('same'))),
      );
      assert.equal(outcomes.filter((outcome) => outcome === 'created').length, 1);
      assert.equal((await kernels.list({ after: 0, limit: 10 })).length, 1);
    },
  },
  {
    name: 'keeps the kinds of records apart',
    async run({ blueprints, kernels }) {
      await blueprints.put(record('a'));
      assert.equal(await kernels.get('a'), null);
      assert.equal(await kernels.put(record('a')), 'created');
    },
  },
  {
    name: 'pages without repeats or holes while records are inserted',
    async run({ kernels }) {
      for (let i = 0; i < 7; i++) await kernels.put(record(`k${i}`));
      const seen: string[] = [];
      let after = 0;
      for (let page = 0; page < 20; page++) {
        const items = await kernels.list({ after, limit: 3 });
        if (items.length === 0) break;
        seen.push(...items.map(({ id }) => id));
        after = items.at(-1)?.position ?? after;
        if (page < 3) await kernels.put(record(`new${page}`));
      }
      assert.deepEqual(seen, [
        ...Array.from({ length: 7 }, (_, i) => `k${i}`),
        ...Array.from({ length: 3 }, (_, i) => `new${i}`),
      ]);
    },
  },
  {
    name: 'filters by parent and variant',
    async run({ kernels }) {
      await kernels.put(record('a', 'p1', 'v1'));
      await kernels.put(record('b', 'p1', 'v2'));
      await kernels.put(record('c', 'p2', 'v1'));
      const ids = async (filter: { parent?: string; variant?: string }) =>
        (await kernels.list({ after: 0, limit: 9, ...filter })).map(({ id }) => id);
      assert.deepEqual(await ids({ parent: 'p1' }), ['a', 'b']);
      assert.deepEqual(await ids({ variant: 'v1' }), ['a', 'c']);
      assert.deepEqual(await ids({ parent: 'p1', variant: 'v2' }), ['b']);
      assert.deepEqual(await ids({ parent: "p1' OR 1=1 --" }), []);
    },
  },
  {
    name: 'filters by the key in the body',
    async run({ kernels }) {
      const keyed = (id: string, key: string) => ({
        ...record(id, 'p1'),
        body: JSON.stringify({ id, key }),
      });
      await kernels.put(record('a', 'p1'));
      await kernels.put(keyed('b', 'k1'));
      await kernels.put(keyed('c', 'k2'));
      const ids = async (key: string) =>
        (await kernels.list({ after: 0, limit: 9, key })).map(({ id }) => id);
      assert.deepEqual(await ids('k1'), ['b']);
      assert.deepEqual(await ids("k1' OR 1=1 --"), []);
    },
  },
  {
    name: 'lets a run be registered with other settings where they replace the first',
    async run({ runs }) {
      await runs.create(newRun('r'));
      await runs.append('r', { events: [event(0)], rewindTo: null, now: 5 });
      assert.equal(await runs.create(newRun('r', '{"x":1}'), true), 'exists');
      const run = await runs.get('r');
      assert.equal(run?.body, '{"x":1}');
      assert.equal(run?.acceptedThrough, 0);
      assert.equal(await runs.create(newRun('s'), true), 'created');
    },
  },
  {
    name: 'registers a run once and refuses another under its id',
    async run({ runs }) {
      assert.equal(await runs.create(newRun('r')), 'created');
      assert.equal(await runs.create(newRun('r')), 'exists');
      assert.equal(await runs.create(newRun('r', '{"x":1}')), 'conflict');
      const run = await runs.get('r');
      assert.deepEqual(
        { ...run, position: 0 },
        {
          ...newRun('r'),
          position: 0,
          updatedAt: null,
          acceptedThrough: -1,
          epoch: 0,
          finished: null,
        },
      );
    },
  },
  {
    name: 'lists runs newest first, page by page',
    async run({ runs }) {
      for (let i = 0; i < 5; i++) await runs.create(newRun(`r${i}`));
      const first = await runs.list({ before: null, limit: 2 });
      assert.deepEqual(
        first.map(({ id }) => id),
        ['r4', 'r3'],
      );
      await runs.create(newRun('later'));
      const second = await runs.list({ before: first[1]?.position ?? 0, limit: 9 });
      assert.deepEqual(
        second.map(({ id }) => id),
        ['r2', 'r1', 'r0'],
      );
    },
  },
  {
    name: 'appends in order, takes repeats, refuses gaps',
    async run({ runs }) {
      await runs.create(newRun('r'));
      const first = await runs.append('r', request(events(0, 4)));
      assert.deepEqual(first, { outcome: 'accepted', acceptedThrough: 4 });
      const repeated = await runs.append('r', request(events(2, 7)));
      assert.deepEqual(repeated, { outcome: 'accepted', acceptedThrough: 7 });
      const gap = await runs.append('r', request(events(9, 9)));
      assert.deepEqual(gap, { outcome: 'gap', acceptedThrough: 7 });
      const stored = await runs.read('r', -1, 100);
      assert.deepEqual(stored?.events, events(0, 7));
      assert.equal(stored?.run.updatedAt, 9);
      assert.deepEqual(await runs.append('none', request(events(0, 0))), {
        outcome: 'unknown-run',
      });
    },
  },
  {
    name: 'refuses other content under a stored number, whole batch',
    async run({ runs }) {
      await runs.create(newRun('r'));
      await runs.append('r', request(events(0, 3)));
      const result = await runs.append('r', request([event(3, 'other'), event(4)]));
      assert.deepEqual(result, { outcome: 'conflict', acceptedThrough: 3, seq: 3 });
      assert.equal((await runs.read('r', -1, 100))?.events.length, 4);
    },
  },
  {
    name: 'takes an event that differs in wall-clock time only for the same',
    async run({ runs }) {
      await runs.create(newRun('r'));
      const at = (time: number) => [{ seq: 0, isFinish: false, body: `{"seq":0,"time":${time}}` }];
      await runs.append('r', request(at(1)));
      const again = await runs.append('r', request(at(2)));
      assert.equal(again.outcome, 'accepted');
      assert.equal((await runs.read('r', -1, 1))?.events[0]?.body, '{"seq":0,"time":1}');
    },
  },
  {
    name: 'rewinds: drops, appends, and tells readers by the epoch',
    async run({ runs }) {
      await runs.create(newRun('r'));
      await runs.append('r', request([...events(0, 4), event(5, 'end', true)]));
      assert.equal((await runs.get('r'))?.finished, event(5, 'end').body);
      const result = await runs.append('r', request([event(2, 'second try')], 2));
      assert.deepEqual(result, { outcome: 'accepted', acceptedThrough: 2 });
      const after = await runs.read('r', -1, 100);
      assert.deepEqual(after?.events, [event(0), event(1), event(2, 'second try')]);
      assert.equal(after?.run.epoch, 1);
      assert.equal(after?.run.finished, null);
      const nothingToDrop = await runs.append('r', request([event(3)], 3));
      assert.equal(nothingToDrop.outcome, 'accepted');
      assert.equal((await runs.get('r'))?.epoch, 1);
    },
  },
  {
    name: 'reads a bounded number of events after a position',
    async run({ runs }) {
      await runs.create(newRun('r'));
      await runs.append('r', request(events(0, 9)));
      assert.deepEqual((await runs.read('r', 3, 2))?.events, events(4, 5));
      assert.deepEqual((await runs.read('r', 9, 2))?.events, []);
      assert.equal(await runs.read('none', -1, 1), null);
    },
  },
  {
    name: 'counts what it holds',
    async run(store) {
      await store.blueprints.put(record('a'));
      await store.runs.create(newRun('r'));
      await store.runs.append('r', request(events(0, 9)));
      const stats = await store.stats();
      assert.deepEqual(stats.records, { blueprints: 1, kernels: 0, runs: 1, events: 10 });
      assert.equal(stats.status, 'healthy');
      await store.ping();
    },
  },
  {
    name: 'changes a document only for who knows its version',
    async run({ documents }) {
      const put = (body: string, expected: number) => documents.put('s', 'n', body, expected, 5);
      assert.equal((await put('1', 1)).outcome, 'conflict');
      assert.deepEqual(await put('1', 0), {
        outcome: 'created',
        document: { name: 'n', body: '1', version: 1, updatedAt: 5 },
      });
      const race = await Promise.all(Array.from({ length: 10 }, (_, i) => put(String(i), 1)));
      assert.equal(race.filter(({ outcome }) => outcome === 'updated').length, 1);
      const stored = await documents.get('s', 'n');
      assert.equal(stored?.version, 2);
      assert.deepEqual(await put('x', 1), { outcome: 'conflict', document: stored });
      assert.equal(await documents.get('other', 'n'), null);
    },
  },
  {
    name: 'lists the documents of a space by name',
    async run({ documents }) {
      for (const name of ['b', 'a', 'c', 'd']) await documents.put('s', name, '{}', 0, 1);
      await documents.put('t', 'bb', '{}', 0, 1);
      const names = async (after: string | null) =>
        (await documents.list('s', after, 2)).map(({ name }) => name);
      assert.deepEqual(await names(null), ['a', 'b']);
      assert.deepEqual(await names('b'), ['c', 'd']);
    },
  },
  {
    name: 'keeps decisions and the first outcome of each',
    async run({ decisions }) {
      const decision = (n: number) => ({
        id: `d${n}`,
        runId: n < 3 ? 'r' : 'q',
        step: n,
        body: '{}',
        createdAt: 4,
      });
      for (const n of [1, 2, 3]) assert.equal(await decisions.put(decision(n)), 'created');
      assert.equal(await decisions.put(decision(1)), 'exists');
      assert.equal(await decisions.setOutcome('d1', 'x'), 'created');
      assert.equal(await decisions.setOutcome('d1', 'x'), 'exists');
      assert.equal(await decisions.setOutcome('d1', 'y'), 'conflict');
      assert.equal(await decisions.setOutcome('d9', 'y'), 'unknown');
      assert.equal((await decisions.get('d1'))?.outcome, 'x');
      assert.equal((await decisions.get('d2'))?.outcome, null);
      const ids = async (runId?: string) =>
        (await decisions.list({ before: null, limit: 2, runId })).map(({ id }) => id);
      assert.deepEqual(await ids(), ['d3', 'd2']);
      assert.deepEqual(await ids('r'), ['d2', 'd1']);
    },
  },
  {
    name: 'lets one of several requests with one key begin, and repeats its answer',
    async run({ keys }) {
      const begin = (digest = 'd', now = 100) => keys.begin('k', digest, now, 1000);
      const race = await Promise.all([begin(), begin(), begin()]);
      assert.deepEqual(race.map(({ state }) => state).sort(), ['in-flight', 'in-flight', 'new']);
      assert.deepEqual(await begin('other'), { state: 'mismatch' });
      // Its server was killed.
      assert.deepEqual(await begin('d', 1100), { state: 'new' });
      await keys.finish('k', 'answer');
      assert.deepEqual(await begin(), { state: 'done', answer: 'answer' });
      await keys.abandon('k');
      assert.deepEqual(await begin(), { state: 'done', answer: 'answer' });
      assert.equal(await keys.sweep(1101), 1);
      assert.deepEqual(await begin(), { state: 'new' });
      await keys.abandon('k');
      assert.deepEqual(await begin('other'), { state: 'new' });
    },
  },
];
