import { describe, expect, it } from 'vitest';
import { HeuristicSettings, type Observation } from '../contracts/decision.ts';
import {
  gradient,
  historyOf,
  layerOf,
  only,
  outcome,
  seedIn,
  slotOf,
} from './_observation-fixture.ts';

describe('growth', () => {
  it('germinates the first offer in the first layer on a plateau, and says why', async () => {
    const decision = await only({});
    expect(decision).toMatchObject({
      step: 1000,
      action: 'germinate',
      layerId: 'fc1',
      slot: 0,
      blueprint: 'residual-mlp-16',
      rule: 'plateau',
      confidence: 1,
    });
    expect(decision.reason).toBe(
      'The loss has stopped falling (best of the last 2 observations: 0 %) at training accuracy ' +
        '0.6; fc1 gets residual-mlp-16, the first layer with room (gradients unmeasured)',
    );
    expect(decision.evidence).toContainEqual({
      name: 'bestLossImprovement',
      value: 0,
      threshold: 0.03,
      comparison: '<',
      holds: true,
    });
    expect(decision.evidence).toContainEqual({
      name: 'gradientPerRootParameter',
      value: null,
      threshold: null,
      comparison: null,
      holds: false,
    });
    expect(decision.urgency).toBeCloseTo((0.995 - 0.6) / 0.995, 12);
  });

  it.each<[string, Partial<Observation>]>([
    ['warm-up', { step: 99 }],
    ['target-reached', { history: historyOf([0.1, 0.1, 0.1, 0.1], 0.995) }],
    ['accuracy-unmeasured', { history: historyOf([0.6, 0.6, 0.6, 0.6], null) }],
    ['improving', { history: historyOf([0.8, 0.7, 0.6, 0.5]) }],
    ['loss-unmeasured', { history: historyOf([0.6, 0.6, 0.6]) }],
    ['loss-unmeasured', { history: historyOf([0.6, 0.6, 0.6, 0.6, 0.6, null]) }],
    ['accuracy-unmeasured', { history: [] }],
    ['seeds-spent', { budget: { parametersLeft: 1000, concurrentLeft: 1, seedsLeft: 0 } }],
    ['seeds-busy', { budget: { parametersLeft: 1000, concurrentLeft: 0, seedsLeft: 1 } }],
    ['seeds-busy', { budget: { parametersLeft: 1000, concurrentLeft: -1, seedsLeft: 1 } }],
    ['no-offer', { budget: { parametersLeft: 59, concurrentLeft: 1, seedsLeft: 1 } }],
    ['no-offer', { layers: [layerOf('fc1', [slotOf()], { offers: [] })] }],
    ['no-slot', { layers: [] }],
    ['no-slot', { layers: [layerOf('fc1', [slotOf({ embargoUntil: 1001 })])] }],
    ['no-slot', { layers: [layerOf('fc1', [seedIn('FOSSILIZED')])] }],
  ])('waits for %s', async (rule, change) => {
    const decision = await only(change);
    expect(decision).toMatchObject({ action: 'wait', rule, layerId: null, urgency: 0 });
    expect(decision.reason.length).toBeGreaterThan(10);
    const last = decision.evidence.at(-1);
    if (!['no-slot', 'no-offer'].includes(rule)) expect(last?.holds).toBe(false);
  });

  it('needs every one of the last observations flat', async () => {
    expect((await only({ history: historyOf([1, 1, 0.9, 0.89]) })).rule).toBe('improving');
    const patient = HeuristicSettings.parse({ plateauPatience: 1 });
    expect((await only({ history: historyOf([1, 0.98]), settings: patient })).rule).toBe('plateau');
    expect((await only({ history: historyOf([1, 0.96]), settings: patient })).rule).toBe(
      'improving',
    );
  });

  it('sees through gaps in the history', async () => {
    const history = historyOf([0.6, null, 0.6, null, 0.6, 0.6]);
    expect((await only({ history })).rule).toBe('plateau');
  });

  it('counts a rising loss as a plateau', async () => {
    expect((await only({ history: historyOf([0.5, 0.6, 0.7, 0.8]) })).action).toBe('germinate');
  });

  it('takes the first offer that fits the parameters left', async () => {
    const budget = { parametersLeft: 60, concurrentLeft: 1, seedsLeft: 1 };
    expect((await only({ budget })).blueprint).toBe('widen-8');
  });

  it('takes the first free slot off embargo', async () => {
    const justFree = slotOf({ embargoUntil: 1000 });
    const slots = [seedIn('FOSSILIZED'), slotOf({ embargoUntil: 5000 }), justFree];
    expect(await only({ layers: [layerOf('fc1', slots)] })).toMatchObject({ slot: 2 });
  });
});

