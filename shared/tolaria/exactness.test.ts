/** What a run must not depend on: how it is cut, whether it was interrupted, seeds that were culled. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExperimentInput } from '../contracts/experiment.ts';
import { memoryRunStorage } from '../platform/memory.ts';
import {
  advance,
  cull,
  follow,
  germinate,
  openTiny,
  runTiny,
  type Script,
  setAlpha,
  stages,
  type TinyInput,
  tensorBits,
  tickingClock,
  tinyDataset,
  tinyExperiment,
  wholeLife,
} from './_test-run.ts';

const OPTIMIZERS: NonNullable<ExperimentInput['optimizer']>[] = [
  { kind: 'sgd', momentum: 0.9, weightDecay: 0.01 },
  { kind: 'adam' },
  { kind: 'adamw', weightDecay: 0.1, clipNorm: 0.05 },
  { kind: 'sgd', clipNorm: 0.1 },
];

/** Seeds of two layers in every stage, with the deciding commands between looks and at looks. */
const LIFE: Script = {
  ...wholeLife('fc1', 'widen-3'),
  20: [germinate('fc2', 'low-rank-2', 'gate')],
  31: [advance('fc2')],
};

describe('Trainer, the same run twice', () => {
  it('gives the same digest and the same events', async () => {
    const one = await runTiny({}, LIFE);
    const two = await runTiny({}, LIFE);
    expect(two.digest).toBe(one.digest);
    expect(two.events).toEqual(one.events);
    expect(stages(one.trainer)).toEqual(['fc1:FOSSILIZED', 'fc2:HOLDING']);
  });

  it('gives another digest for another seed', async () => {
    const one = await runTiny({ experiment: tinyExperiment({ seed: 1 }) });
    const two = await runTiny({ experiment: tinyExperiment({ seed: 2 }) });
    expect(two.digest).not.toBe(one.digest);
  });

  it('does not depend on how it is cut into chunks and slices', async () => {
    const experiment = tinyExperiment({ host: { kind: 'mlp', hidden: [4], dropout: 0.3 } });
    const whole = await runTiny({ experiment }, LIFE);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 9 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }),
        async (delays, stops) => {
          const clock = tickingClock((i) => delays[i % delays.length]!);
          const { trainer } = await openTiny({ experiment, clock });
          let asked = 0;
          const stop = () => stops.some((s) => !s) && stops[asked++ % stops.length]!;
          await follow(trainer, LIFE, experiment.steps, stop);
          expect(await trainer.digest()).toBe(whole.digest);
        },
      ),
      { numRuns: 12 },
    );
    const { trainer } = await openTiny({ experiment });
    for (let step = 1; step <= experiment.steps; step++) {
      if (LIFE[step - 1]) for (const c of LIFE[step - 1]!) trainer.command(c);
      await trainer.train(step);
    }
    expect(await trainer.digest()).toBe(whole.digest);
  });
});

describe('Trainer, resumed', () => {
  it('ends with the digest of the uninterrupted run, from any step', async () => {
    for (const incubation of ['shadow', 'straight-through'] as const) {
      const experiment = tinyExperiment({ growth: { incubation } });
      const whole = await runTiny({ experiment }, LIFE);
      const seen = new Set<string>();
      for (const step of [3, 5, 8, 10, 13, 16, 19, 22, 27, 28, 30, 33, 40, 50]) {
        const storage = memoryRunStorage();
        const first = await openTiny({ experiment, storage });
        await follow(first.trainer, LIFE, step);
        for (const s of stages(first.trainer)) seen.add(s.slice(s.indexOf(':') + 1));
        await first.trainer.save();
        const second = await openTiny({ experiment, storage, resume: true });
        expect(second.trainer.step).toBe(step);
        expect(await tensorBits(second.trainer)).toEqual(await tensorBits(first.trainer));
        await follow(second.trainer, LIFE);
        expect(await second.trainer.digest()).toBe(whole.digest);
      }
      expect([...seen].sort()).toEqual([
        ...['BLENDING', 'FOSSILIZED', 'HOLDING', 'LOADING', 'TRAINING'],
      ]);
    }
  });

  it('does so after every checkpoint of its own, several times over', async () => {
    const experiment = tinyExperiment({ checkpointEverySteps: 7 });
    const whole = await runTiny({ experiment }, LIFE);
    const storage = memoryRunStorage();
    let { trainer } = await openTiny({ experiment, storage });
    // Each sitting ends some steps after a checkpoint, which are lost.
    for (const end of [9, 16, 24, 31, 37, 44]) {
      await follow(trainer, LIFE, end);
      ({ trainer } = await openTiny({ experiment, storage, resume: true }));
      expect(trainer.step).toBe(7 * Math.floor(end / 7));
    }
    await follow(trainer, LIFE);
    expect(await trainer.digest()).toBe(whole.digest);
    const lines = (await storage.events.readAll()).map((l) => JSON.parse(l) as { seq: number });
    expect(lines.map((l) => l.seq)).toEqual(lines.map((_, i) => i));
  });
});

