import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../contracts/events.ts';
import type { ArtifactSource } from '../kasmina/artifact-source.ts';
import { memoryRunStorage } from '../platform/memory.ts';
import {
  cull,
  follow,
  germinate,
  openTiny,
  provideAll,
  runTiny,
  stages,
  type TinyOptions,
  tinyExperiment,
} from './_test-run.ts';
import { scheduleOf } from './run-schedule.ts';

const LEAD = 2;
/** Looks every 5 steps: what germinates before step 7 is grafted at the look at 20. */
const experiment = tinyExperiment({ growth: { forgeLead: LEAD } });
const SCRIPT = { 7: [germinate('fc1', 'widen-2')] };

const of = <T extends RunEvent['type']>(events: readonly RunEvent[], type: T) =>
  events.filter((e): e is Extract<RunEvent, { type: T }> => e.type === type);

/** A clock of its own, and artifacts that take 30 ms of it, and so many turns of the event loop. */
function slow(turns: number): TinyOptions & { seen: number[] } {
  let now = 0;
  const seen: number[] = [];
  const artifacts: ArtifactSource = {
    async provide(...args) {
      const artifact = await provideAll.provide(...args);
      // On the reference a run takes no turn before it waits for something.
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setTimeout(resolve, 0));
      now += 30;
      seen.push(now);
      return artifact;
    },
  };
  return { seen, artifacts, clock: { now: () => now, wallTime: () => 0, sleep: async () => {} } };
}

describe('growth.forgeLead', () => {
  it('names the look of the graft when a seed germinates, and keeps to it', async () => {
    const run = await openTiny({ experiment });
    await follow(run.trainer, SCRIPT, 19);
    expect(stages(run.trainer)).toEqual(['fc1:LOADING']);
    expect(run.trainer.growth.record('fc1', 0).state.graftStep).toBe(20);
    await follow(run.trainer, {}, 21);
    expect(stages(run.trainer)).toEqual(['fc1:TRAINING']);
    expect(run.trainer.growth.record('fc1', 0).state).not.toHaveProperty('graftStep');
    const [germination, placed] = of(run.events, 'transition');
    expect(germination).toMatchObject({ step: 7, to: 'LOADING', graftStep: 20 });
    expect(placed).toMatchObject({ step: 20, from: 'LOADING', to: 'TRAINING' });
    expect(placed).not.toHaveProperty('graftStep');
    expect(run.trainer.growth.record('fc1', 0).bornStep).toBe(20);
  });

  it('0, or absent, places at the next look and leaves the log as it was', async () => {
    const plain = await runTiny({}, SCRIPT);
    const zero = await runTiny(
      { experiment: tinyExperiment({ growth: { forgeLead: 0 } }) },
      SCRIPT,
    );
    expect(zero.digest).toBe(plain.digest);
    const [germination, placed] = of(plain.events, 'transition');
    expect(germination).not.toHaveProperty('graftStep');
    expect(placed).toMatchObject({ step: 10, to: 'TRAINING' });
  });

  it('has the same bits however long the compiler takes, and says what training waited', async () => {
    const quick = await runTiny({ experiment }, SCRIPT);
    const inTime = slow(0);
    const within = await runTiny({ experiment, ...inTime }, SCRIPT);
    const late = slow(200);
    const waiting = await runTiny({ experiment, ...late }, SCRIPT);
    expect([within.digest, waiting.digest]).toEqual([quick.digest, quick.digest]);
    expect(of(quick.events, 'artifact')).toMatchObject([
      { step: 20, seedId: 's1', blueprint: 'widen-2', requestedStep: 7, waitedMs: 0 },
    ]);
    expect(of(within.events, 'artifact')).toMatchObject([{ readyMs: 30, waitedMs: 0 }]);
    expect(within.trainer.growth.placements).toEqual({ placed: 1, waits: 0, waitedMs: 0 });
    expect(of(waiting.events, 'artifact')).toMatchObject([{ readyMs: 30, waitedMs: 30 }]);
    expect(waiting.trainer.growth.placements).toEqual({ placed: 1, waits: 1, waitedMs: 30 });
  });

  it.each([7, 9, 13, 19])('goes on from a save at step %i as if it had not stopped', async (at) => {
    const whole = await runTiny({ experiment }, SCRIPT);
    const storage = memoryRunStorage();
    const first = await openTiny({ experiment, storage });
    await follow(first.trainer, at === 7 ? {} : SCRIPT, at);
    if (at === 7) {
      first.trainer.command(SCRIPT[7]![0]!);
      await first.trainer.applyCommands();
    }
    await first.trainer.save();
    expect(stages(first.trainer)).toEqual(['fc1:LOADING']);
    const resumed = await openTiny({ experiment, storage, resume: true });
    expect(resumed.trainer.growth.record('fc1', 0).state.graftStep).toBe(20);
    await follow(resumed.trainer);
    expect(await resumed.trainer.digest()).toBe(whole.digest);
    expect(of(resumed.events, 'artifact')).toMatchObject([{ step: 20, requestedStep: at }]);
  });

  it('replays from the log to the same digest, the graft pending at the start of a fork included', async () => {
    const whole = await runTiny({ experiment }, SCRIPT);
    const replayed = await runTiny({ experiment, schedule: scheduleOf(whole.events) });
    expect(replayed.digest).toBe(whole.digest);
    const none = await runTiny({ experiment });
    const [command] = of(whole.events, 'command');
    const schedule = scheduleOf(whole.events, { without: command!.seq });
    expect((await runTiny({ experiment, schedule })).digest).toBe(none.digest);
  });

  it('a seed that is not there yet cannot be culled, and its budget is spoken for', async () => {
    const run = await openTiny({ experiment });
    await follow(run.trainer, { ...SCRIPT, 12: [cull('fc1')] }, 21);
    const refused = of(run.events, 'command').find((e) => e.command.kind === 'cull');
    expect(refused).toMatchObject({ accepted: false, reason: expect.stringMatching(/LOADING/) });
    expect(stages(run.trainer)).toEqual(['fc1:TRAINING']);
  });
});
