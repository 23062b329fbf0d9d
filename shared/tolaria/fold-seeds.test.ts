import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FOLD_BOUND } from '../kasmina/fold.ts';
import { memoryRunStorage } from '../platform/memory.ts';
import {
  advance,
  cull,
  follow,
  fossilize,
  germinate,
  openTiny,
  type Script,
  setLearningRate,
  stages,
  type TinyInput,
  tinyDataset,
  tinyExperiment,
  wholeLife,
} from './_test-run.ts';
import type { Trainer } from './trainer.ts';

const rows = tinyDataset([2]).test.x;
const logits = async (trainer: Trainer) => [...(await trainer.predict(rows)).logits];

function experimentOf(growth: TinyInput['growth'], more: TinyInput = {}) {
  return tinyExperiment({
    ...{ steps: 60, host: { kind: 'mlp', hidden: [3, 4], activation: 'tanh' } },
    ...more,
    growth: { fold: 'auto', ...growth },
  });
}

const folds = (events: { type: string }[]) => events.filter((e) => e.type === 'fold');

describe('Trainer with growth.fold auto', () => {
  it('makes a low-rank seed part of its matrix: no dispatch, no parameter of its own', async () => {
    const bare = await openTiny({ experiment: experimentOf({}) });
    const { dispatchesPerStep } = bare.trainer.runtime.report!;
    const { trainer, events } = await openTiny({ experiment: experimentOf({}) });
    const life = wholeLife('fc2', 'low-rank-2', 'add');
    await follow(trainer, life, 36);
    const before = await logits(trainer);
    trainer.command(fossilize('fc2'));
    await trainer.applyCommands();
    const after = await logits(trainer);
    const largest = Math.max(...before.map(Math.abs));
    const deviation = Math.max(...after.map((v, i) => Math.abs(v - before[i]!))) / largest;
    expect(deviation).toBeLessThanOrEqual(FOLD_BOUND);
    expect(folds(events)).toEqual([
      expect.objectContaining({
        ...{ step: 36, layerId: 'fc2', seedId: 's1', folded: true, reason: 'into its matrix' },
        ...{ parametersAfter: bare.trainer.parameters, dispatchesAfter: dispatchesPerStep },
        parametersBefore: bare.trainer.parameters + 2 * (3 + 4),
        bound: FOLD_BOUND,
      }),
    ]);
    expect(trainer.growth.record('fc2', 0).state).toMatchObject({
      stage: 'FOSSILIZED',
      folded: true,
    });
    expect(trainer.parameters).toBe(bare.trainer.parameters);
    expect(trainer.growth.parameters()).toBe(trainer.parameters);
    expect(trainer.signals.some((s) => s.seedId === 's1')).toBe(false);
    await follow(trainer);
    expect(folds(events)).toHaveLength(1);
  });

  it('joins widened units with the hidden layer before, which later seeds see', async () => {
    const experiment = experimentOf({ reach: 'span', slotsPerLayer: 2 }, { steps: 80 });
    const { trainer, events } = await openTiny({ experiment });
    await follow(trainer, wholeLife('fc2', 'widen-3', 'add'), 41);
    expect(folds(events)).toEqual([
      expect.objectContaining({ folded: true, reason: '3 units joined fc1' }),
    ]);
    const fc1 = trainer.growth.layerObservations().find((l) => l.layerId === 'fc1')!;
    // 2 features to 3 + 3 units.
    expect([fc1.outFeatures, fc1.parameters]).toEqual([6, 18]);
    expect(trainer.growth.record('fc2', 0).state.parameters).toBe(3 * (2 + 1) + 3 * 4);
    expect(trainer.growth.parameters()).toBe(trainer.parameters);
    const shapes = [...(await trainer.runtime.exportTensors())].map(([n, t]) => `${n} ${t.shape}`);
    expect(shapes).toContain('fc2.weight 1,6,4');
    // Another seed on the layer that became wider.
    await follow(trainer, { 42: [germinate('fc1', 'low-rank-1')], 56: [advance('fc1')] });
    expect(stages(trainer)).toContain('fc1:HOLDING');
  });

  it('waits while a neighbour would change shape, and folds when it is gone', async () => {
    const experiment = experimentOf({ reach: 'span' }, { steps: 70 });
    const { trainer, events } = await openTiny({ experiment });
    const life = wholeLife('fc2', 'widen-3', 'add');
    await follow(trainer, { ...life, 22: [germinate('fc3', 'widen-2')] }, 50);
    expect(stages(trainer)).toEqual(['fc2:FOSSILIZED', 'fc3:TRAINING']);
    expect(folds(events)).toEqual([]);
    await follow(trainer, { 51: [cull('fc3')] }, 52);
    expect(folds(events)).toEqual([expect.objectContaining({ step: 51, folded: true })]);
  });

  describe('with another seed on the layer', () => {
    /** One seed to step 36, the other 10 steps later. */
    const two = (first: string, second: string, mode?: 'add' | 'replace'): Script => ({
      6: [germinate('fc2', first, mode)],
      16: [germinate('fc2', second, mode, 1), advance('fc2')],
      26: [advance('fc2', 1)],
      36: [fossilize('fc2')],
    });
    const open = () => openTiny({ experiment: experimentOf({ slotsPerLayer: 2 }, { steps: 70 }) });

    it('waits while that reads the output that would change, and folds after it', async () => {
      const { trainer, events } = await open();
      await follow(trainer, two('low-rank-2', 'identity', 'add'), 46);
      expect(stages(trainer)).toEqual(['fc2:FOSSILIZED', 'fc2:HOLDING']);
      expect(folds(events)).toEqual([]);
      const gain = (await trainer.runtime.exportTensors()).get('fc2.seeds.s2.gain.weight')!;
      // It does something, so that folding the other first would have been seen.
      expect(gain.data.some((g) => Math.abs(g) > 1e-3)).toBe(true);
      await follow(trainer, { 46: [fossilize('fc2', 1)] }, 60);
      const all = folds(events);
      expect(all).toMatchObject([
        { seedId: 's2', folded: true },
        { seedId: 's1', folded: true },
      ]);
      expect(trainer.runtime.topology.seeds).toEqual([]);
      for (const event of all as unknown as { deviation: number }[]) {
        expect(event.deviation).toBeLessThanOrEqual(FOLD_BOUND);
      }
    });

    it('folds once that was culled', async () => {
      const { trainer, events } = await open();
      await follow(trainer, { ...two('low-rank-2', 'identity', 'add'), 46: [cull('fc2', 1)] }, 48);
      expect(folds(events)).toMatchObject([{ seedId: 's1', folded: true }]);
    });

    it('stays where that stays, and says because of which', async () => {
      const { trainer, events } = await open();
      const script = two('low-rank-2', 'bottleneck-mlp-2', 'add');
      await follow(trainer, { ...script, 46: [fossilize('fc2', 1)] }, 50);
      expect(folds(events)).toMatchObject([
        { seedId: 's2', folded: false },
        {
          ...{ seedId: 's1', folded: false, deviation: null },
          reason: "seed s2 beside it reads the layer's output, which would be another",
        },
      ]);
    });

    it('stays where both read the output: neither can go first', async () => {
      const { trainer, events } = await open();
      const script = two('identity', 'identity', 'add');
      await follow(trainer, { ...script, 46: [fossilize('fc2', 1)] }, 50);
      expect(folds(events)).toMatchObject([
        { seedId: 's1', folded: false, reason: expect.stringContaining('seed s2 beside it') },
        { seedId: 's2', folded: false, reason: expect.stringContaining('seed s1 beside it') },
      ]);
    });
  });

  it('says once why a seed stays a graft', async () => {
    const { trainer, events } = await openTiny({ experiment: experimentOf({}) });
    const before = trainer.parameters;
    await follow(trainer, wholeLife('fc2', 'widen-3', 'gate'));
    expect(folds(events)).toEqual([
      expect.objectContaining({
        ...{ folded: false, reason: expect.stringContaining('gate'), deviation: null },
      }),
    ]);
    expect(trainer.parameters).toBeGreaterThan(before);
    expect(trainer.growth.record('fc2', 0).state.folded).toBeUndefined();
  });

  it('does nothing when it is off, which is the default', async () => {
    const bits: string[] = [];
    for (const growth of [{}, { fold: 'off' as const }]) {
      const { trainer, events } = await openTiny({ experiment: tinyExperiment({ growth }) });
      await follow(trainer, wholeLife('fc1', 'low-rank-2'));
      expect(folds(events)).toEqual([]);
      expect(trainer.runtime.topology.seeds).toHaveLength(1);
      bits.push(await trainer.digest());
    }
    expect(bits[0]).toBe(bits[1]);
  });

  it.each(['sgd', 'adam'] as const)('carries on as the graft would have, with %s', async (kind) => {
    const found: Map<string, Float32Array>[] = [];
    for (const fold of ['auto', 'off'] as const) {
      const experiment = experimentOf(
        { fold, reach: 'span' },
        { optimizer: { kind, learningRate: 0.05 }, steps: 37 },
      );
      const { trainer } = await openTiny({ experiment });
      await follow(trainer, wholeLife('fc2', 'widen-3', 'add'));
      const tensors = await trainer.runtime.exportTensors();
      found.push(new Map([...tensors].map(([name, t]) => [name, t.data])));
    }
    const [folded, graft] = found as [Map<string, Float32Array>, Map<string, Float32Array>];
    // One step after the fold: the same gradients met the same moments.
    const [units, old] = [6, 3];
    const column = (unit: number) =>
      Array.from(folded.get('fc1.weight')!.filter((_, i) => i % units === unit));
    const own = (name: string) => Array.from(graft.get(name)!);
    const near = (got: number[], want: number[]) => {
      expect(got.length).toBe(want.length);
      got.forEach((v, i) => {
        // Adam weighs its next gradient by the host's age, not by the seed's: a hundredth of a step.
        expect(v).toBeCloseTo(want[i]!, kind === 'adam' ? 3 : 5);
      });
    };
    for (let unit = 0; unit < 3; unit++) {
      near(
        column(unit),
        own('fc1.weight').filter((_, i) => i % 3 === unit),
      );
      near(
        column(old + unit),
        own('fc2.seeds.s1.hidden.weight').filter((_, i) => i % 3 === unit),
      );
    }
    near(Array.from(folded.get('fc2.weight')!), [
      ...own('fc2.weight'),
      ...own('fc2.seeds.s1.out.weight'),
    ]);
  });

  it('is undone by a rollback only with what came after it', async () => {
    const { trainer, events } = await openTiny({ experiment: experimentOf({ reach: 'span' }) });
    await follow(trainer, wholeLife('fc2', 'widen-3', 'add'), 41);
    const weights = await trainer.runtime.exportTensors();
    weights.get('fc3.bias')!.data.fill(Number.NaN);
    trainer.runtime.arena.importTensors(weights);
    await follow(trainer, {}, 50);
    expect(events.filter((e) => e.type === 'governor').length).toBe(1);
    expect(trainer.growth.hostChanges).toEqual([{ layerId: 'fc1', units: 6 }]);
    expect(trainer.growth.parameters()).toBe(trainer.parameters);
  });
});

