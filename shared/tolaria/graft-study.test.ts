import { describe, expect, it } from 'vitest';
import { RunEvent } from '../contracts/events.ts';
import {
  advance,
  cull,
  follow,
  fossilize,
  germinate,
  openTiny,
  runTiny,
  type Script,
  type TinyInput,
  tinyExperiment,
} from './_test-run.ts';
import { AlphaEvaluator } from './alpha-evaluator.ts';
import { CURVE_POINTS, GraftStudy, PAIR_POINTS } from './graft-study.ts';
import { activeAlphas } from './pending-studies.ts';

/** One seed held on fc1, one in training on fc2, at step 34. */
const two: Script = {
  1: [germinate('fc1', 'widen-3')],
  11: [advance('fc1')],
  12: [germinate('fc2', 'low-rank-2')],
};

async function openTwo(more: TinyInput = {}) {
  const run = await openTiny({ experiment: tinyExperiment(more) });
  await follow(run.trainer, two, 34);
  return run;
}

const of = <T extends RunEvent['type']>(events: readonly RunEvent[], type: T) =>
  events.filter((e): e is Extract<RunEvent, { type: T }> => e.type === type);

describe('fused evaluation', () => {
  it('gives each setting the loss of an evaluation of its own', async () => {
    for (const replicas of [1, 2]) {
      const { trainer } = await openTwo({ replicas });
      const { growth, runtime } = trainer;
      const evaluator = await AlphaEvaluator.create(runtime, trainer.experiment, 3);
      const alphas = [0, 0.25, 0.5, 0.9, 1];
      const fused = await evaluator.losses(alphas.map((a) => new Map([['s1', a]])));
      for (const [i, a] of alphas.entries()) {
        const row = growth.alphas(34).map((x, c) => (c === 0 ? x : a));
        const { loss } = await runtime.evaluate('validation', row);
        const mean = loss.reduce((x, y) => x + y, 0) / replicas;
        expect(fused[i]).toBeCloseTo(mean, 6);
      }
      expect(new Set(fused).size).toBe(alphas.length);
      evaluator.dispose();
      trainer.dispose();
    }
  });
});

describe('alpha landscape', () => {
  it('starts at the loss without the seed and spans both seeds', async () => {
    const { trainer } = await openTwo();
    const study = new GraftStudy(trainer.runtime, trainer.experiment);
    const seed = trainer.growth.seeds().find((s) => s.seedId === 's2')!;
    const alphas = activeAlphas(trainer.growth, 34);
    expect([...alphas]).toEqual([['s1', 1]]);
    const found = await study.landscape(seed, alphas, 1);
    expect(found.alphas).toHaveLength(CURVE_POINTS);
    expect(found.evaluations).toBe(CURVE_POINTS + PAIR_POINTS ** 2);
    const now = await trainer.evaluate('validation');
    expect(found.loss[0]).toBeCloseTo(now.loss[0]!, 6);
    const { pair } = found;
    expect(pair?.seedId).toBe('s1');
    // The other seed at its present alpha: the curve again.
    for (let i = 0; i < PAIR_POINTS; i++) {
      expect(pair!.loss[i]![PAIR_POINTS - 1]).toBeCloseTo(found.loss[2 * i]!, 6);
    }
    const lowest = Math.min(...found.loss.map((l) => l!));
    expect(found.loss[found.alphas.indexOf(found.best!)]).toBe(lowest);
    expect(found.benefit).toBeCloseTo(found.loss[0]! - found.loss.at(-1)!, 12);
    study.dispose();
    trainer.dispose();
  });

  const life: Script = { 1: [germinate('fc1', 'widen-3')], 12: [advance('fc1')] };

  it('is measured when a seed wants to blend, once, and changes no bit of the run', async () => {
    const [shown, off] = await Promise.all(
      [{}, { growth: { alphaLandscape: 'off' as const } }].map((more) =>
        runTiny({ experiment: tinyExperiment(more) }, life),
      ),
    );
    const events = of(shown!.events, 'alpha-landscape');
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ step: 12, seedId: 's1', pair: null, rows: 17 });
    expect(RunEvent.parse(events[0])).toEqual(events[0]);
    expect(of(off!.events, 'alpha-landscape')).toHaveLength(0);
    expect(shown!.digest).toBe(off!.digest);
  });

  it('keeps a graft out whose benefit is too small, and says so at the gate', async () => {
    // By a person's command the gate is only shown; a decision has to pass it.
    const decide = { alphaLandscape: 'gate' as const, minGraftBenefit: 100 };
    const { trainer, events } = await openTiny({
      experiment: tinyExperiment({ growth: decide }),
    });
    await follow(trainer, { 1: [germinate('fc1', 'widen-3')] }, 20);
    const record = trainer.growth.record('fc1', 0);
    const study = new GraftStudy(trainer.runtime, trainer.experiment);
    const seed = trainer.growth.seeds()[0]!;
    expect(trainer.growth.wantsLandscape(record, 20)).toBe(true);
    const act = () =>
      trainer.growth.applyDecision(
        {
          ...{ id: 'd', step: 15, action: 'advance', layerId: 'fc1', slot: 0, blueprint: null },
          ...{ rule: 'test', reason: '', evidence: [], confidence: 1, urgency: 1 },
        },
        20,
      );
    expect(act()).toContain('graft-benefit is unmeasured, must meet 100');
    trainer.growth.recordLandscape(record, await study.landscape(seed, new Map(), 1));
    expect(act()).toMatch(/graft-benefit is .*, must meet 100/);
    expect(record.state.stage).toBe('TRAINING');
    trainer.growth.recordLandscape(record, { benefit: 100 });
    expect(act()).toBeNull();
    expect(record.state.stage).toBe('BLENDING');
    expect(of(events, 'gate').some((g) => g.checks.some((c) => c.name === 'graft-benefit'))).toBe(
      true,
    );
    study.dispose();
    trainer.dispose();
  });
});

describe('contribution of several seeds', () => {
  it('is logged when a held seed is judged, and shares out what all bring', async () => {
    const script: Script = {
      ...two,
      22: [advance('fc2')],
      36: [fossilize('fc1')],
      44: [cull('fc2')],
    };
    const run = await runTiny({}, script);
    const found = of(run.events, 'contribution');
    expect(found.map((e) => e.step)).toEqual([36, 44]);
    for (const event of found) {
      expect(RunEvent.parse(event)).toEqual(event);
      expect(event.method).toBe('exact');
      expect(event.evaluations).toBe(4);
      expect(event.seeds.map((s) => s.seedId)).toEqual(['s1', 's2']);
      const shares = event.seeds.reduce((sum, s) => sum + s.shapley!, 0);
      expect(shares).toBeCloseTo(event.withNone! - event.withAll!, 9);
    }
    run.trainer.dispose();
  });
});
