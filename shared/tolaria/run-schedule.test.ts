import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../contracts/events.ts';
import { memoryRunStorage } from '../platform/memory.ts';
import {
  cull,
  follow,
  germinate,
  openTiny,
  runTiny,
  setLearningRate,
  tickingClock,
  tinyExperiment,
  wholeLife,
} from './_test-run.ts';
import { scheduleOf, survivingEvents, withCommands } from './run-schedule.ts';

const script = {
  ...wholeLife('fc1', 'residual-mlp-8'),
  20: [germinate('fc2', 'low-rank-2'), setLearningRate(0.01)],
  33: [cull('fc2'), cull('fc2')],
};

describe('scheduleOf()', () => {
  it('gives a run that is followed without a person to the same bits', async () => {
    const first = await runTiny({}, script);
    const schedule = scheduleOf(first.events);
    for (const ms of [0, 1000]) {
      const again = await openTiny({ schedule, clock: tickingClock(ms) });
      await again.trainer.train(50);
      expect(await again.trainer.digest()).toBe(first.digest);
      const shape = (events: readonly RunEvent[]) =>
        events
          .filter((e) => e.type !== 'run.started')
          .map((e) => (e.type === 'command' ? { ...e, origin: null } : e))
          // How long a kernel took is the clock's, here another one.
          .map((e) => (e.type === 'artifact' ? { ...e, readyMs: null, waitedMs: null } : e));
      expect(shape(again.events)).toEqual(shape(first.events));
    }
  });

  it('goes on where it was cut', async () => {
    const { events, digest } = await runTiny({}, script);
    const storage = memoryRunStorage();
    const cut = await openTiny({ schedule: scheduleOf(events), storage });
    await cut.trainer.train(20);
    await cut.trainer.save();
    const rest = await openTiny({ storage, resume: true });
    await rest.trainer.train(50);
    expect(await rest.trainer.digest()).toBe(digest);
  });

  it('without the one germination is a run in which it never happened', async () => {
    const life = await runTiny({}, wholeLife('fc1', 'residual-mlp-8'));
    const seed = life.events.find((e) => e.type === 'command')!;
    const fork = await openTiny({ schedule: scheduleOf(life.events, { without: seed.seq }) });
    await fork.trainer.train(50);
    const never = await runTiny();
    expect(await fork.trainer.digest()).toBe(never.digest);
    expect(await fork.trainer.digest()).not.toBe(life.digest);
  });

  it('forced, grows another network at the same steps', async () => {
    const life = await runTiny({}, wholeLife('fc1', 'residual-mlp-8'));
    const other = tinyExperiment({ seed: 9 });
    const schedule = scheduleOf(life.events, { forced: true });
    expect(schedule.actions.map((a) => a.step)).toEqual([6, 16, 36]);
    const grown = await openTiny({ experiment: other, schedule });
    await grown.trainer.train(50);
    const steps = (events: readonly RunEvent[]) =>
      events.filter((e) => e.type === 'transition').map((e) => [e.step, e.to]);
    expect(steps(grown.events)).toEqual(steps(life.events));
  });

  it('puts a remedy where the rollback led, so that the fault need not come back', async () => {
    const { trainer, events } = await openTiny();
    await follow(trainer, {}, 13);
    const weight = trainer.runtime.arena.parameters.find((p) => p.name === 'fc1.weight')!;
    const { parameters } = trainer.runtime.arena.buffers;
    trainer.runtime.backend.writeFloats(parameters, new Float32Array([Number.NaN]), weight.offset);
    await follow(trainer);
    const again = await openTiny({ schedule: scheduleOf(events) });
    await again.trainer.train(50);
    expect(await again.trainer.digest()).toBe(await trainer.digest());
    expect(again.events.filter((e) => e.type === 'governor')).toMatchObject([
      { step: 10, restoredStep: 10, remedy: { kind: 'slow-down' } },
    ]);
  });

  it('leaves the policy alone before its first look', async () => {
    const base = { actions: [], policyFrom: null };
    const changed = withCommands(base, [
      { step: 9, command: cull('fc1') },
      { step: 3, command: germinate('fc1', 'widen-3') },
    ]);
    expect(changed.actions.map((a) => a.step)).toEqual([3, 9]);
  });
});

describe('survivingEvents()', () => {
  it('drops what a rollback undid', () => {
    const at = (seq: number, step: number, type: string) =>
      ({ seq, step, type, restoredStep: 10, loss: [] }) as unknown as RunEvent;
    const log = [
      at(0, 10, 'metrics'),
      at(1, 12, 'checkpoint'),
      at(2, 10, 'governor'),
      at(3, 15, 'metrics'),
    ];
    expect(survivingEvents(log).map((e) => e.seq)).toEqual([0, 2, 3]);
  });
});
