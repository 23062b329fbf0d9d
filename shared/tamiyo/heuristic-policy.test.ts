import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decision, Observation } from '../contracts/decision.ts';
import { SEED_STAGES } from '../contracts/seed.ts';
import {
  gradient,
  historyOf,
  layerOf,
  observe,
  only,
  outcome,
  seedIn,
  settings,
  slotOf,
} from './_observation-fixture.ts';
import { createPolicy } from './create-policy.ts';
import { decideHeuristic, draftHeuristic, heuristicDigest } from './heuristic-policy.ts';

describe('decision ids', () => {
  it('name step, action, target and rule, and nothing else', async () => {
    const first = await only({});
    expect(first.id).toMatch(/^[0-9a-f]{16}$/);
    expect((await only({ signals: [gradient('fc1', 1)] })).id).toBe(first.id);
    expect((await only({ step: 1001 })).id).not.toBe(first.id);
  });
});

describe('heuristicDigest()', () => {
  it('changes with the settings only', async () => {
    const digest = await heuristicDigest(settings);
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(await heuristicDigest({ ...settings })).toBe(digest);
    expect(await heuristicDigest({ ...settings, warmupSteps: 101 })).not.toBe(digest);
  });
});

describe('createPolicy()', () => {
  it('knows the policies of the experiment file', async () => {
    for (const kind of ['none', 'manual'] as const) {
      const policy = createPolicy({ kind });
      expect(policy.name).toBe(kind);
      expect(await policy.decide(observe())).toMatchObject([{ action: 'wait', rule: kind }]);
    }
    const policy = createPolicy({ kind: 'heuristic', settings });
    expect(await policy.decide(observe())).toEqual(await decideHeuristic(observe()));
  });
});

describe('properties', () => {
  const nullable = (max: number) =>
    fc.option(fc.double({ min: -max, max, noNaN: true }), { nil: null });
  const slots = fc.record({
    stage: fc.constantFrom(...SEED_STAGES, 'DORMANT' as const, 'DORMANT' as const),
    alpha: fc.constantFrom(0, 0.5, 1),
    stageSince: fc.nat(1000),
    contribution: nullable(1),
    gradientRatio: nullable(1),
    embargoUntil: fc.constantFrom(0, 500, 1000, 1001, 2000),
  });
  const layers = fc.record({
    slots: fc.array(slots, { maxLength: 4 }),
    offers: fc.array(
      fc.record({ blueprint: fc.constantFrom('a', 'b', 'c'), parameters: fc.nat(300) }),
      { maxLength: 3 },
    ),
    gradientNorm: nullable(10),
  });
  const observations = fc
    .record({
      losses: fc.array(nullable(2), { maxLength: 12 }),
      accuracy: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: null }),
      layers: fc.array(layers, { maxLength: 5 }),
      culled: fc.array(fc.tuple(fc.nat(4), fc.constantFrom('a', 'b', 'c')), { maxLength: 6 }),
      budget: fc.record({
        parametersLeft: fc.integer({ min: -10, max: 300 }),
        concurrentLeft: fc.integer({ min: -1, max: 2 }),
        seedsLeft: fc.integer({ min: -1, max: 2 }),
      }),
    })
    .map((r) =>
      observe({
        history: historyOf(r.losses, r.accuracy),
        layers: r.layers.map((l, i) =>
          layerOf(
            `fc${i}`,
            l.slots.map((s) => (s.stage === 'DORMANT' ? slotOf(s) : seedIn(s.stage, s))),
            { offers: l.offers },
          ),
        ),
        signals: r.layers.map((l, i) => gradient(`fc${i}`, l.gradientNorm)),
        outcomes: r.culled.map(([i, name]) => outcome(name, 'culled', `fc${i}`)),
        budget: r.budget,
      }),
    );

  it('keeps to the budget, to free slots and to the stages an action is for', async () => {
    let germinated = 0;
    await fc.assert(
      fc.asyncProperty(observations, async (o) => {
        const decisions = await decideHeuristic(o);
        expect(decisions.length).toBeGreaterThan(0);
        const targets = decisions.map((d) => `${d.layerId}/${d.slot}`);
        expect(new Set(targets).size).toBe(targets.length);
        expect(decisions.filter((d) => d.action === 'germinate').length).toBeLessThanOrEqual(1);
        if (decisions.length > 1) expect(decisions.every((d) => d.action !== 'wait')).toBe(true);
        for (const decision of decisions) {
          Decision.parse(decision);
          const layer = o.layers.find((l) => l.layerId === decision.layerId);
          const slot = layer?.slots[decision.slot ?? -1];
          switch (decision.action) {
            case 'germinate': {
              germinated++;
              expect(slot?.stage).toBe('DORMANT');
              expect(o.step).toBeGreaterThanOrEqual(slot?.embargoUntil ?? Number.NaN);
              const offers = layer?.offers.filter((f) => f.blueprint === decision.blueprint) ?? [];
              const cheapest = Math.min(...offers.map((f) => f.parameters));
              expect(cheapest).toBeLessThanOrEqual(o.budget.parametersLeft);
              expect(o.budget.concurrentLeft).toBeGreaterThan(0);
              expect(o.budget.seedsLeft).toBeGreaterThan(0);
              break;
            }
            case 'cull':
              expect(['BLENDING', 'HOLDING']).toContain(slot?.stage);
              break;
            case 'advance':
              expect(['TRAINING', 'BLENDING']).toContain(slot?.stage);
              break;
            case 'fossilize':
              expect(slot?.stage).toBe('HOLDING');
              expect(slot?.contribution).toBeGreaterThanOrEqual(o.settings.fossilizeContribution);
              break;
            case 'wait':
              break;
          }
        }
      }),
      { numRuns: 400 },
    );
    expect(germinated).toBeGreaterThan(0);
  });

  it('answers the same after a round trip through JSON, and leaves the question alone', async () => {
    await fc.assert(
      fc.asyncProperty(observations, async (o) => {
        const copy = Observation.parse(JSON.parse(JSON.stringify(o)));
        const before = structuredClone(o);
        const first = await decideHeuristic(o);
        expect(o).toEqual(before);
        const second = await decideHeuristic(copy);
        expect(second).toEqual(first);
        expect(JSON.parse(JSON.stringify(first))).toEqual(first);
      }),
      { numRuns: 100 },
    );
  });
});

describe('size', () => {
  it('passes over no seed for ever when there are more than fit one answer', () => {
    const layers = Array.from({ length: 50 }, (_, i) =>
      layerOf(`fc${i}`, new Array(4).fill(seedIn('TRAINING'))),
    );
    const seen = new Set<string>();
    for (let step = 1000; step < 5000; step += 50) {
      for (const draft of draftHeuristic(observe({ step, layers }))) {
        seen.add(`${draft.layerId}/${draft.slot}`);
      }
    }
    expect(seen.size).toBe(200);
  });
});
