import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decision, type Observation } from '../contracts/decision.ts';
import type { RunEvent } from '../contracts/events.ts';
import { PolicyKnowledge } from '../contracts/knowledge.ts';
import { PolicySpec } from '../contracts/policy.ts';
import { gradient, layerOf, observe, outcome, slotOf } from './_observation-fixture.ts';
import {
  addKnowledge,
  armModel,
  EMPTY_KNOWLEDGE,
  estimate,
  FEATURES,
  featuresOf,
  lookContext,
  placeKind,
} from './bandit.ts';
import { CULL_REWARD, keptReward, learnFromRun } from './bandit-learning.ts';
import { decide } from './create-policy.ts';

const D = FEATURES.length;
/** An arm that saw `n` looks like x, each with this reward. */
function armOf(x: readonly number[], reward: number, n: number) {
  return {
    gram: x.flatMap((a) => x.map((b) => n * a * b)),
    moment: x.map((a) => n * reward * a),
    pulls: n,
    rewardSum: n * reward,
  };
}

const policy = (change = {}) => PolicySpec.parse({ kind: 'bandit', ...change });
async function ask(change: Partial<Observation> = {}, settings = {}) {
  const layers = ['fc1', 'fc2', 'fc3'].map((id) => layerOf(id, [slotOf()]));
  const decisions = await decide(
    observe({ policy: policy(settings), knowledge: EMPTY_KNOWLEDGE, layers, ...change }),
  );
  expect(decisions).toHaveLength(1);
  return Decision.parse(decisions[0]);
}

describe('arm model', () => {
  it('is ridge regression, in closed form for one feature', () => {
    const model = armModel({ gram: [4], moment: [2], pulls: 4, rewardSum: 2 }, 1, 1);
    expect(model.weights[0]).toBeCloseTo(2 / 5, 12);
    const { mean, width } = estimate(model, [0.5]);
    expect(mean).toBeCloseTo(0.2, 12);
    expect(width).toBeCloseTo(0.5 / Math.sqrt(5), 12);
  });

  it('inverts what it is given, and knows nothing of an arm it has not seen', () => {
    const x = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: D, maxLength: D });
    fc.assert(
      fc.property(fc.array(x, { minLength: 1, maxLength: 6 }), (looks) => {
        const gram = new Array<number>(D * D).fill(0);
        for (const v of looks) {
          for (let i = 0; i < D; i++) for (let j = 0; j < D; j++) gram[i * D + j]! += v[i]! * v[j]!;
        }
        const arm = { gram, moment: new Array<number>(D).fill(0), pulls: 1, rewardSum: 0 };
        const { inverse } = armModel(arm, 0.5, D);
        for (let i = 0; i < D; i++) {
          for (let j = 0; j < D; j++) {
            let sum = 0;
            for (let k = 0; k < D; k++) {
              sum += (gram[i * D + k]! + (i === k ? 0.5 : 0)) * inverse[k * D + j]!;
            }
            expect(sum).toBeCloseTo(i === j ? 1 : 0, 9);
          }
        }
        const blank = estimate(armModel(undefined, 1, D), looks[0]!);
        expect(blank.mean).toBe(0);
        expect(blank.width).toBeCloseTo(Math.hypot(...looks[0]!), 12);
      }),
      { numRuns: 40 },
    );
  });
});

describe('bandit policy', () => {
  const features = (layer: string, parameters: number) => {
    const look = lookContext(observe());
    return featuresOf(look, look.layers.get(layer), parameters);
  };

  it('prefers the arm that paid, and tries another when it may explore', async () => {
    const known: PolicyKnowledge = {
      ...EMPTY_KNOWLEDGE,
      arms: {
        'linear-hidden|widen-8': armOf(features('fc2', 60), 0.4, 50),
        'linear-hidden|residual-mlp-16': armOf(features('fc2', 388), -0.1, 50),
      },
    };
    const greedy = await ask({ knowledge: known }, { exploration: 0 });
    expect(greedy).toMatchObject({ rule: 'bandit', layerId: 'fc2', blueprint: 'widen-8' });
    const value = (name: string) => greedy.evidence.find((e) => e.name === name)?.value;
    expect(value('pulls')).toBe(50);
    expect(value('expectedReward')).toBeGreaterThan(0.35);
    expect(value('x.one')).toBe(1);
    const curious = await ask({ knowledge: known }, { exploration: 10 });
    expect(curious.layerId).not.toBe('fc2');
    expect(curious.reason).toContain('never tried');
  });

  it('breaks ties by order, and leaves out what failed there', async () => {
    // With no parameters to tell them apart all unknown arms are alike.
    const offers = [
      { blueprint: 'a', parameters: 60 },
      { blueprint: 'b', parameters: 60 },
    ];
    const layers = ['fc1', 'fc2'].map((id) => layerOf(id, [slotOf()], { offers }));
    expect(await ask({ layers })).toMatchObject({ layerId: 'fc1', blueprint: 'a' });
    const outcomes = [outcome('a', 'culled'), outcome('a', 'culled')];
    expect(await ask({ layers, outcomes })).toMatchObject({ layerId: 'fc1', blueprint: 'b' });
  });

  it('waits when its knowledge was not read', async () => {
    const [d] = await decide(observe({ policy: policy() }));
    expect(d).toMatchObject({ action: 'wait', rule: 'knowledge-unread' });
  });

  it('sees gradients as shares of the largest', () => {
    const layers = ['fc1', 'fc2'].map((id) => layerOf(id, [slotOf()]));
    const look = lookContext(
      observe({ layers, signals: [gradient('fc1', 2), gradient('fc2', 1)] }),
    );
    const at = FEATURES.indexOf('gradientShare');
    const shareOf = (layer: string) => featuresOf(look, look.layers.get(layer), 1)[at];
    expect(shareOf('fc1')).toBe(1);
    expect(shareOf('fc2')).toBe(0.5);
    expect(shareOf('nowhere')).toBe(0);
    expect(placeKind(layers, 0)).toBe('linear-first');
    expect(placeKind(layers.slice(0, 1), 0)).toBe('linear-only');
  });
});

