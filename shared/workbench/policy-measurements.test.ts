import { describe, expect, it } from 'vitest';
import { libraryBlueprint } from '../blueprints/library.ts';
import type { RunEvent } from '../contracts/events.ts';
import { memoryRunStorage } from '../platform/memory.ts';
import { decide } from '../tamiyo/create-policy.ts';
import {
  bits,
  follow,
  openTiny,
  runTiny,
  type TinyInput,
  tinyDataset,
  tinyExperiment,
} from '../tolaria/_test-run.ts';
import { DecisionSource } from '../tolaria/decision-source.ts';
import { betterHalf, successiveHalving } from '../tolaria/successive-halving.ts';
import { type TrialCandidate, TrialNetwork } from '../tolaria/trial-network.ts';
import { policyMeasurements } from './policy-measurements.ts';

const candidate = (layerId: string, blueprint: string): TrialCandidate => ({
  ...{ id: `trial-0-${blueprint}`, layerId, slot: 0, blendMode: 'add' },
  blueprint: libraryBlueprint(blueprint),
});

const of = <T extends RunEvent['type']>(events: readonly RunEvent[], type: T) =>
  events.filter((e): e is Extract<RunEvent, { type: T }> => e.type === type);

describe('trial branches', () => {
  it('leave the branch without a seed where the run itself gets to, bit for bit', async () => {
    for (const optimizer of [
      { kind: 'adam' as const, learningRate: 0.02 },
      { kind: 'sgd' as const, clipNorm: 0.05 },
    ]) {
      const host = { kind: 'mlp' as const, hidden: [4], dropout: 0.2 };
      const { trainer } = await openTiny({ experiment: tinyExperiment({ optimizer, host }) });
      await follow(trainer, {}, 10);
      const names = trainer.runtime.arena.parameters.map((p) => p.name);
      const before = await trainer.digest();
      const network = await TrialNetwork.create(
        trainer.runtime,
        trainer.experiment,
        [candidate('fc1', 'widen-3'), candidate('fc2', 'low-rank-2')],
        10,
        null,
      );
      const rowAt = () => ({
        alphas: [1],
        learningRate: trainer.experiment.optimizer.learningRate,
      });
      network.train(10, 80, rowAt);
      const losses = await network.losses([1]);
      // The trials left no trace, and the run goes on as if they had not been.
      expect(await trainer.digest()).toBe(before);
      for (let step = 10; step < 90; step += 40) trainer.runtime.run(step, 40, rowAt);
      for (const name of names) {
        const own = await trainer.runtime.arena.readParameter(name, 0);
        expect([name, bits(await network.readParameter(name, 0))]).toEqual([name, bits(own)]);
        const grown = await network.readParameter(name, 1);
        expect(bits(grown)).not.toBe(bits(own));
      }
      const { loss } = await trainer.runtime.evaluate('validation', [1]);
      expect(losses[0]).toBeCloseTo(loss[0]!, 6);
      network.dispose();
      trainer.dispose();
    }
  });

  it('have the bits they would have alone, and keep them from round to round', async () => {
    const { trainer } = await openTiny();
    await follow(trainer, {}, 10);
    const both = [candidate('fc1', 'widen-3'), candidate('fc1', 'low-rank-2')];
    const rowAt = () => ({ alphas: [1], learningRate: 0.02 });
    const open = (some: TrialCandidate[], before: TrialNetwork | null = null) =>
      TrialNetwork.create(...([trainer.runtime, trainer.experiment, some, 10, before] as const));
    const together = await open(both);
    together.train(10, 6, rowAt);
    const alone = await open([both[1]!]);
    alone.train(10, 6, rowAt);
    const name = 'fc1.seeds.trial-0-low-rank-2.up.weight';
    expect(bits(await together.readParameter(name, 2))).toBe(
      bits(await alone.readParameter(name, 1)),
    );
    const later = await open([both[1]!], together);
    later.train(16, 5, rowAt);
    alone.train(16, 5, rowAt);
    expect(bits(await later.readParameter(name, 1))).toBe(bits(await alone.readParameter(name, 1)));
    for (const network of [together, alone, later]) network.dispose();
    trainer.dispose();
  });
});

