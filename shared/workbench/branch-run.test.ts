import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../contracts/events.ts';
import {
  advance,
  cull,
  germinate,
  setAlpha,
  setLearningRate,
  wholeLife,
} from '../tolaria/_test-run.ts';
import { parseEvent } from '../tolaria/run-log.ts';
import { finishRun, moons, storedTestRun, testBench } from './_test-bench.ts';
import { branchRun, copyRun, decidedText, findDecided, NO_CHANGE } from './branch-run.ts';
import { replayRun } from './replay-run.ts';
import { readHistory } from './run-history.ts';

const life = wholeLife('fc1', 'residual-mlp-8');

describe('branchRun(), forking', async () => {
  const experiment = moons();
  const parent = await storedTestRun(experiment, life);
  const fork = async (
    at: number,
    change = NO_CHANGE,
    future: 'schedule' | 'policy' = 'schedule',
    source = parent,
  ) => (await branchRun(testBench(), source.storage, { at, change, future, parent: 'a' }))!;

  it('without a change ends with the digest of its parent, from any step', async () => {
    for (const at of [0, 6, 20, 21, 36, 77, 100]) {
      expect(await finishRun(await fork(at), experiment)).toBe(parent.digest);
    }
  });

  it('without the one germination is a run in which it never happened', async () => {
    const never = await storedTestRun(experiment);
    const event = findDecided(parent.events, 's1');
    expect([event.step, decidedText(event)]).toEqual([6, 'germinate residual-mlp-8 in fc1 slot 0']);
    for (const at of [0, 3, 6]) {
      const without = { seq: event.seq, text: decidedText(event) };
      const branch = await fork(at, { without, added: [] });
      expect(await finishRun(branch, experiment)).toBe(never.digest);
      expect((await readHistory(branch)).lineage).toMatchObject({
        ...{ parent: 'a', step: at, change: { without } },
      });
    }
  });

  it('with a command more is a run in which it was given', async () => {
    const added = [{ step: 50, command: setLearningRate(0.001) }];
    const given = await storedTestRun(experiment, { ...life, 50: [setLearningRate(0.001)] });
    for (const at of [20, 50]) {
      expect(await finishRun(await fork(at, { without: null, added }), experiment)).toBe(
        given.digest,
      );
    }
    // Changed: one is left out, another takes its place.
    const { seq } = findDecided(parent.events, 's1');
    const other = { ...life, 6: [germinate('fc1', 'low-rank-2')] };
    const changed = await storedTestRun(experiment, other);
    const swap = {
      without: { seq, text: '' },
      added: [{ step: 6, command: germinate('fc1', 'low-rank-2') }],
    };
    expect(await finishRun(await fork(6, swap), experiment)).toBe(changed.digest);
  });

  it('of a run that is under way goes on where the log ends', async () => {
    const under = await storedTestRun(experiment, life, 57);
    const branch = await fork(30, NO_CHANGE, 'schedule', under);
    expect(await finishRun(branch, experiment)).toBe(parent.digest);
  });

  it('of a fork keeps what was still to come for it', async () => {
    const added = [{ step: 80, command: setLearningRate(0.001) }];
    const given = await storedTestRun(experiment, { ...life, 80: [setLearningRate(0.001)] });
    const first = await fork(20, { without: null, added });
    const second = await branchRun(testBench(), first, {
      ...{ at: 10, change: NO_CHANGE, future: 'schedule', parent: 'b' },
    });
    expect(await finishRun(second!, experiment)).toBe(given.digest);
  });

  it('says what does not fit', async () => {
    await expect(fork(101)).rejects.toThrow(
      'Cannot branch at step 101: the run has steps 0 to 100',
    );
    const { seq } = findDecided(parent.events, 's1');
    await expect(fork(7, { without: { seq, text: '' }, added: [] })).rejects.toThrow(
      /it happened at step 6 already; branch there or before$/,
    );
    const added = [{ step: 3, command: setLearningRate(1) }];
    await expect(fork(7, { without: null, added })).rejects.toThrow(/between step 7/);
    expect(() => findDecided(parent.events, 's9')).toThrow('seeds of this run are s1');
    expect(() => findDecided(parent.events, '0')).toThrow('it is a consequence');
    expect(() => findDecided(parent.events, '9999')).toThrow('Cannot find event 9999');
  });
});

