import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decision, Observation } from '../contracts/decision.ts';
import { PolicySpec } from '../contracts/policy.ts';
import { layerOf, observe, seedIn, slotOf } from './_observation-fixture.ts';
import { createPolicy, decide, policyDigest } from './create-policy.ts';

const spec = (input: unknown) => PolicySpec.parse(input);

/** One decision list, parsed on the way in and out as the wire would. */
async function ask(policy: unknown, change: Partial<Observation> = {}): Promise<Decision[]> {
  const o = Observation.parse({
    ...observe({ seed: 3, intervalSteps: 50, germinated: 0, ...change }),
    policy: spec(policy),
  });
  const decisions = await decide(o);
  expect(await createPolicy(spec(policy)).decide(o)).toEqual(decisions);
  return decisions.map((d) => Decision.parse(d));
}

/** Runs the looks of a whole run in which every germination is placed and kept at once. */
async function plant(policy: unknown, steps = 2000, interval = 50, maxSeeds = 4) {
  const planted: { step: number; layer: string; blueprint: string }[] = [];
  let pending: Decision[] = [];
  for (let step = interval; step <= steps; step += interval) {
    for (const d of pending) {
      if (d.action !== 'germinate') continue;
      planted.push({ step, layer: d.layerId as string, blueprint: d.blueprint as string });
    }
    pending = await ask(policy, {
      step,
      totalSteps: steps,
      intervalSteps: interval,
      germinated: planted.length,
      budget: { parametersLeft: 1000, concurrentLeft: 1, seedsLeft: maxSeeds - planted.length },
      layers: [layerOf('fc1', [slotOf()]), layerOf('fc2', [slotOf()])],
    });
  }
  return planted;
}

