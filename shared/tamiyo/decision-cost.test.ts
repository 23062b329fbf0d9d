/** One pass over thousands of slots decides what the plain way decides, and looks at each just once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Observation, Observation as ObservationSchema } from '../contracts/decision.ts';
import { SEED_STAGES, type SeedSlotState } from '../contracts/seed.ts';
import {
  gradient,
  historyOf,
  layerOf,
  observe,
  outcome,
  seedIn,
  slotOf,
} from './_observation-fixture.ts';
import { judgedSeeds, named, plainSite } from './_plain-heuristic.ts';
import type { DecisionDraft } from './decision-record.ts';
import { answerWith, MAX_DECISIONS } from './growth-answer.ts';
import { growthMoment } from './growth-rule.ts';
import { decideHeuristic, draftHeuristic } from './heuristic-policy.ts';
import { draftFor } from './live-seeds.ts';
import { lossHistory } from './loss-trend.ts';

const number = (max: number) =>
  fc.option(fc.double({ min: -max, max, noNaN: true }), { nil: null, freq: 4 });
const norm = fc.option(fc.double({ min: 0, max: 10, noNaN: true }), { nil: null, freq: 4 });
const blueprint = fc.constantFrom('a', 'b', 'c', 'd');
const slots = fc.record({
  stage: fc.constantFrom(...SEED_STAGES, 'TRAINING' as const, 'DORMANT' as const),
  alpha: fc.constantFrom(0, 0.5, 1),
  stageSince: fc.integer({ min: 400, max: 1000 }),
  contribution: number(0.1),
  gradientRatio: number(1),
  embargoUntil: fc.constantFrom(0, 0, 1000, 1001),
});
const layerWith = (fewestSlots: number) =>
  fc.record({
    slots: fc.array(slots, { minLength: fewestSlots, maxLength: 5 }),
    offers: fc.array(fc.record({ blueprint, parameters: fc.nat(300) }), { maxLength: 4 }),
    parameters: fc.nat(2000),
  });
const observations: fc.Arbitrary<Observation> = fc
  .record({
    losses: fc.oneof(
      fc.array(number(2), { minLength: 1, maxLength: 12 }),
      // A plateau, so that growth is decided too.
      fc.array(fc.constantFrom(0.6, 0.6001, 0.7), { minLength: 10, maxLength: 12 }),
    ),
    layers: fc.oneof(
      fc.array(layerWith(1), { minLength: 1, maxLength: 2 }),
      // Often more live seeds than an answer has room for.
      fc.array(layerWith(4), { minLength: 16, maxLength: 24 }),
    ),
    signals: fc.array(fc.tuple(fc.nat(25), norm, fc.constantFrom(900, 950, 1000), fc.boolean()), {
      maxLength: 60,
    }),
    outcomes: fc.array(
      fc.tuple(fc.nat(12), blueprint, fc.constantFrom('culled' as const, 'fossilized' as const)),
      { maxLength: 60 },
    ),
    step: fc.integer({ min: 1000, max: 1500 }),
    room: fc.constantFrom(0, 1, 2),
    parametersLeft: fc.integer({ min: -10, max: 400 }),
  })
  .map((r) =>
    observe({
      step: r.step,
      history: historyOf(r.losses),
      layers: r.layers.map(({ offers, parameters, slots: own }, i) =>
        layerOf(
          `fc${i}`,
          own.map((s) => (s.stage === 'DORMANT' ? slotOf(s) : seedIn(s.stage, s))),
          { offers, parameters },
        ),
      ),
      signals: r.signals.map(([i, norm, step, ofSeed]) => ({
        ...gradient(`fc${i}`, norm, step),
        seedId: ofSeed ? 's1' : null,
      })),
      outcomes: r.outcomes.map(([i, name, how]) => outcome(name, how, `fc${i}`)),
      budget: { parametersLeft: r.parametersLeft, concurrentLeft: r.room, seedsLeft: 4 },
    }),
  );

describe('the heuristic, against the plain way', () => {
  it('chooses the same seeds with the same explanations and ids', async () => {
    const cut = { actions: 0, waits: 0 };
    await fc.assert(
      fc.asyncProperty(observations, async (o) => {
        const trend = lossHistory(o.history);
        const decisions = await decideHeuristic(o);
        const { actions, waits } = judgedSeeds(o);
        if (actions.length >= MAX_DECISIONS) cut.actions++;
        const drafts = actions.map((j) => draftFor(j, o, trend)).slice(0, MAX_DECISIONS - 1);
        const expected = await Promise.all(drafts.map(named));
        const ofSeeds = decisions.filter((d) => !['germinate', 'wait'].includes(d.action));
        expect(ofSeeds).toEqual(expected);
        const [only] = decisions;
        if (only?.action !== 'wait' || !waits[0]) return;
        cut.waits++;
        const wait = draftFor(waits[0], o, trend);
        const more = waits.length > 1 ? `; ${waits.length - 1} more wait too` : '';
        expect(decisions).toEqual([await named({ ...wait, reason: wait.reason + more })]);
      }),
      { numRuns: 200 },
    );
    // Both happened: more seeds than an answer has room for, and none with anything to do.
    expect(cut.actions).toBeGreaterThan(10);
    expect(cut.waits).toBeGreaterThan(0);
  });

  it('plants at the same place, for the same reasons', () => {
    let planted = 0;
    fc.assert(
      fc.property(observations, (o) => {
        const germination = draftHeuristic(o).find((d) => d.action === 'germinate');
        const isTime = growthMoment(o, lossHistory(o.history)).wait === null;
        const site = isTime ? plainSite(o) : null;
        if (!site) {
          expect(germination).toBeUndefined();
          return;
        }
        planted++;
        const { layerId, slot } = site;
        expect(germination).toMatchObject({ layerId, slot, blueprint: site.blueprint });
        const value = (name: string) => germination?.evidence.find((e) => e.name === name)?.value;
        expect(value('gradientPerRootParameter')).toBe(site.gradientScore);
        expect(value('cullPenalty')).toBe(site.penalty);
      }),
      { numRuns: 200 },
    );
    expect(planted).toBeGreaterThan(20);
  });

  it('leaves alone what something else was decided for, and fills the room that is left', () => {
    fc.assert(
      fc.property(observations, fc.nat(20), (o, count) => {
        const trend = lossHistory(o.history);
        const { actions } = judgedSeeds(o);
        const first: DecisionDraft[] = actions
          .filter((_, i) => i % 3 === 0)
          .slice(0, count)
          .map((j) => ({ ...draftFor(j, o, trend), rule: 'other' }));
        const taken = new Set(first.map((d) => `${d.layerId}/${d.slot}`));
        const free = actions.filter((j) => !taken.has(`${j.slot.layerId}/${j.slot.slot}`));
        const growth = { ...draftFor(judged(o), o, trend), action: 'germinate' as const };
        const rest = free.slice(0, MAX_DECISIONS - 1 - first.length);
        expect(answerWith(o, trend, { first, growth })).toEqual([
          ...first,
          ...rest.map((j) => draftFor(j, o, trend)),
          growth,
        ]);
      }),
      { numRuns: 100 },
    );
  });
});

describe('what a look costs', () => {
  it.each(['TRAINING', 'HOLDING'] as const)(
    'is one look at each slot in %s, and one explanation for each decision',
    (stage) => {
      for (const layers of [100, 1000]) {
        const reads = { stage: 0, stageSince: 0, seedId: 0 };
        const watched = watchSlots(worldOf(layers, stage), reads);
        const drafts = draftHeuristic(watched);
        expect(drafts).toHaveLength(MAX_DECISIONS);
        expect(drafts.at(-1)?.action).toBe('germinate');
        // One look for the seed in it, one for whether it is free; explaining takes a few more.
        expect(reads.stage).toBeLessThanOrEqual(2 * 4 * layers + 4 * MAX_DECISIONS);
        expect(reads.stageSince).toBeLessThanOrEqual(2 * 4 * layers + 4 * MAX_DECISIONS);
        // Only an explanation names the seed.
        expect(reads.seedId).toBe(MAX_DECISIONS - 1);
      }
    },
  );

  it('is one look at each signal and outcome', () => {
    const reads = { gradientNorm: 0, outcome: 0 };
    const world = worldOf(1000, 'TRAINING');
    draftHeuristic({
      ...world,
      signals: world.signals.map((s) => watch(s, reads)),
      outcomes: world.outcomes.map((s) => watch(s, reads)),
    });
    expect(reads).toEqual({ gradientNorm: 2048, outcome: 1024 });
  });
});

/** Three seeds in that stage and a free slot in each of so many layers, as the contract has it. */
function worldOf(layers: number, stage: 'TRAINING' | 'HOLDING'): Observation {
  const seed = seedIn(stage, { contribution: -0.1, alpha: 1 });
  return ObservationSchema.parse(
    observe({
      history: historyOf(new Array(20).fill(0.6)),
      layers: Array.from({ length: layers }, (_, i) =>
        layerOf(`fc${i}`, [seed, seed, seed, slotOf()]),
      ),
      signals: Array.from({ length: 2048 }, (_, i) => gradient(`fc${i % layers}`, i)),
      outcomes: Array.from({ length: 1024 }, (_, i) => outcome('widen-8', 'culled', `fc${i % 7}`)),
    }),
  );
}

function watchSlots(o: Observation, reads: Record<string, number>): Observation {
  const layers = o.layers.map((l) => ({ ...l, slots: l.slots.map((s) => watch(s, reads)) }));
  return { ...o, layers };
}

/** Counts how often the fields that `reads` names are read. */
function watch<T extends object>(target: T, reads: Record<string, number>): T {
  return new Proxy(target, {
    get(from, key) {
      const name = String(key);
      if (name in reads) reads[name] = (reads[name] as number) + 1;
      return from[key as keyof T];
    },
  });
}

/** Any seed with a verdict, to write a draft by. */
function judged(o: Observation): { slot: SeedSlotState; verdict: 'wait' } {
  return { slot: { ...seedIn('LOADING'), layerId: o.layers[0]!.layerId }, verdict: 'wait' };
}