const lives = fc.record({
  blueprint: fc.constantFrom('low-rank-2', 'widen-3', 'residual-mlp-2'),
  layer: fc.constantFrom('fc1', 'fc2', 'fc3'),
  mode: fc.constantFrom('add', 'replace', 'multiply' as const),
  reach: fc.constantFrom('layer', 'span' as const),
  replicas: fc.integer({ min: 1, max: 2 }),
  adam: fc.boolean(),
  at: fc.integer({ min: 1, max: 59 }),
  seed: fc.nat(1000),
});

describe('a run that folds', () => {
  it('gives the same digest when it is interrupted anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(lives, async (v) => {
        const { adam, at, blueprint, layer, mode, reach, replicas, seed } = v;
        const optimizer = adam
          ? ({ kind: 'adamw', learningRate: 0.02, weightDecay: 0.01 } as const)
          : ({ kind: 'sgd', clipNorm: 0.5 } as const);
        const experiment = experimentOf({ reach, slotsPerLayer: 2 }, { optimizer, replicas, seed });
        const script: Script = {
          ...wholeLife(layer, blueprint, mode),
          44: [setLearningRate(0.01), germinate('fc2', 'low-rank-1', 'add', 1)],
        };
        const whole = await openTiny({ experiment });
        await follow(whole.trainer, script);
        expect(folds(whole.events)).toHaveLength(1);
        expect(whole.trainer.growth.parameters()).toBe(whole.trainer.parameters);
        const storage = memoryRunStorage();
        const first = await openTiny({ experiment, storage });
        await follow(first.trainer, script, at);
        await first.trainer.save();
        const second = await openTiny({ experiment, storage, resume: true });
        await follow(second.trainer, script);
        expect(await second.trainer.digest()).toBe(await whole.trainer.digest());
        expect(second.trainer.growth.state).toEqual(whole.trainer.growth.state);
      }),
      { numRuns: 16, seed: 3 },
    );
  });
});
