/**
 * Whole tiny runs under random decisions, commands and faults of the artifact source, held to a
 * model: the stage table, the budgets, and what the network must be made of at every look.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../base/random.ts';
import type { Decision, DecisionAction, Observation } from '../contracts/decision.ts';
import { type Command, RunEvent } from '../contracts/events.ts';
import type { ArtifactSource } from '../kasmina/artifact-source.ts';
import { isActive, isLive, STAGE_TRANSITIONS } from '../kasmina/seed-stage.ts';
import { memoryRunStorage } from '../platform/memory.ts';
import { follow, openTiny, provideAll, type Script, tinyExperiment } from './_test-run.ts';
import { DecisionSource } from './decision-source.ts';
import type { Trainer } from './trainer.ts';

const BLUEPRINTS = ['widen-2', 'low-rank-1', 'residual-mlp-2', 'conv1x1-2', 'unknown'];
const ACTIONS: DecisionAction[] = ['germinate', 'germinate', 'advance', 'fossilize', 'cull'];

/** A policy without sense: a pure function of the observation, as a policy must be. */
const senseless =
  (seed: number) =>
  async (o: Observation): Promise<Decision[]> => {
    const random = new RandomStream(seed, `decide/${o.step}`);
    return Array.from({ length: random.integer(4) }, (_, i) => {
      const layer = o.layers[random.integer(o.layers.length)]!;
      return {
        ...{ id: `d${i}`, step: o.step, rule: 'dice', reason: 'a throw', evidence: [] },
        action: ACTIONS[random.integer(ACTIONS.length)]!,
        layerId: layer.layerId,
        slot: random.integer(layer.slots.length),
        blueprint: BLUEPRINTS[random.integer(BLUEPRINTS.length)]!,
        ...{ confidence: 0.5, urgency: 0.5 },
      };
    });
  };

/** Answers depend on the request alone, so that a resumed run meets the same ones. */
const unreliable: ArtifactSource = {
  async provide(blueprint, host) {
    if (blueprint.name === 'residual-mlp-2') throw new Error('no compiler');
    const artifact = await provideAll.provide(blueprint, host);
    return { ...artifact, validated: blueprint.name !== 'low-rank-1' };
  },
};

const place = {
  layerId: fc.constantFrom('fc1', 'fc2', 'fc3', 'fc9'),
  slot: fc.nat(2),
};
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    ...{
      kind: fc.constant('germinate' as const),
      blueprint: fc.constantFrom(...BLUEPRINTS),
      ...place,
    },
    blendMode: fc.constantFrom('add', 'replace', 'multiply', 'gate' as const),
  }),
  fc.record({ kind: fc.constantFrom('advance', 'cull', 'fossilize' as const), ...place }),
  fc.record({
    kind: fc.constant('setAlpha' as const),
    alpha: fc.float({ min: 0, max: 1, noNaN: true }),
    ...place,
  }),
  fc.record({
    kind: fc.constant('setLearningRate' as const),
    learningRate: fc.constantFrom(0.001, 0.05),
  }),
);
const script: fc.Arbitrary<Script> = fc.dictionary(
  fc.nat(59).map(String),
  fc.array(command, { minLength: 1, maxLength: 3 }),
  { maxKeys: 12 },
) as fc.Arbitrary<Script>;

const edges = new Set(STAGE_TRANSITIONS.map((t) => `${t.from} ${t.to}`));

/** What must be true of a run at any time between two steps. */
async function checkInvariants(trainer: Trainer): Promise<void> {
  const { growth, runtime } = trainer;
  const { slots } = growth.state;
  const wanted = slots.filter((r) => r.state.stage === 'TRAINING' || isActive(r.state.stage));
  expect(runtime.topology.seeds.map((s) => s.seedId).sort()).toEqual(
    wanted.map((r) => r.state.seedId).sort(),
  );
  expect(runtime.parameterCount).toBe(growth.parameters());
  const alphas = growth.alphas(trainer.step);
  expect(alphas.every((a) => a >= 0 && a <= 1)).toBe(true);
  for (const { state } of slots) {
    if (state.stage !== 'BLENDING' && state.stage !== 'HOLDING' && state.stage !== 'FOSSILIZED') {
      expect(state.alpha).toBe(0);
    }
    if (state.stage === 'FOSSILIZED') expect(state.alpha).toBe(1);
    if (state.stage === 'DORMANT') expect([state.seedId, state.parameters]).toEqual([null, 0]);
  }
  for (const { data } of (await runtime.exportTensors()).values()) {
    expect(data.every(Number.isFinite)).toBe(true);
  }
}