/** Steps in which the seed comes and goes, always in TRAINING when it goes. */
const visits = fc.record({
  layer: fc.constantFrom('fc1', 'fc2', 'fc3'),
  blueprint: fc.constantFrom('low-rank-2', 'widen-3', 'residual-mlp-2'),
  mode: fc.constantFrom('add', 'replace', 'multiply', 'gate' as const),
  from: fc.integer({ min: 1, max: 14 }),
  stay: fc.integer({ min: 11, max: 20 }),
  optimizer: fc.constantFrom(...OPTIMIZERS),
  incubation: fc.constantFrom('shadow', 'straight-through' as const),
  activation: fc.constantFrom('tanh', 'relu', 'gelu', 'sigmoid' as const),
  seed: fc.nat(1000),
});

describe('Trainer, a seed culled in TRAINING', () => {
  it('leaves no trace: the digest is that of a run without it', async () => {
    await fc.assert(
      fc.asyncProperty(visits, async (v) => {
        const { activation, blueprint, from, incubation, layer, mode, optimizer, seed, stay } = v;
        const experiment = tinyExperiment({
          ...{ seed, optimizer, steps: 40 },
          host: { kind: 'mlp', hidden: [3, 5], activation, dropout: 0.2 },
          growth: { incubation },
        });
        const bare = await runTiny({ experiment });
        const { trainer } = await openTiny({ experiment });
        const script = { [from]: [germinate(layer, blueprint, mode)] };
        await follow(trainer, script, from + stay);
        expect(stages(trainer)).toEqual([`${layer}:TRAINING`]);
        await follow(trainer, { [from + stay]: [cull(layer)] });
        expect(await trainer.digest()).toBe(bare.digest);
      }),
      { numRuns: 25 },
    );
  });

  it('leaves none in a CNN, beside another seed that stays', async () => {
    const more: TinyInput = {
      steps: 32,
      batchSize: 3,
      host: { kind: 'cnn', channels: [2, 3], hidden: [], activation: 'relu' },
      growth: { slotsPerLayer: 2 },
      optimizer: { kind: 'adam', clipNorm: 0.1 },
    };
    const experiment = tinyExperiment(more);
    const dataset = tinyDataset([6, 6, 1], 3, 12);
    const stays: Script = { 1: [germinate('conv2', 'conv1x1-2')], 11: [advance('conv2')] };
    const without = await runTiny({ experiment, dataset }, stays);
    const both = await runTiny(
      { experiment, dataset },
      {
        ...stays,
        6: [germinate('conv2', 'conv3x3-2', 'add', 1), germinate('fc1', 'widen-2')],
        24: [cull('conv2', 1), cull('fc1')],
      },
    );
    // The seed that stays is s1 in both runs.
    expect(stages(both.trainer)).toEqual(['conv2:HOLDING']);
    expect(both.digest).toBe(without.digest);
  });

  it('changes no weight or moment of the others when it comes and when it goes', async () => {
    const { trainer } = await openTiny();
    await follow(trainer, { 6: [germinate('fc1', 'widen-3')] }, 9);
    const before = await tensorBits(trainer);
    await follow(trainer, {}, 10);
    const placed = await tensorBits(trainer);
    const { trainer: twin } = await openTiny();
    await follow(twin, {}, 10);
    const bare = await tensorBits(twin);
    const added = [...placed.keys()].filter((name) => !before.has(name));
    expect(added.length).toBe(3 * 4);
    for (const name of added) expect(name).toMatch(/^(moment[12]\/)?fc1\.seeds\.s1\./);
    for (const [name, value] of bare) expect(placed.get(name)).toBe(value);
    const zero = /^(0 ?)+$/;
    for (const name of added.filter((n) => n.startsWith('moment'))) {
      expect(placed.get(name)).toMatch(zero);
    }
    trainer.command(cull('fc1'));
    await trainer.applyCommands();
    expect(await tensorBits(trainer)).toEqual(bare);
  });
});

