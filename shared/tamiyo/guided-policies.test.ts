import { describe, expect, it } from 'vitest';
import { Decision, type Observation, type SiteScore } from '../contracts/decision.ts';
import { PolicySpec } from '../contracts/policy.ts';
import { observe, outcome } from './_observation-fixture.ts';
import { decide } from './create-policy.ts';
import { wantsGrowth } from './guided-policies.ts';

const score = (layerId: string, change: Partial<SiteScore> = {}): SiteScore => ({
  ...{ layerId, slot: 0, blueprint: 'widen-8', parameters: 60, units: 2, score: 1 },
  ...{ bottleneck: null, amplitude: null, lossBefore: null, lossAfter: null, obstacle: null },
  ...change,
});

async function ask(kind: string, siteScores?: SiteScore[], change: Partial<Observation> = {}) {
  const policy = PolicySpec.parse({ kind, ...(kind === 'tiny' ? { minBenefit: 0.01 } : {}) });
  const o = observe({ policy, ...(siteScores ? { siteScores } : {}), ...change });
  const decisions = await decide(o);
  expect(decisions).toHaveLength(1);
  return Decision.parse(decisions[0]);
}

describe('GradMax', () => {
  it('goes where the score is largest, ties to the earlier, with the runner-up as evidence', async () => {
    const d = await ask('gradmax', [
      score('a'),
      score('b', { score: 4 }),
      score('c', { score: 4 }),
    ]);
    expect(d).toMatchObject({ action: 'germinate', layerId: 'b', initialise: 'gradmax' });
    expect(d.confidence).toBe(0.5);
    expect(d.evidence.at(-1)).toMatchObject({ name: 'score', value: 4, threshold: 4 });
  });

  it('does not grow without a direction, without measurements, or where it failed', async () => {
    const none = await ask('gradmax', [score('a', { units: 0, obstacle: 'too wide' })]);
    expect(none).toMatchObject({ action: 'wait', rule: 'do-not-grow' });
    expect(none.reason).toContain('too wide');
    expect((await ask('gradmax')).rule).toBe('statistics-unmeasured');
    const outcomes = [outcome('widen-8', 'culled', 'a'), outcome('widen-8', 'culled', 'a')];
    const failed = await ask('gradmax', [score('a', { score: 9 }), score('b')], { outcomes });
    expect(failed.layerId).toBe('b');
  });

  it('waits like the heuristic until there is a plateau', async () => {
    const history = observe().history.slice(0, 2);
    expect((await ask('gradmax', [score('a')], { history })).rule).toBe('loss-unmeasured');
    expect(wantsGrowth(observe({ history }))).toBe(false);
    expect(wantsGrowth(observe())).toBe(true);
  });
});

describe('TINY', () => {
  const tried = (layerId: string, amplitude: number, lossAfter: number) =>
    score(layerId, { amplitude, lossBefore: 1, lossAfter, bottleneck: 0.5 });

  it('grows where the line search lowers the loss most, not where the score is largest', async () => {
    const d = await ask('tiny', [
      { ...tried('a', 1, 0.95), score: 9 },
      tried('b', -0.5, 0.8),
      score('c', { score: 99 }),
    ]);
    expect(d).toMatchObject({ action: 'germinate', layerId: 'b', initialise: 'tiny' });
    expect(d.evidence.find((e) => e.name === 'amplitude')?.value).toBe(-0.5);
  });

  it('answers "do not grow" when amplitude 0 wins or the benefit is too small', async () => {
    const zero = await ask('tiny', [tried('a', 0, 1)]);
    expect(zero).toMatchObject({ action: 'wait', rule: 'do-not-grow' });
    expect(zero.reason).toContain('lowest without new units in all 1 places');
    expect(zero.evidence.find((e) => e.name === 'amplitude')?.value).toBe(0);
    const small = await ask('tiny', [tried('a', 1, 0.995)]);
    expect(small.reason).toContain('less than 1 %');
  });
});
