/**
 * A seed that has germinated and waits for the look of its graft (growth.forgeLead), while the run is
 * rolled back, saved and resumed, forked or ended: on the reference. Those on a GPU are in
 * tests/gpu/governor_deno_test.ts.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../contracts/events.ts';
import type { RunSchedule } from '../contracts/lineage.ts';
import type { ArtifactSource } from '../kasmina/artifact-source.ts';
import { memoryRunStorage } from '../platform/memory.ts';
import { decisionAt, graftsOf, poison } from './_test-pending.ts';
import {
  follow,
  germinate,
  openTiny,
  provideAll,
  runTiny,
  type Script,
  stages,
  type TinyOptions,
  tensorBits,
  tinyExperiment,
} from './_test-run.ts';
import { scheduleOf } from './run-schedule.ts';
import type { Trainer } from './trainer.ts';

/** Looks every 5 steps: what germinates before step 7 is grafted at the look at 20. */
const experiment = tinyExperiment({ growth: { forgeLead: 2 } });
const GRAFT = 20;
const SCRIPT: Script = { 7: [germinate('fc1', 'widen-2')] };

const of = <T extends RunEvent['type']>(events: readonly RunEvent[], type: T) =>
  events.filter((e): e is Extract<RunEvent, { type: T }> => e.type === type);

/** The host's own tensors: a seed in isolation leaves their bits. */
async function hostBits(trainer: Trainer): Promise<Map<string, string>> {
  const all = await tensorBits(trainer);
  return new Map([...all].filter(([name]) => !name.includes('.seeds.')));
}

/** Trains on with a weight that is no number from step `at` on, until the governor has acted. */
async function runWithFault(o: TinyOptions, script: Script, at: number, until = 50) {
  const run = await openTiny({ experiment, ...o });
  await follow(run.trainer, script, at);
  poison(run.trainer, 'fc2.weight');
  await follow(run.trainer, script, until);
  return run;
}

describe('a rollback while a seed is on its way', () => {
  it('leaves the bits of a run without it, and the seed joins when its germination said', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 8, max: GRAFT - 1 }), async (at) => {
        const bare = await runWithFault({}, {}, at);
        const grown = await runWithFault({}, SCRIPT, at);
        const [want, got] = [of(bare.events, 'governor'), of(grown.events, 'governor')];
        // A command takes a snapshot of its own, which may be later than the last look.
        const restoredStep = Math.max(7, 5 * Math.floor(at / 5));
        expect(got).toMatchObject([{ restoredStep, remedy: { kind: 'slow-down', factor: 0.5 } }]);
        expect(want).toMatchObject([{ remedy: got[0]!.remedy }]);
        expect(graftsOf(grown.events)).toEqual([{ seedId: 's1', step: GRAFT }]);
        expect(stages(grown.trainer)).toEqual(['fc1:TRAINING']);
        // The same fault was taken back to the same step: all that is left of the seed is the seed.
        if (want[0]!.restoredStep === restoredStep) {
          expect(await hostBits(grown.trainer)).toEqual(await hostBits(bare.trainer));
        }
        const again = await runTiny({ experiment, schedule: scheduleOf(grown.events) });
        expect(again.digest).toBe(await grown.trainer.digest());
        for (const { trainer } of [bare, grown, again]) trainer.dispose();
      }),
      { numRuns: 12, seed: 2 },
    );
  });

  it('asks for its artifact once more, and takes none that comes for the time before', async () => {
    const asked: (() => void)[] = [];
    const artifacts: ArtifactSource = {
      provide: (...args) =>
        new Promise((resolve) => {
          asked.push(() => resolve(provideAll.provide(...args)));
        }),
    };
    const run = await openTiny({ experiment, artifacts });
    await follow(run.trainer, SCRIPT, 12);
    poison(run.trainer, 'fc2.weight');
    await follow(run.trainer, {}, GRAFT - 1);
    expect(asked).toHaveLength(2);
    // The first answer is nobody's any more.
    asked[0]!();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(stages(run.trainer)).toEqual(['fc1:LOADING']);
    asked[1]!();
    await follow(run.trainer, {}, GRAFT + 1);
    expect(graftsOf(run.events)).toEqual([{ seedId: 's1', step: GRAFT }]);
    expect(of(run.events, 'artifact')).toMatchObject([{ requestedStep: 10, step: GRAFT }]);
    run.trainer.dispose();
  });

  it('with the seeds of the network taken out, leaves nothing of it, and its slot is free', async () => {
    const bare = await runTiny({ experiment });
    const script: Script = { 1: [germinate('fc2', 'widen-3')], 17: [germinate('fc1', 'widen-2')] };
    // The first is grafted at 15; the second would be at 30.
    const run = await openTiny({ experiment });
    await follow(run.trainer, script, 19);
    expect(stages(run.trainer)).toEqual(['fc1:LOADING', 'fc2:TRAINING']);
    poison(run.trainer, 'fc2.seeds.s1.out.weight');
    await follow(run.trainer, script);
    expect(of(run.events, 'governor')).toMatchObject([{ remedy: { kind: 'cull-seeds' } }]);
    expect(graftsOf(run.events)).toEqual([{ seedId: 's1', step: 15 }]);
    const { state } = run.trainer.growth.record('fc1', 0);
    expect(state).toMatchObject({ stage: 'DORMANT', seedId: null, embargoUntil: 0, parameters: 0 });
    expect(state).not.toHaveProperty('graftStep');
    expect(await run.trainer.digest()).toBe(bare.digest);
    bare.trainer.dispose();
    run.trainer.dispose();
  });

  it('to before its germination undoes that too: number, budget and slot are as before', async () => {
    // Losses leave what is usual from step 55 on, so that no look after 50 is one to come back to.
    const calm = tinyExperiment({
      ...{ steps: 120, batchSize: 8 },
      optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0 },
      host: { kind: 'mlp', hidden: [6], activation: 'tanh' },
      growth: { forgeLead: 3 },
    });
    const schedule: RunSchedule = {
      actions: [
        { kind: 'command', step: 50, command: { kind: 'setLearningRate', learningRate: 40 } },
        { kind: 'decision', step: 60, decision: decisionAt(60, 'fc1', 'widen-2') },
      ],
      policyFrom: null,
    };
    const run = await openTiny({ experiment: calm, schedule });
    const isBack = () => of(run.events, 'governor').length > 0;
    while (!isBack()) await run.trainer.train(120, isBack);
    const [back] = of(run.events, 'governor');
    expect(back).toMatchObject({ restoredStep: 50, remedy: { kind: 'slow-down' } });
    const germinated = of(run.events, 'transition').filter((e) => e.to === 'LOADING');
    expect(germinated).toMatchObject([{ step: 60, seedId: 's1' }]);
    expect(stages(run.trainer)).toEqual([]);
    expect(run.trainer.growth.state).toMatchObject({ nextSeed: 1, germinated: 0, outcomes: [] });
    expect(run.trainer.growth.budget()).toMatchObject({ concurrentLeft: 4, seedsLeft: 16 });
    run.trainer.dispose();
  });
});