describe('where to grow', () => {
  const layers = ['fc1', 'fc2', 'fc3'].map((id) => layerOf(id, [slotOf()]));

  it('prefers the largest gradient per root of the parameter count', async () => {
    const big = layerOf('fc2', [slotOf()], { parameters: 1200 });
    const decision = await only({
      layers: [layers[0] as Observation['layers'][number], big, layers[2] as typeof big],
      signals: [gradient('fc1', 1), gradient('fc2', 5), gradient('fc3', 2)],
    });
    expect(decision.layerId).toBe('fc3');
    expect(decision.reason).toContain('where the gradient per parameter is largest');
  });

  it('prefers measured layers, the newest signal, and the first of equals', async () => {
    expect((await only({ layers, signals: [gradient('fc2', 0.1)] })).layerId).toBe('fc2');
    const signals = [gradient('fc3', 9, 900), gradient('fc1', 1), gradient('fc3', 0.5)];
    expect((await only({ layers, signals })).layerId).toBe('fc1');
    const equal = [gradient('fc3', 1), gradient('fc2', 1)];
    expect((await only({ layers, signals: equal })).layerId).toBe('fc2');
  });

  it('does not take a seed for its host, nor a missing value for a small one', async () => {
    const ofSeed = { ...gradient('fc3', 9), seedId: 's1' };
    const signals = [ofSeed, gradient('fc3', null), gradient('fc2', 0.1)];
    expect((await only({ layers, signals })).layerId).toBe('fc2');
  });

  it('passes over a layer without room', async () => {
    const full = layerOf('fc1', [seedIn('FOSSILIZED')]);
    const signals = [gradient('fc1', 9)];
    expect((await only({ layers: [full, layerOf('fc2', [slotOf()])], signals })).layerId).toBe(
      'fc2',
    );
  });
});

describe('what failed before', () => {
  const outcomes = [outcome('residual-mlp-16', 'culled')];

  it('comes after what did not', async () => {
    expect((await only({ outcomes })).blueprint).toBe('widen-8');
    const layers = [layerOf('fc1', [slotOf()]), layerOf('fc2', [slotOf()])];
    const both = [...outcomes, outcome('widen-8', 'culled')];
    expect(await only({ layers, outcomes: both })).toMatchObject({
      layerId: 'fc2',
      blueprint: 'residual-mlp-16',
    });
  });

  it('is tried again when there is nothing else, with less confidence', async () => {
    const layers = [layerOf('fc1', [slotOf()], { offers: [{ blueprint: 'a', parameters: 1 }] })];
    const decision = await only({ layers, outcomes: [outcome('a', 'culled')] });
    expect(decision).toMatchObject({ action: 'germinate', blueprint: 'a' });
    expect(decision.confidence).toBeCloseTo(1 / 3, 12);
  });

  it('is given up after two culls in a row', async () => {
    const layers = [layerOf('fc1', [slotOf()], { offers: [{ blueprint: 'a', parameters: 1 }] })];
    const twice = [outcome('a', 'culled'), outcome('a', 'culled')];
    expect(await only({ layers, outcomes: twice })).toMatchObject({
      action: 'wait',
      rule: 'penalised',
    });
  });

  it('is forgiven as other seeds come and go there', async () => {
    const later = [outcome('widen-8', 'fossilized'), outcome('widen-8', 'fossilized')];
    expect((await only({ outcomes: [...outcomes, ...later] })).blueprint).toBe('residual-mlp-16');
    const elsewhere = later.map((each) => ({ ...each, layerId: 'fc9' }));
    expect((await only({ outcomes: [...outcomes, ...elsewhere] })).blueprint).toBe('widen-8');
  });
});
