import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DivergedError } from '../base/errors.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { ExperimentInput } from '../contracts/experiment.ts';
import { memoryRunStorage } from '../platform/memory.ts';
import { poison } from './_test-pending.ts';
import {
  advance,
  follow,
  germinate,
  openTiny,
  runTiny,
  setLearningRate,
  stages,
  type TinyRun,
  tensorBits,
  tickingClock,
  tinyExperiment,
} from './_test-run.ts';
import {
  BAD_LOOKS,
  chooseRemedy,
  inspectChunk,
  isConstant,
  lossBounds,
  MAX_ROLLBACKS,
  MAX_SKIPPED,
  mayHaveCollapsed,
} from './governor.ts';
import type { Trainer } from './trainer.ts';

const governed = (events: readonly RunEvent[]) => events.filter((e) => e.type === 'governor');

async function expectFinite(trainer: Trainer): Promise<void> {
  for (const [name, { data }] of await trainer.runtime.exportTensors()) {
    expect([name, data.every(Number.isFinite)]).toEqual([name, true]);
  }
}

describe('inspectChunk()', () => {
  it('passes finite losses and names the first step that is not', () => {
    expect(
      inspectChunk(
        10,
        [
          [1, 2],
          [0, 3],
        ],
        null,
      ),
    ).toEqual({ step: null, cause: '' });
    expect(
      inspectChunk(
        10,
        [
          [1, 2],
          [0, Number.NaN],
        ],
        null,
      ),
    ).toEqual({
      ...{ step: 11, cause: 'non-finite loss at step 11' },
    });
    expect(inspectChunk(10, [[Number.POSITIVE_INFINITY]], null).step).toBe(10);
    expect(inspectChunk(10, [[1], [Number.NaN]], 10)).toEqual({
      ...{ step: 10, cause: 'non-finite gradient or update at step 10' },
    });
  });
});

describe('chooseRemedy()', () => {
  it('suspects live seeds first, then the learning rate, and gives up in the end', () => {
    const calm = { cause: 'non-finite loss at step 3', step: 3, rollbacks: 0, skipped: 0 };
    const fine = { ...calm, rowsAtFault: false };
    expect(chooseRemedy({ ...fine, hasLiveSeeds: true })).toEqual({ kind: 'cull-seeds' });
    expect(chooseRemedy({ ...fine, hasLiveSeeds: false, rollbacks: MAX_ROLLBACKS - 1 })).toEqual({
      kind: 'slow-down',
      factor: 0.5,
    });
    expect(chooseRemedy({ ...fine, hasLiveSeeds: true, rollbacks: MAX_ROLLBACKS })).toEqual({
      kind: 'give-up',
      message:
        'Cannot go on: non-finite loss at step 3, and 6 rollbacks did not help; use a lower learning rate or "clipNorm"',
    });
  });

  it('leaves out a step whose rows are at fault, and no seed pays for it', () => {
    const bad = { cause: 'non-finite loss at step 3', step: 3, rollbacks: 0, rowsAtFault: true };
    expect(chooseRemedy({ ...bad, hasLiveSeeds: true, skipped: 0 })).toEqual({
      kind: 'skip-step',
      step: 3,
    });
    expect(chooseRemedy({ ...bad, hasLiveSeeds: true, skipped: MAX_SKIPPED })).toMatchObject({
      kind: 'give-up',
      message: expect.stringContaining('training rows'),
    });
  });
});