describe('a save while a seed is on its way', () => {
  it('is gone on from as if the run had not stopped, and rolled back as the whole run', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 8, max: GRAFT - 1 }),
        fc.integer({ min: 0, max: 12 }),
        async (at, later) => {
          const fault = Math.max(at + 1, Math.min(at + later, 30));
          const storage = memoryRunStorage();
          const first = await openTiny({ experiment, storage });
          await follow(first.trainer, SCRIPT, at);
          await first.trainer.save();
          const resumed = await openTiny({ experiment, storage, resume: true });
          const ends: string[] = [];
          const grafts: unknown[] = [];
          for (const { events, trainer } of [first, resumed]) {
            await follow(trainer, {}, fault);
            poison(trainer, 'fc2.weight');
            await follow(trainer);
            ends.push(await trainer.digest());
            grafts.push(graftsOf(events));
            trainer.dispose();
          }
          expect(ends[1]).toBe(ends[0]);
          expect(grafts[1]).toEqual(grafts[0]);
        },
      ),
      { numRuns: 12, seed: 3 },
    );
  });
});

describe('a fork while a seed is on its way', () => {
  it('without its germination has the bits of a run in which it never happened', async () => {
    const grown = await runWithFault({}, SCRIPT, 12);
    const [command] = of(grown.events, 'command');
    const without = scheduleOf(grown.events, { without: command!.seq });
    const fork = await runTiny({ experiment, schedule: without });
    expect(stages(fork.trainer)).toEqual([]);
    const never = await runWithFault({}, {}, 12);
    expect(fork.digest).toBe(await never.trainer.digest());
    expect(await hostBits(fork.trainer)).toEqual(await hostBits(grown.trainer));
    for (const { trainer } of [grown, fork, never]) trainer.dispose();
  });
});

describe('the end of a run while a seed is on its way', () => {
  it('waits for no artifact, and has the bits of a run without the seed', async () => {
    const short = tinyExperiment({ steps: 18, growth: { forgeLead: 2 } });
    const bare = await runTiny({ experiment: short });
    const never: ArtifactSource = { provide: () => new Promise(() => {}) };
    const run = await runTiny({ experiment: short, artifacts: never }, SCRIPT);
    expect(stages(run.trainer)).toEqual(['fc1:LOADING']);
    expect(run.digest).toBe(bare.digest);
    await run.trainer.finish('done');
    expect(of(run.events, 'run.finished')).toMatchObject([{ status: 'done' }]);
    bare.trainer.dispose();
    run.trainer.dispose();
  });
});