describe('learning', () => {
  const x = FEATURES.map((_, i) => (i === 0 ? 1 : 0.25));
  let seq = 0;
  const event = (step: number, body: object) => ({ seq: seq++, step, ...body }) as RunEvent;
  const decision = (step: number, layerId: string) =>
    event(step, {
      ...{ type: 'decision', source: 'in-process' },
      decision: {
        ...{ id: 'd', step, action: 'germinate', layerId, slot: 0, blueprint: 'widen-8' },
        ...{ rule: 'bandit', reason: '', confidence: 1, urgency: 1 },
        evidence: FEATURES.map((name, i) => ({
          ...{ name: `x.${name}`, value: x[i], threshold: null, comparison: null, holds: true },
        })),
      },
    });
  const move = (step: number, from: string, to: string, parameters: number, layer = 'fc1') =>
    event(step, {
      ...{ type: 'transition', layerId: layer, slot: 0, seedId: `s-${layer}`, from, to },
      ...{ blueprint: 'widen-8', cause: '', parameters },
    });
  const gate = (step: number, contribution: number) =>
    event(step, {
      ...{ type: 'gate', layerId: 'fc1', slot: 0, gate: 'G5', passed: true },
      checks: [{ name: 'contribution', passed: true, value: contribution, threshold: 0 }],
    });
  const events = [
    event(50, { type: 'metrics', loss: [0.5], accuracy: [0.5] }),
    decision(50, 'fc1'),
    move(100, 'DORMANT', 'LOADING', 100),
    move(150, 'LOADING', 'TRAINING', 150),
    event(400, { type: 'metrics', loss: [0.3], accuracy: [0.7] }),
    gate(400, 0.1),
    move(400, 'HOLDING', 'FOSSILIZED', 150),
    decision(400, 'fc2'),
    move(450, 'DORMANT', 'LOADING', 150, 'fc2'),
    move(500, 'LOADING', 'TRAINING', 200, 'fc2'),
    move(600, 'TRAINING', 'CULLED', 150, 'fc2'),
    decision(600, 'fc3'),
    move(650, 'DORMANT', 'LOADING', 150, 'fc3'),
  ];
  const placeOf = (layer: string) => (layer === 'fc1' ? 'linear-first' : 'linear-hidden');

  it('turns kept and culled seeds into rewards of their arms, and the living into nothing', () => {
    const learned = learnFromRun(events, placeOf, 0.3);
    expect(PolicyKnowledge.parse(learned)).toEqual(learned);
    const reward = keptReward(0.1, 0.3, 50 / 150, 0.3);
    expect(reward).toBeCloseTo(0.25 - 0.1, 12);
    expect(Object.keys(learned.arms)).toEqual(['linear-first|widen-8', 'linear-hidden|widen-8']);
    expect(learned.arms['linear-first|widen-8']).toEqual(armOf(x, reward, 1));
    expect(learned.arms['linear-hidden|widen-8']?.rewardSum).toBe(CULL_REWARD);
  });

  it('adds up: two runs teach what one after the other would', () => {
    const learned = learnFromRun(events, placeOf, 0);
    const twice = addKnowledge(addKnowledge(EMPTY_KNOWLEDGE, learned), learned);
    expect(twice.arms['linear-first|widen-8']?.pulls).toBe(2);
    expect(addKnowledge(learned, EMPTY_KNOWLEDGE)).toEqual(learned);
    const other = { ...EMPTY_KNOWLEDGE, features: ['one'] };
    expect(() => addKnowledge(learned, other)).toThrow('the features differ');
  });
});