describe('random policy', () => {
  it('draws every free choice about equally often', async () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 200; seed++) {
      const policy = { kind: 'random', germinateRate: 1 };
      const layers = [layerOf('fc1', [slotOf()]), layerOf('fc2', [slotOf()])];
      const [d] = await ask(policy, { seed, layers });
      expect(d).toMatchObject({ action: 'germinate', rule: 'random', slot: 0, confidence: 0.25 });
      const key = `${d?.layerId} ${d?.blueprint}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([
      'fc1 residual-mlp-16',
      'fc1 widen-8',
      'fc2 residual-mlp-16',
      'fc2 widen-8',
    ]);
    for (const n of counts.values()) expect(n).toBeGreaterThan(25);
  });

  it('germinates at about its rate, and never outside its window', async () => {
    let drawn = 0;
    for (let step = 100; step < 1500; step += 5) {
      const [d] = await ask({ kind: 'random', germinateRate: 0.25 }, { step });
      if (d?.action === 'germinate') drawn++;
    }
    expect(drawn / 280).toBeGreaterThan(0.18);
    expect(drawn / 280).toBeLessThan(0.32);
    const early = await ask({ kind: 'random', germinateRate: 1 }, { step: 50 });
    expect(early[0]).toMatchObject({ action: 'wait', rule: 'warm-up' });
    const late = await ask({ kind: 'random', germinateRate: 1 }, { step: 1900 });
    expect(late[0]).toMatchObject({ action: 'wait', rule: 'too-late' });
  });

  it('plants at the times it is given, with the nearest sizes on offer', async () => {
    const policy = { kind: 'random', at: [300, 310, 1200], sizes: [61, 400, 380] };
    const planted = await plant(policy);
    expect(planted.map((p) => p.step)).toEqual([300, 350, 1200]);
    expect(planted.map((p) => p.blueprint)).toEqual([
      'widen-8',
      'residual-mlp-16',
      'residual-mlp-16',
    ]);
  });

  it('culls live seeds at its rate and cares for the others by the rules', async () => {
    const layers = ['fc1', 'fc2'].map((id) =>
      layerOf(id, [seedIn('HOLDING', { contribution: 1 })]),
    );
    const all = await ask({ kind: 'random', cullRate: 1, germinateRate: 0 }, { layers });
    expect(all.map((d) => [d.action, d.rule])).toEqual([
      ['cull', 'random-cull'],
      ['cull', 'random-cull'],
    ]);
    const none = await ask({ kind: 'random', cullRate: 0, germinateRate: 0 }, { layers });
    expect(none.map((d) => d.action)).toEqual(['fossilize', 'fossilize']);
  });

  it('says why it cannot plant', async () => {
    const policy = { kind: 'random', germinateRate: 1 };
    const budget = { parametersLeft: 10, concurrentLeft: 1, seedsLeft: 1 };
    expect((await ask(policy, { budget }))[0]?.rule).toBe('no-choice');
    expect((await ask(policy, { budget: { ...budget, seedsLeft: 0 } }))[0]?.rule).toBe(
      'seeds-spent',
    );
    expect((await ask(policy, { budget: { ...budget, concurrentLeft: 0 } }))[0]?.rule).toBe(
      'seeds-busy',
    );
  });
});

describe('uniform policy', () => {
  it('spaces its seeds evenly and goes from layer to layer', async () => {
    const planted = await plant({ kind: 'uniform', seeds: 3, from: 200, until: 1000 });
    expect(planted).toEqual([
      { step: 200, layer: 'fc1', blueprint: 'residual-mlp-16' },
      { step: 600, layer: 'fc2', blueprint: 'residual-mlp-16' },
      { step: 1000, layer: 'fc1', blueprint: 'residual-mlp-16' },
    ]);
  });

  it('keeps to the seeds of the run and to its blueprint', async () => {
    const planted = await plant({ kind: 'uniform', seeds: 9, blueprint: 'widen-8' });
    expect(planted).toHaveLength(4);
    expect(new Set(planted.map((p) => p.blueprint))).toEqual(new Set(['widen-8']));
    const [d] = await ask({ kind: 'uniform', blueprint: 'widen-99' });
    expect(d).toMatchObject({ action: 'wait', rule: 'no-choice' });
  });

  it('makes up for a seed that had no room when it was due', async () => {
    const budget = { parametersLeft: 1000, concurrentLeft: 0, seedsLeft: 4 };
    const [busy] = await ask({ kind: 'uniform', from: 500 }, { budget });
    expect(busy).toMatchObject({ action: 'wait', rule: 'seeds-busy' });
    const [later] = await ask({ kind: 'uniform', from: 500 }, { step: 1050 });
    expect(later).toMatchObject({ action: 'germinate', layerId: 'fc1' });
  });
});

describe('schedule policy', () => {
  const schedule = [
    { step: 120, layer: 'fc2', blueprint: 'widen-8', blendMode: 'gate' },
    { step: 10, layer: 'fc1', blueprint: 'residual-mlp-16' },
    { step: 400, action: 'cull', layer: 'fc2' },
  ];

  it('decides each entry at exactly one look', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 60 }), async (interval) => {
        const seen: string[] = [];
        for (let step = interval; step <= 600; step += interval) {
          const change = { step, intervalSteps: interval, totalSteps: 600 };
          for (const d of await ask({ kind: 'schedule', schedule, live: 'schedule' }, change)) {
            if (d.action !== 'wait') seen.push(`${d.action} ${d.layerId} ${step + interval}`);
          }
        }
        const first = (due: number) => Math.max(2 * interval, Math.ceil(due / interval) * interval);
        expect(seen.sort()).toEqual(
          [
            `germinate fc2 ${first(120)}`,
            `germinate fc1 ${first(10)}`,
            `cull fc2 ${first(400)}`,
          ].sort(),
        );
      }),
      { numRuns: 30 },
    );
  });

  it('passes on how the seed shall blend, and waits with the next date', async () => {
    const [d] = await ask({ kind: 'schedule', schedule }, { step: 100, intervalSteps: 50 });
    expect(d).toMatchObject({ action: 'germinate', layerId: 'fc2', blendMode: 'gate' });
    const [wait] = await ask({ kind: 'schedule', schedule }, { step: 200 });
    expect(wait?.reason).toContain('400');
  });

  it('leaves live seeds to the rules unless told not to', async () => {
    const layers = [layerOf('fc1', [seedIn('HOLDING', { contribution: 1 })])];
    const rules = await ask({ kind: 'schedule', schedule }, { layers });
    expect(rules.map((d) => d.action)).toEqual(['fossilize']);
    const fixed = await ask({ kind: 'schedule', schedule, live: 'schedule' }, { layers });
    expect(fixed.map((d) => d.action)).toEqual(['wait']);
  });
});

it('names each behaviour by another digest, the heuristic by what it was', async () => {
  const digests = await Promise.all(
    [
      undefined,
      spec({ kind: 'heuristic' }),
      spec({ kind: 'random' }),
      spec({ kind: 'random', cullRate: 0.5 }),
      spec({ kind: 'uniform' }),
    ].map((policy) => policyDigest(policy ? { ...observe(), policy } : observe())),
  );
  expect(digests[0]).toBe(digests[1]);
  expect(new Set(digests).size).toBe(4);
});
