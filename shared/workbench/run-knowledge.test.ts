import { describe, expect, it } from 'vitest';
import { canonicalJson, sha256Hex } from '../base/canonical.ts';
import { knowledgePath, type PolicyKnowledge } from '../contracts/knowledge.ts';
import { PolicySpec } from '../contracts/policy.ts';
import { MemoryBlobStorage, memoryRunStorage } from '../platform/memory.ts';
import type { ServiceRequest } from '../resilience/service-client-options.ts';
import { ServiceError } from '../resilience/service-error.ts';
import { EMPTY_KNOWLEDGE, FEATURES } from '../tamiyo/bandit.ts';
import { parseEvent } from '../tolaria/run-log.ts';
import { finishRun, moons, testBench } from './_test-bench.ts';
import {
  type KnowledgeStore,
  knowledgeDigest,
  localKnowledge,
  serverKnowledge,
} from './knowledge-store.ts';
import { openRun } from './open-run.ts';
import { readKnowledge } from './run-knowledge.ts';

const D = FEATURES.length;
const knowledge = (pulls: number): PolicyKnowledge => ({
  ...EMPTY_KNOWLEDGE,
  arms: {
    'linear-first|widen-8': {
      gram: new Array<number>(D * D).fill(pulls),
      moment: new Array<number>(D).fill(pulls / 2),
      pulls,
      rewardSum: pulls / 2,
    },
  },
});
const spec = PolicySpec.parse({ kind: 'bandit' });
if (spec.kind !== 'bandit') throw new Error('not a bandit');

/** The server's side of the contract; `race` writes between a client's read and its write. */
function fakeServer(race: () => void = () => {}) {
  const documents = new Map<string, PolicyKnowledge>();
  const tagOf = async (k: PolicyKnowledge) => `"${await sha256Hex(canonicalJson(k))}"`;
  const fail = (status: number) =>
    new ServiceError('no', { kind: 'status', service: 'tamiyo', status });
  return {
    documents,
    async request(path: string, request: ServiceRequest = {}) {
      const known = documents.get(path);
      if (request.method !== 'PUT') {
        if (!known) throw fail(404);
        const headers = new Headers({ etag: await tagOf(known) });
        const text = canonicalJson(known);
        const bytes = new TextEncoder().encode(text);
        return { status: 200, headers, bytes, text: () => text, json: () => JSON.parse(text) };
      }
      race();
      const now = documents.get(path);
      const match = request.headers?.['if-match'];
      const isFirst = request.headers?.['if-none-match'] === '*';
      if (isFirst ? now !== undefined : !now || match !== (await tagOf(now))) throw fail(412);
      documents.set(path, request.body as PolicyKnowledge);
      const bytes = new Uint8Array();
      return { status: 200, headers: new Headers(), bytes, text: () => '', json: () => null };
    },
  };
}

describe('knowledge store', () => {
  it('adds up on a server even when another run is faster', async () => {
    let races = 2;
    const server = fakeServer(() => {
      if (races-- > 0) server.documents.set(knowledgePath('default'), knowledge(10 + races));
    });
    const store = serverKnowledge(server);
    expect(await store.read('default')).toBeNull();
    await store.add('default', knowledge(1));
    expect((await store.read('default'))?.arms['linear-first|widen-8']?.pulls).toBe(11);
    await store.add('default', knowledge(2));
    expect((await store.read('default'))?.arms['linear-first|widen-8']?.pulls).toBe(13);
  });

  it('adds up in local storage, and sets a damaged document aside', async () => {
    const blobs = new MemoryBlobStorage();
    const store = localKnowledge(blobs);
    await Promise.all([1, 2, 3].map((n) => store.add('mine', knowledge(n))));
    expect((await store.read('mine'))?.arms['linear-first|widen-8']?.pulls).toBe(6);
    await blobs.write('mine.json', new TextEncoder().encode('{"version":1'));
    expect(await store.read('mine')).toBeNull();
    expect(await blobs.list('')).toEqual(['mine.damaged.json']);
  });
});

describe('what a run knows', () => {
  const away: KnowledgeStore = {
    source: 'server',
    read: () => Promise.reject(new Error('no answer')),
    add: () => Promise.reject(new Error('no answer')),
  };

  it('comes from the first store that answers, with its digest', async () => {
    const local = localKnowledge(new MemoryBlobStorage());
    await local.add('default', knowledge(4));
    const { event, problem } = await readKnowledge(spec, [away, local]);
    const digest = await knowledgeDigest(knowledge(4));
    expect(event).toMatchObject({ source: 'local', digest });
    expect(problem).toContain('no answer');
    const none = await readKnowledge(spec, [away]);
    expect(none.event).toMatchObject({ source: 'none', knowledge: EMPTY_KNOWLEDGE });
  });

  it('leaves knowledge about other features alone', async () => {
    const store: KnowledgeStore = {
      ...{ source: 'local', add: async () => {} },
      read: async () => ({ ...EMPTY_KNOWLEDGE, features: ['one'] }),
    };
    const { event, problem } = await readKnowledge(spec, [store]);
    expect(event.knowledge).toEqual(EMPTY_KNOWLEDGE);
    expect(problem).toContain('other features');
  });
});

describe('a run with a bandit', () => {
  const settings = {
    ...{ plateauPatience: 1, plateauImprovement: 1, warmupSteps: 0, targetAccuracy: 1 },
    ...{ growUntilShare: 0.5, fossilizeContribution: -1 },
  };
  const experiment = moons({
    growth: { maxSeeds: 2, blueprints: ['widen-4', 'low-rank-2'] },
    policy: { kind: 'bandit', settings },
  });

  it('records what it knew, adds what it learned, and resumes with what it knew', async () => {
    const blobs = new MemoryBlobStorage();
    const bench = { ...testBench(), knowledge: localKnowledge(blobs) };
    const open = (storage = memoryRunStorage()) =>
      openRun(bench, { runId: 'a', experiment, storage, resume: false });
    const storage = memoryRunStorage();
    const half = memoryRunStorage();
    const [run, stopped] = [await open(storage), await open(half)];
    await stopped.trainer.train(40);
    await stopped.trainer.save();
    await stopped.close();
    expect(await blobs.list('')).toEqual([]);
    await run.trainer.train(experiment.steps);
    await run.trainer.finish('done');
    const digest = await run.trainer.digest();
    await run.close();
    const events = (await storage.events.readAll()).map(parseEvent);
    expect(events[1]).toMatchObject({
      ...{ type: 'policy-knowledge', source: 'local', knowledge: EMPTY_KNOWLEDGE },
      digest: await knowledgeDigest(EMPTY_KNOWLEDGE),
    });
    const planted = events.filter((e) => e.type === 'decision' && e.decision.rule === 'bandit');
    expect(planted.length).toBeGreaterThan(0);
    const known = await bench.knowledge.read('default');
    const pulls = Object.values(known!.arms).reduce((n, arm) => n + arm.pulls, 0);
    expect(pulls).toBeGreaterThan(0);
    // By now the store knows more; the stopped run goes on with what it had recorded.
    expect(await finishRun(half, experiment)).toBe(digest);
    // A new run starts from what was learned.
    const next = memoryRunStorage();
    const second = await open(next);
    await second.trainer.train(5);
    await second.close();
    const [, knew] = (await next.events.readAll()).map(parseEvent);
    expect(knew).toMatchObject({ type: 'policy-knowledge', knowledge: known });
  });
});