/** The log as a whole: valid, numbered, and every slot on the edges of the table. */
function checkLog(events: readonly RunEvent[]): void {
  const stages = new Map<string, string>();
  events.forEach((event, i) => {
    expect(RunEvent.parse(event)).toEqual(event);
    expect(event.seq).toBe(i);
    if (event.type !== 'transition') return;
    const key = `${event.layerId}:${event.slot}`;
    expect(event.from).toBe(stages.get(key) ?? 'DORMANT');
    expect(edges).toContain(`${event.from} ${event.to}`);
    stages.set(key, event.to);
  });
}

const experiment = tinyExperiment({
  steps: 60,
  host: { kind: 'mlp', hidden: [3, 4], activation: 'relu' },
  growth: {
    ...{ alphaSteps: 5, slotsPerLayer: 2, maxConcurrent: 2, maxSeeds: 4, parameterBudget: 60 },
    ...{ stageTimeoutSteps: 25, minGradientRatio: 0 },
  },
});

describe('a run under random decisions and commands', () => {
  // Once over the same cases, which are known to visit every stage, then over new ones, and with
  // seeds that are on their way for two looks more.
  it.each([
    [15, 20, 0],
    [undefined, 12, 0],
    [undefined, 10, 2],
  ])(
    'keeps to the model, and to its bits when it is interrupted (seed %s, %i runs, forge lead %i)',
    async (seed, numRuns, forgeLead) => {
      const growth = { ...experiment.growth, ...(forgeLead ? { forgeLead } : {}) };
      const seen = new Set<string>();
      await fc.assert(
        fc.asyncProperty(
          fc.nat(1e6),
          script,
          fc.integer({ min: 1, max: 59 }),
          async (n, orders, at) => {
            const open = (more = {}) =>
              openTiny({
                ...{ experiment: { ...experiment, growth }, artifacts: unreliable, ...more },
                decisions: new DecisionSource(senseless(n), null),
              });
            const storage = memoryRunStorage();
            const { trainer, events } = await open({ storage });
            for (let step = 3; step <= 60; step += 3) {
              await follow(trainer, orders, step);
              await checkInvariants(trainer);
            }
            checkLog(events);
            for (const e of events) if (e.type === 'transition') seen.add(e.to);

            const first = await open({ storage });
            await follow(first.trainer, orders, at);
            await first.trainer.save();
            const second = await open({ storage, resume: true });
            await follow(second.trainer, orders);
            expect(await second.trainer.digest()).toBe(await trainer.digest());
            expect(second.trainer.growth.state).toEqual(trainer.growth.state);
          },
        ),
        { numRuns, ...(seed === undefined ? {} : { seed }) },
      );
      if (seed === undefined) return;
      expect([...seen].sort()).toEqual([
        ...['BLENDING', 'CULLED', 'DORMANT', 'ERROR_RECOVERY'],
        ...['FOSSILIZED', 'HOLDING', 'LOADING', 'TRAINING'],
      ]);
    },
  );

  it('never exceeds a budget by decisions alone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1e6), async (n) => {
        const decisions = new DecisionSource(senseless(n), null);
        const { trainer, events } = await openTiny({
          experiment,
          decisions,
          artifacts: unreliable,
        });
        const bare = trainer.parameters;
        for (let step = 5; step <= 60; step += 5) {
          await follow(trainer, {}, step);
          const { germinated, slots } = trainer.growth.state;
          const { maxConcurrent, maxSeeds, parameterBudget } = experiment.growth;
          expect(slots.filter((r) => isLive(r.state.stage)).length).toBeLessThanOrEqual(
            maxConcurrent,
          );
          expect(germinated).toBeLessThanOrEqual(maxSeeds);
          expect(trainer.parameters - bare).toBeLessThanOrEqual(parameterBudget);
        }
        // A decision is made at one look and applied at the next.
        for (const e of events) {
          if (e.type === 'decision')
            expect(e.step - e.decision.step).toBe(experiment.intervalSteps);
        }
      }),
      { numRuns: 15 },
    );
  });
});