describe('Trainer, a seed culled in BLENDING or HOLDING', () => {
  it.each([17, 22, 33])('takes all its parameters along (step %i)', async (step) => {
    const { trainer } = await openTiny();
    const bare = trainer.parameters;
    await follow(trainer, wholeLife('fc2', 'residual-mlp-2', 'gate'), step);
    expect(stages(trainer)).toEqual([step < 30 ? 'fc2:BLENDING' : 'fc2:HOLDING']);
    expect(trainer.parameters).toBe(trainer.growth.parameters());
    const with_ = await tensorBits(trainer);
    trainer.command(cull('fc2'));
    await trainer.applyCommands();
    const left = await tensorBits(trainer);
    expect(trainer.parameters).toBe(bare);
    expect([...left.keys()].filter((name) => name.includes('seeds'))).toEqual([]);
    for (const [name, value] of left) expect(value).toBe(with_.get(name));
  });

  it('counts every parameter of every blueprint and mode in every stage', async () => {
    for (const [blueprint, mode] of [
      ['low-rank-3', 'add'],
      ['widen-2', 'replace'],
      ['residual-mlp-3', 'multiply'],
      ['widen-5', 'gate'],
    ] as const) {
      for (const incubation of ['shadow', 'straight-through'] as const) {
        const { trainer } = await openTiny({
          experiment: tinyExperiment({ growth: { incubation } }),
        });
        for (const step of [12, 20, 32, 40]) {
          await follow(trainer, wholeLife('fc1', blueprint, mode), step);
          expect(trainer.parameters).toBe(trainer.growth.parameters());
        }
        expect(stages(trainer)).toEqual(['fc1:FOSSILIZED']);
      }
    }
  });
});

describe('Trainer, alpha by hand', () => {
  it('goes down to 0, where the network is the host alone, and up again', async () => {
    const { trainer } = await openTiny({ experiment: tinyExperiment({ steps: 90 }) });
    const life: Script = { ...wholeLife('fc1', 'widen-3'), 36: [setAlpha('fc1', 0)] };
    await follow(trainer, life, 50);
    expect(trainer.growth.alphas(50)).toEqual([1, 0]);
    expect(stages(trainer)).toEqual(['fc1:HOLDING']);
    const rows = tinyDataset([2]).test.x;
    const off = await trainer.predict(rows);
    trainer.command(cull('fc1'));
    await trainer.applyCommands();
    const host = await trainer.predict(rows);
    expect([...off.logits]).toEqual([...host.logits]);

    const { trainer: again } = await openTiny({ experiment: tinyExperiment({ steps: 90 }) });
    await follow(again, { ...life, 52: [setAlpha('fc1', 0.5)] }, 57);
    const [, half] = again.growth.alphas(57);
    expect(half).toBeGreaterThan(0);
    expect(half).toBeLessThan(0.5);
    await follow(
      again,
      { 70: [setAlpha('fc1', 1)], 88: [{ kind: 'fossilize', layerId: 'fc1', slot: 0 }] },
      90,
    );
    expect(again.growth.record('fc1', 0).state.alpha).toBe(1);
    expect(stages(again)).toEqual(['fc1:FOSSILIZED']);
  });
});
