import { describe, expect, it } from 'vitest';
import { HeuristicSettings, type Observation } from '../contracts/decision.ts';
import type { SeedSlotState } from '../contracts/seed.ts';
import { historyOf, layerOf, observe, only, seedIn, slotOf } from './_observation-fixture.ts';
import { decideHeuristic } from './heuristic-policy.ts';

describe('live seeds', () => {
  const busy = { parametersLeft: 1000, concurrentLeft: 0, seedsLeft: 3 };
  const withSeed = (seed: SeedSlotState, change: Partial<Observation> = {}) =>
    only({ layers: [layerOf('fc1', [seed])], budget: busy, ...change });
  /** Loss 0.4 up to step 500, then the given value. */
  const since = (loss: number) =>
    historyOf([...new Array(10).fill(0.4), ...new Array(10).fill(loss)]);

  it('waits while one loads', async () => {
    expect(await withSeed(seedIn('LOADING'))).toMatchObject({ action: 'wait', rule: 'loading' });
  });

  it('proposes that a trained one blends in, and leaves it to the gate', async () => {
    const decision = await withSeed(seedIn('TRAINING', { gradientRatio: 0.2 }));
    expect(decision).toMatchObject({ action: 'advance', rule: 'trained', layerId: 'fc1', slot: 0 });
    expect(decision.evidence[0]).toMatchObject({ name: 'gradientRatio', value: 0.2, holds: true });
    const unmeasured = await withSeed(seedIn('TRAINING'));
    expect(unmeasured.evidence[0]).toMatchObject({ value: null, holds: false });
    expect(unmeasured.confidence).toBeLessThan(decision.confidence);
  });

  it('does not cull for a loss that rises while a seed trains behind the host', async () => {
    expect((await withSeed(seedIn('TRAINING'), { history: since(4) })).action).toBe('advance');
  });

  it('waits for alpha, then advances', async () => {
    const moving = await withSeed(seedIn('BLENDING', { alpha: 0.25 }));
    expect(moving).toMatchObject({ action: 'wait', rule: 'blending', slot: 0 });
    expect(moving.reason).toBe('Seed s1 of fc1 is blending in: alpha 0.25 of 1');
    expect(await withSeed(seedIn('BLENDING', { alpha: 1 }))).toMatchObject({
      action: 'advance',
      rule: 'blended',
    });
  });

  it.each(['BLENDING', 'HOLDING'] as const)(
    'culls in %s when the loss regressed',
    async (stage) => {
      const decision = await withSeed(seedIn(stage, { alpha: 0.5 }), { history: since(0.61) });
      expect(decision).toMatchObject({ action: 'cull', rule: 'regression', blueprint: 'widen-8' });
      expect(decision.evidence[0]?.value).toBeCloseTo(0.525, 12);
      expect(decision.reason).toContain('the loss rose by 52.5 %');
      const less = await withSeed(seedIn(stage, { alpha: 0.5 }), { history: since(0.59) });
      expect(less.action).toBe('wait');
    },
  );

  it('does not judge a loss before there are two of them, nor one it cannot see', async () => {
    const young = seedIn('BLENDING', { alpha: 0.5, stageSince: 950 });
    const spike = historyOf([0.4, 0.4, 0.4, 4]);
    expect((await withSeed(young, { history: spike })).rule).toBe('blending');
    const blind = historyOf([0.4, 0.4, 4, 4, null]);
    const old = seedIn('BLENDING', { alpha: 0.5, stageSince: 850 });
    expect((await withSeed(old, { history: blind })).rule).toBe('blending');
    const noBaseline = seedIn('BLENDING', { alpha: 0.5, stageSince: 10 });
    expect((await withSeed(noBaseline, { history: since(4) })).rule).toBe('blending');
  });

  it('takes no fright at a tiny loss that doubles', async () => {
    const tiny = historyOf([...new Array(10).fill(1e-5), ...new Array(10).fill(3e-5)]);
    expect((await withSeed(seedIn('BLENDING', { alpha: 0.5 }), { history: tiny })).rule).toBe(
      'blending',
    );
  });

  it('holds a seed until its contribution is measured', async () => {
    const decision = await withSeed(seedIn('HOLDING', { alpha: 1 }));
    expect(decision).toMatchObject({ action: 'wait', rule: 'contribution-unmeasured' });
    expect(decision.evidence).toEqual([
      { name: 'contribution', value: null, threshold: 0, comparison: '>=', holds: false },
    ]);
  });

  it('fossilises one that contributes, even where the loss rose for other reasons', async () => {
    const seed = seedIn('HOLDING', { alpha: 1, contribution: 0.05 });
    expect(await withSeed(seed)).toMatchObject({ action: 'fossilize', rule: 'contribution' });
    expect((await withSeed(seed, { history: since(4) })).action).toBe('fossilize');
  });

  it('culls one that harms once it has settled', async () => {
    const seed = seedIn('HOLDING', { alpha: 1, contribution: -0.01 });
    expect(await withSeed(seed)).toMatchObject({ action: 'cull', rule: 'negative-contribution' });
    const young = await withSeed({ ...seed, stageSince: 960 });
    expect(young).toMatchObject({ action: 'wait', rule: 'contribution-short' });
  });

  it('keeps holding one that helps less than asked for', async () => {
    const strict = HeuristicSettings.parse({ fossilizeContribution: 0.1 });
    const seed = seedIn('HOLDING', { alpha: 1, contribution: 0.05 });
    expect((await withSeed(seed, { settings: strict })).rule).toBe('contribution-short');
    const lenient = HeuristicSettings.parse({ fossilizeContribution: -0.1 });
    const harmful = { ...seed, contribution: -0.05 };
    expect((await withSeed(harmful, { settings: lenient })).action).toBe('fossilize');
    const worse = { ...seed, contribution: -0.2 };
    expect((await withSeed(worse, { settings: lenient })).action).toBe('cull');
  });

  it('leaves fossils, culled and failed seeds alone', async () => {
    for (const stage of ['FOSSILIZED', 'CULLED', 'ERROR_RECOVERY'] as const) {
      expect(await withSeed(seedIn(stage))).toMatchObject({ action: 'wait', rule: 'seeds-busy' });
    }
  });

  it('lists culls, fossils, advances and a germination in this order', async () => {
    const slots = [
      seedIn('TRAINING'),
      seedIn('HOLDING', { alpha: 1, contribution: 0.1 }),
      seedIn('HOLDING', { alpha: 1, contribution: -0.1 }),
      seedIn('LOADING'),
      slotOf(),
    ];
    const decisions = await decideHeuristic(observe({ layers: [layerOf('fc1', slots)] }));
    expect(decisions.map((d) => d.action)).toEqual(['cull', 'fossilize', 'advance', 'germinate']);
    expect(decisions.map((d) => d.slot)).toEqual([2, 1, 0, 4]);
  });

  it('says how many seeds wait', async () => {
    const slots = [seedIn('LOADING'), seedIn('BLENDING'), seedIn('BLENDING')];
    const decision = await only({ layers: [layerOf('fc1', slots)], budget: busy });
    expect(decision.reason).toBe('Seed s1 of fc1 is being loaded; 2 more wait too');
  });
});