describe('successive halving', () => {
  it('doubles the steps of the better half until one is left, and counts the work', async () => {
    const { trainer } = await openTiny();
    await follow(trainer, {}, 10);
    const candidates = ['widen-3', 'low-rank-2', 'widen-6', 'low-rank-1', 'widen-2'].map((name) =>
      candidate('fc1', name),
    );
    const look = {
      ...{ runtime: trainer.runtime, growth: trainer.growth, experiment: trainer.experiment },
      ...{ step: 10, row: { alphas: [1], learningRate: 0.02 }, emit: () => {} },
      rowAt: () => ({ alphas: [1], learningRate: 0.02 }),
    };
    const first = await successiveHalving(look, candidates, 4);
    // 5 branches for 4 steps, 3 for 8 more, 2 for 16 more, 1 for 32 more.
    expect(first.outcomes.map((o) => o.rounds).sort()).toEqual([1, 1, 2, 3, 4]);
    expect(new Set(first.outcomes.map((o) => o.steps))).toEqual(new Set([4, 12, 28, 60]));
    const trained = (6 * 4 + 4 * 8 + 3 * 16 + 2 * 32) * 6;
    expect(first.backwardRows).toBe(trained);
    expect(first.forwardRows).toBe(trained + (6 + 4 + 3 + 2) * 17);
    expect(await successiveHalving(look, candidates, 4)).toEqual(first);
    trainer.dispose();
  });

  it('keeps the earlier of equals and drops what is not finite first', () => {
    expect(betterHalf(['a', 'b', 'c'], [1, 1, 1])).toEqual(['a', 'b']);
    expect(betterHalf(['a', 'b', 'c', 'd'], [Number.NaN, 3, 9, 2])).toEqual(['b', 'd']);
    expect(betterHalf(['a'], [Number.NaN])).toEqual(['a']);
  });
});

describe('probe policy in a run', () => {
  const settings = {
    ...{ plateauPatience: 1, plateauImprovement: 1, warmupSteps: 0, targetAccuracy: 1 },
    growUntilShare: 0.5,
  };
  const probe = (more: TinyInput = {}, change = {}) => ({
    dataset: tinyDataset([2]),
    experiment: tinyExperiment({
      growth: { maxSeeds: 1, blueprints: ['widen-4', 'low-rank-2'] },
      policy: { kind: 'probe', firstSteps: 5, everyLooks: 1, settings, ...change },
      ...more,
    }),
    decisions: new DecisionSource(decide, null),
    advisor: policyMeasurements(libraryBlueprint),
  });

  it('plants the winner of its trials, and runs the same twice', async () => {
    const { digest, events, trainer } = await runTiny(probe());
    const decision = of(events, 'decision')
      .map((e) => e.decision)
      .find((d) => d.action === 'germinate');
    expect(decision?.rule).toBe('probe');
    const value = (name: string) => decision!.evidence.find((e) => e.name === name)!.value!;
    expect(value('candidatesTried')).toBe(4);
    expect(value('trialLoss')).toBeLessThan(value('lossWithout'));
    expect(value('trialSteps')).toBe(5 + 10 + 20);
    const [cost] = of(events, 'policy-cost');
    expect(cost).toMatchObject({ purpose: 'trials', backwardRows: (5 * 5 + 3 * 10 + 2 * 20) * 6 });
    const again = await runTiny(probe());
    expect(again.digest).toBe(digest);
    trainer.dispose();
    again.trainer.dispose();
  });

  it('does not grow when no trial gains what it must, and the run has no trace of it', async () => {
    const run = await runTiny(probe({}, { minBenefit: 1 }));
    const wait = of(run.events, 'decision').find((e) => e.decision.rule === 'do-not-grow');
    expect(wait?.decision.reason).toContain('the best of 4 trials');
    const bare = await runTiny({ dataset: tinyDataset([2]) });
    expect(run.digest).toBe(bare.digest);
    run.trainer.dispose();
    bare.trainer.dispose();
  });

  it('tries only at its looks', async () => {
    const run = await runTiny(probe({}, { everyLooks: 3, minBenefit: 1 }));
    const steps = of(run.events, 'policy-cost').map((e) => e.step);
    expect(steps.length).toBeGreaterThan(0);
    for (const step of steps) expect(step % 15).toBe(0);
    run.trainer.dispose();
  });
});

describe('policies that measure', () => {
  const settings = {
    ...{ plateauPatience: 1, plateauImprovement: 1, warmupSteps: 0, targetAccuracy: 1 },
    growUntilShare: 0.5,
  };

  it.each([
    ['gradmax', {}],
    ['tiny', { reach: 'span' as const }],
    ['probe', {}],
  ] as const)(
    '%s: a run that was interrupted anywhere ends as one that was not',
    async (kind, more) => {
      const growth = { maxSeeds: 2, blueprints: ['widen-4'], ...more };
      const trials = kind === 'probe' ? { firstSteps: 3, everyLooks: 1 } : {};
      const experiment = tinyExperiment({ growth, policy: { kind, settings, ...trials } as never });
      const open = (storage: ReturnType<typeof memoryRunStorage>, resume = false) =>
        openTiny({
          ...{ experiment, storage, resume, dataset: tinyDataset([5]) },
          decisions: new DecisionSource(decide, null),
          advisor: policyMeasurements(libraryBlueprint),
        });
      const whole = (await open(memoryRunStorage())).trainer;
      await whole.train(50);
      expect(whole.growth.state.germinated).toBeGreaterThan(0);
      const digest = await whole.digest();
      whole.dispose();
      for (const stop of [12, 15, 20, 25, 33]) {
        const storage = memoryRunStorage();
        const first = (await open(storage)).trainer;
        await first.train(stop);
        await first.save();
        first.dispose();
        const second = (await open(storage, true)).trainer;
        await second.train(50);
        expect([stop, await second.digest()]).toEqual([stop, digest]);
        second.dispose();
      }
    },
  );
});