describe('Trainer, a bare host that is not finite', () => {
  it('goes back to the bits of the last look, and learns half as fast from there', async () => {
    const { trainer, events } = await openTiny();
    await follow(trainer, {}, 10);
    const good = await tensorBits(trainer);
    await follow(trainer, {}, 13);
    poison(trainer, 'fc1.weight');
    // To the very step it was restored to: what the rollback left is what stands there.
    let rolledBack = false;
    while (!rolledBack) {
      await trainer.train(14, () => governed(events).length > 0);
      rolledBack = governed(events).length > 0;
    }
    expect(trainer.step).toBe(10);
    expect(await tensorBits(trainer)).toEqual(good);
    expect(governed(events)).toMatchObject([
      { step: 10, cause: 'non-finite gradient or update at step 13', restoredStep: 10 },
    ]);
    await follow(trainer);
    const halved = await runTiny({}, { 10: [setLearningRate(0.01)] });
    expect(await trainer.digest()).toBe(halved.digest);
  });

  it.each([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'sees %d as well',
    async (value) => {
      const { trainer, events } = await openTiny();
      await follow(trainer, {}, 7);
      poison(trainer, 'fc2.bias', value);
      await follow(trainer);
      expect(governed(events)).toMatchObject([{ restoredStep: 5 }]);
      await expectFinite(trainer);
    },
  );

  it('gives up after MAX_ROLLBACKS, with the host as it was, and can be helped', async () => {
    for (const ms of [0, 1000]) {
      const { trainer, events } = await openTiny({ clock: tickingClock(ms) });
      await follow(trainer, {}, 12);
      const good = await tensorBits(trainer);
      // More than float32 holds, however often it is halved.
      trainer.command(setLearningRate(1e60));
      await expect(trainer.train(50)).rejects.toThrow(DivergedError);
      expect(governed(events)).toHaveLength(MAX_ROLLBACKS + 1);
      expect(new Set(governed(events).map((e) => e.type === 'governor' && e.restoredStep))).toEqual(
        new Set([12]),
      );
      expect(trainer.step).toBe(12);
      expect(await tensorBits(trainer)).toEqual(good);
      trainer.command(setLearningRate(0.02));
      await follow(trainer);
      expect(trainer.step).toBe(50);
      await expectFinite(trainer);
    }
  });

  it('never keeps a non-finite value, whatever the learning rate and the step it comes at', async () => {
    const optimizers: NonNullable<ExperimentInput['optimizer']>[] = [
      { kind: 'sgd', momentum: 0.9 },
      { kind: 'sgd', clipNorm: 1 },
      { kind: 'adam' },
      { kind: 'adamw', weightDecay: 0.1, clipNorm: 0.5 },
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...optimizers),
        fc.constantFrom('relu', 'tanh', 'gelu' as const),
        fc.integer({ min: 2, max: 38 }),
        fc.integer({ min: 1, max: 14 }),
        async (optimizer, activation, exponent, step) => {
          const experiment = tinyExperiment({
            ...{ optimizer, steps: 20 },
            host: { kind: 'mlp', hidden: [4], activation },
          });
          const { trainer } = await openTiny({ experiment });
          const script = { [step]: [setLearningRate(10 ** exponent)] };
          try {
            await follow(trainer, script);
          } catch (error) {
            expect(error).toBeInstanceOf(DivergedError);
          }
          await expectFinite(trainer);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('Trainer, a seed that is not finite', () => {
  const modes = ['add', 'replace', 'multiply', 'gate'] as const;

  it.each(modes)('goes first, and leaves the run as if it had never been (%s)', async (mode) => {
    for (const incubation of ['shadow', 'straight-through'] as const) {
      const experiment = tinyExperiment({ growth: { incubation } });
      const bare = await runTiny({ experiment });
      const { trainer, events } = await openTiny({ experiment });
      await follow(trainer, { 1: [germinate('fc1', 'widen-3', mode)] }, 12);
      expect(stages(trainer)).toEqual(['fc1:TRAINING']);
      poison(trainer, 'fc1.seeds.s1.out.weight');
      await follow(trainer);
      expect(governed(events)).toMatchObject([{ restoredStep: 10 }]);
      expect(
        events.filter((e) => e.type === 'transition').map((e) => [e.to, e.cause]),
      ).toContainEqual(['CULLED', 'governor: non-finite gradient or update at step 12']);
      expect(await trainer.digest()).toBe(bare.digest);
    }
  });

  it('is culled from BLENDING, and the learning rate stays', async () => {
    const { trainer, events } = await openTiny();
    await follow(trainer, { 1: [germinate('fc2', 'widen-3')], 11: [advance('fc2')] }, 18);
    poison(trainer, 'fc2.seeds.s1.hidden.weight');
    await follow(trainer);
    expect(governed(events)).toHaveLength(1);
    expect(trainer.parameters).toBe(trainer.growth.parameters());
    expect(trainer.growth.state.outcomes).toMatchObject([{ outcome: 'culled', step: 15 }]);
    await expectFinite(trainer);
    // Half the learning rate would have ended elsewhere.
    const { trainer: twin } = await openTiny();
    const script = { 1: [germinate('fc2', 'widen-3')], 11: [advance('fc2')] };
    await follow(twin, { ...script, 15: [{ kind: 'cull', layerId: 'fc2', slot: 0 }] });
    expect(await trainer.digest()).toBe(await twin.digest());
  });

  it('lets one that is still on its way go with it, without penalty', async () => {
    const { trainer, events } = await openTiny();
    const script = { 1: [germinate('fc2', 'widen-3')], 6: [germinate('fc1', 'widen-3')] };
    await follow(trainer, script, 8);
    poison(trainer, 'fc2.seeds.s1.out.weight');
    await trainer.train(9, () => governed(events).length > 0);
    expect(governed(events)).toMatchObject([{ remedy: { kind: 'cull-seeds' } }]);
    const { stage, embargoUntil } = trainer.growth.record('fc1', 0).state;
    expect([stage, embargoUntil]).toEqual(['DORMANT', 0]);
  });
});

describe('Trainer, a fault after a resume', () => {
  it.each([11, 13, 18, 20, 24])(
    'goes back to where the whole run would (step %i)',
    async (step) => {
      const script = { 1: [germinate('fc1', 'widen-3')], 12: [advance('fc1')] };
      const storage = memoryRunStorage();
      const whole = await openTiny({ storage });
      await follow(whole.trainer, script, step);
      await whole.trainer.save();
      const resumed = await openTiny({ storage, resume: true });
      const ends: string[] = [];
      for (const { trainer, events } of [whole, resumed] satisfies TinyRun[]) {
        await follow(trainer, script, 24);
        poison(trainer, 'fc2.weight');
        await follow(trainer, script);
        expect(governed(events)).toMatchObject([{ restoredStep: 20 }]);
        ends.push(await trainer.digest());
      }
      expect(ends[1]).toBe(ends[0]);
    },
  );
});

describe('lossBounds()', () => {
  const usual = [1, 0.9, 0.8, 0.7, 0.6, 0.5];

  it('needs some looks, and is never under one and a half times the first loss', () => {
    expect(lossBounds(usual.slice(0, 4), 1)).toBeNull();
    expect(lossBounds([1, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4], 1)).toEqual({ unusual: 1e-4, bad: 1.5 });
  });

  it('is ten deviations above the median where that is more', () => {
    const noisy = [1, 3, 1, 3, 1, 3];
    // Median 2, median absolute deviation 1.
    expect(lossBounds(noisy, 1)!.bad).toBeCloseTo(2 + 10 * 1.4826, 10);
  });
});

describe('collapse', () => {
  it('is suspected when a loss that was low is back where it began', () => {
    const fell = [1, 0.8, 0.6, 0.4, 0.3, 0.3];
    expect(mayHaveCollapsed(fell, 1, 0.95)).toBe(true);
    expect(mayHaveCollapsed(fell, 1, 0.8)).toBe(false);
    // A network that has not learned anything yet has nothing to lose.
    expect(mayHaveCollapsed([1, 1, 1, 1, 1, 0.99], 1, 0.99)).toBe(false);
  });

  it('is the same logits for every row', () => {
    expect(isConstant(new Float32Array([1, -2, 0, 1, -2, 9]), 2, 3, 2)).toBe(true);
    expect(isConstant(new Float32Array([1, -2, 1, -2.1]), 2, 2, 2)).toBe(false);
    expect(isConstant(new Float32Array([1000, 1000.5]), 2, 1, 1)).toBe(true);
  });
});

describe('Trainer, a poisoned batch', () => {
  it('is left out and logged; seed and learning rate stay, and nothing non-finite is kept', async () => {
    const experiment = tinyExperiment({ steps: 40 });
    for (const ms of [0, 1000]) {
      const { trainer, events } = await openTiny({ experiment, clock: tickingClock(ms) });
      await follow(trainer, { 1: [germinate('fc1', 'widen-3')] }, 12);
      const { x } = trainer.runtime.dataOf('train');
      trainer.runtime.backend.writeFloats(x, new Float32Array([Number.NaN]), 0);
      await follow(trainer);
      expect(trainer.step).toBe(40);
      await expectFinite(trainer);
      const rollbacks = governed(events);
      expect(rollbacks.length).toBeGreaterThan(0);
      for (const e of rollbacks) {
        expect(e).toMatchObject({ remedy: { kind: 'skip-step' } });
        expect(e.type === 'governor' && e.cause).toMatch(/^non-finite/);
      }
      expect(stages(trainer)).toEqual(['fc1:TRAINING']);
      // However the run was cut: the same steps are left out.
      skippedSteps.push(
        rollbacks.map(
          (e) => e.type === 'governor' && e.remedy?.kind === 'skip-step' && e.remedy.step,
        ),
      );
      digests.push(await trainer.digest());
    }
    expect(skippedSteps[1]).toEqual(skippedSteps[0]);
    expect(digests[1]).toBe(digests[0]);
  });
  const skippedSteps: unknown[] = [];
  const digests: string[] = [];
});

describe('Trainer, a run whose numbers are finite and bad', () => {
  const experiment = tinyExperiment({
    ...{ steps: 200, batchSize: 8 },
    optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0 },
    host: { kind: 'mlp', hidden: [6], activation: 'tanh' },
  });

  it('goes back to the last good look when it diverges, and learns more slowly', async () => {
    const { trainer, events } = await openTiny({ experiment });
    await follow(trainer, {}, 50);
    trainer.command(setLearningRate(40));
    await trainer.train(200, () => governed(events).length > 0);
    const [back] = governed(events);
    expect(back).toMatchObject({
      restoredStep: trainer.step,
      remedy: { kind: 'slow-down', factor: 0.5 },
    });
    // Not to the first look after it, whose loss was unusual and not yet bad.
    expect(trainer.step).toBe(50);
    const after = events.filter((e) => e.type === 'metrics' && e.step > 50);
    expect(after.length).toBeGreaterThan(BAD_LOOKS);
    const same = await openTiny({ experiment });
    await follow(same.trainer, { 50: [setLearningRate(40)] }, trainer.step);
    expect(await tensorBits(trainer)).toEqual(await tensorBits(same.trainer));
    expect(governed(events)[0]).toHaveProperty(
      'cause',
      expect.stringMatching(/^divergence: training loss .* at 3 looks in a row, above the bound/),
    );
    trainer.command(setLearningRate(0.1));
    await follow(trainer);
    expect(trainer.step).toBe(200);
    await expectFinite(trainer);
  });

  it('goes back when it has collapsed to the prior', async () => {
    const relu = tinyExperiment({
      ...{ steps: 300, batchSize: 8 },
      optimizer: { kind: 'sgd', learningRate: 0.2, momentum: 0 },
      host: { kind: 'mlp', hidden: [6], activation: 'relu' },
    });
    const { trainer, events } = await openTiny({ experiment: relu });
    await follow(trainer, {}, 200);
    const before = await trainer.evaluate('validation');
    // Every unit of the hidden layer is dead from here on, and no gradient revives it.
    const bias = trainer.runtime.arena.parameters.find((p) => p.name === 'fc1.bias')!;
    const { parameters } = trainer.runtime.arena.buffers;
    trainer.runtime.backend.writeFloats(parameters, new Float32Array(6).fill(-1e3), bias.offset);
    await follow(trainer);
    expect(governed(events)).toHaveLength(1);
    expect(governed(events)[0]).toMatchObject({ restoredStep: 200 });
    expect(governed(events)[0]).toHaveProperty('cause', expect.stringMatching(/^collapse to/));
    const after = await trainer.evaluate('validation');
    expect(after.loss[0]!).toBeLessThan(before.loss[0]! * 1.5);
  });
});