describe('branchRun(), any commands at any steps', () => {
  it('ends with the digest of its parent, and the parent replays', async () => {
    const layer = fc.constantFrom('fc1', 'fc2');
    const command = fc.oneof(
      layer.chain((l) =>
        fc.constantFrom(...['low-rank-2', 'widen-3'].map((name) => germinate(l, name))),
      ),
      layer.map((l) => advance(l)),
      layer.map((l) => cull(l)),
      layer.map((l) => setAlpha(l, 0.5)),
      fc.constantFrom(setLearningRate(0.01), setLearningRate(0.05)),
    );
    // Seeds that are on their way for some looks, and are so where a branch is made.
    const leads = fc.integer({ min: 0, max: 3 });
    const scripts = fc.dictionary(
      fc.integer({ min: 0, max: 59 }).map(String),
      fc.array(command, { minLength: 1, maxLength: 2 }),
      { minKeys: 4, maxKeys: 12, noNullPrototype: true },
    );
    await fc.assert(
      fc.asyncProperty(
        scripts,
        fc.integer({ min: 0, max: 60 }),
        leads,
        async (script, at, lead) => {
          const experiment = moons({ steps: 60, growth: { forgeLead: lead } });
          const parent = await storedTestRun(experiment, script);
          const branch = await branchRun(testBench(), parent.storage, {
            ...{ at, change: NO_CHANGE, future: 'schedule', parent: 'a' },
          });
          expect(await finishRun(branch!, experiment)).toBe(parent.digest);
          const report = await replayRun(testBench(), parent.storage, { tolerance: null });
          expect(report.difference).toBeNull();
        },
      ),
      { numRuns: 16, seed: 3 },
    );
  });

  it('of a seed on its way ends as its parent, and without the germination as if it never was', async () => {
    const experiment = moons({ steps: 60, growth: { forgeLead: 3 }, checkpointEverySteps: 10 });
    const script = { 7: [germinate('fc1', 'widen-3')], 33: [advance('fc1')] };
    const [parent, never] = [
      await storedTestRun(experiment, script),
      await storedTestRun(experiment),
    ];
    const event = findDecided(parent.events, 's1');
    const graft = parent.events.find((e) => e.type === 'transition' && e.to === 'TRAINING');
    expect([event.step, graft?.step]).toEqual([7, 25]);
    const common = { future: 'schedule', parent: 'a' } as const;
    for (const at of [7, 8, 14, 20, 24, 25, 26]) {
      const branch = await branchRun(testBench(), parent.storage, {
        ...{ at, change: NO_CHANGE, ...common },
      });
      expect([at, await finishRun(branch!, experiment)]).toEqual([at, parent.digest]);
    }
    const change = { without: { seq: event.seq, text: '' }, added: [] };
    for (const at of [0, 7]) {
      const branch = await branchRun(testBench(), parent.storage, { at, change, ...common });
      // What was done to the seed later is refused: there is none.
      expect(await finishRun(branch!, experiment)).toBe(never.digest);
    }
  });
});

describe('branchRun(), with a policy', async () => {
  const experiment = moons({
    ...{ policy: { kind: 'heuristic' }, steps: 400, intervalSteps: 20, checkpointEverySteps: 100 },
  });
  const parent = await storedTestRun(experiment);

  it('rewound, goes the same way again; forked, may be left to the policy', async () => {
    expect(parent.events.some((e) => e.type === 'transition')).toBe(true);
    for (const at of [0, 150, 160, 240]) {
      for (const future of ['own', 'policy', 'schedule'] as const) {
        const branch = await branchRun(testBench(), parent.storage, {
          ...{ at, change: NO_CHANGE, future, parent: future === 'own' ? null : 'a' },
        });
        expect(await finishRun(branch!, experiment)).toBe(parent.digest);
      }
    }
  });

  it('rewound in place, has no event after the step', async () => {
    const storage = (await branchRun(testBench(), parent.storage, {
      ...{ at: 150, change: NO_CHANGE, future: 'own', parent: null },
    }))!;
    const own = (await storedTestRun(experiment)).storage;
    await copyRun(storage, own);
    const events: RunEvent[] = (await own.events.readAll()).map(parseEvent);
    expect(Math.max(...events.map((e) => e.step))).toBe(150);
    expect(await finishRun(own, experiment)).toBe(parent.digest);
  });
});
