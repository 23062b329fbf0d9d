import { describe, expect, it } from 'vitest';
import { provideAll } from '../tolaria/_test-run.ts';
import { controller, gates, germinate, stageOf } from './_test-controller.ts';
import type { ArtifactSource } from './artifact-source.ts';

describe('GrowthController, artifacts', () => {
  const answering = (more: object): ArtifactSource => ({
    provide: async (...args) => ({ ...(await provideAll.provide(...args)), ...more }),
  });

  it.each([
    [{ validated: false, reason: 'gradient off by 3' }, /^gradient off by 3$/],
    [{ validated: false }, /artifact-validated is 0/],
    [{ digestMatches: false }, /digest-matches is 0/],
  ])('lets go of one that does not verify, without penalty (%j)', async (more, cause) => {
    const c = controller({}, answering(more));
    c.growing.applyDecision(germinate(), 0);
    await c.growing.settle(5);
    expect(gates(c.events, 'G1')).toMatchObject([{ passed: false }]);
    expect(c.events.at(-1)).toMatchObject({ type: 'transition', to: 'DORMANT' });
    expect(c.events.at(-1)).toHaveProperty('cause', expect.stringMatching(cause));
    expect(c.growing.record('fc1', 0).state).toMatchObject({ embargoUntil: 0, parameters: 0 });
    expect(c.growing.state.outcomes).toEqual([]);
    expect(c.growing.parameters()).toBe(32);
    expect(c.growing.applyDecision(germinate(), 5)).toBeNull();
  });

  it('asks three times on unexpected faults, recovers, and rests the slot', async () => {
    let asked = 0;
    const c = controller(
      { embargoSteps: 10 },
      {
        provide: () => Promise.reject(new Error(`broken ${++asked}`)),
      },
    );
    const key = c.growing.topologyKey();
    c.growing.applyDecision(germinate(), 0);
    for (const step of [5, 10]) {
      await c.growing.settle(step);
      expect(stageOf(c)).toBe('LOADING');
    }
    await c.growing.settle(15);
    expect(stageOf(c)).toBe('ERROR_RECOVERY');
    expect(asked).toBe(3);
    expect(c.events.at(-1)).toMatchObject({ cause: '3 faults in a row, the last: broken 3' });
    expect(c.events.filter((e) => e.type === 'notice')).toHaveLength(3);
    await c.growing.settle(20);
    expect(stageOf(c)).toBe('DORMANT');
    expect(c.growing.topologyKey()).toBe(key);
    expect(c.growing.applyDecision(germinate(), 25)).toMatch(/embargo-passed is 25, must meet 30/);
    expect(c.growing.applyDecision(germinate(), 30)).toBeNull();
  });

  it('forgives faults that stop', async () => {
    let asked = 0;
    const c = controller(
      {},
      {
        provide: (...args) =>
          ++asked < 3 ? Promise.reject(new Error('late')) : provideAll.provide(...args),
      },
    );
    c.growing.applyDecision(germinate(), 0);
    for (const step of [5, 10, 15]) await c.growing.settle(step);
    expect(c.growing.record('fc1', 0).state).toMatchObject({ stage: 'TRAINING', faults: 0 });
  });

  it('asks again after a restore', async () => {
    const c = controller();
    c.growing.applyDecision(germinate(), 0);
    const other = controller();
    other.growing.restore(structuredClone(c.growing.state));
    await other.growing.settle(5);
    expect(stageOf(other)).toBe('TRAINING');
  });
});

describe('GrowthController, commands', () => {
  it('overrides evidence and budgets of seeds, never the table or the parameter budget', async () => {
    const c = controller({ maxSeeds: 0, maxConcurrent: 1, parameterBudget: 20 });
    const command = { kind: 'germinate', layerId: 'fc1', slot: 0, blueprint: 'widen-2' } as const;
    expect(c.growing.applyCommand(command, 0)).toBeNull();
    expect(
      c.growing.applyCommand({ ...command, layerId: 'conv1', blueprint: 'conv1x1-2' }, 0),
    ).toMatch(/parameters-in-budget/);
    expect(c.growing.applyCommand({ kind: 'advance', layerId: 'fc1', slot: 0 }, 0)).toMatch(
      /stage is LOADING, must be TRAINING or BLENDING/,
    );
    await c.growing.settle(5);
    expect(c.growing.applyCommand({ kind: 'advance', layerId: 'fc1', slot: 0 }, 6)).toBeNull();
    expect(c.growing.applyCommand({ kind: 'advance', layerId: 'fc1', slot: 0 }, 7)).toMatch(
      /alpha-at-target/,
    );
    expect(c.growing.applyCommand({ kind: 'cull', layerId: 'fc1', slot: 0 }, 8)).toBeNull();
    expect(
      c.growing.applyCommand({ kind: 'setAlpha', layerId: 'fc1', slot: 0, alpha: 1 }, 8),
    ).toMatch(/Cannot apply "retarget"/);
    expect(c.growing.applyCommand({ kind: 'cull', layerId: 'nowhere', slot: 0 }, 8)).toMatch(
      /Cannot find slot/,
    );
  });

  it('remembers a target set in TRAINING for the ramp to come, and turns ramps without a jump', async () => {
    const c = controller();
    const setAlpha = (alpha: number, step: number) =>
      c.growing.applyCommand({ kind: 'setAlpha', layerId: 'fc1', slot: 0, alpha }, step);
    c.growing.applyDecision(germinate(), 0);
    await c.growing.settle(5);
    expect(setAlpha(0.6, 6)).toBeNull();
    c.growing.applyCommand({ kind: 'advance', layerId: 'fc1', slot: 0 }, 10);
    const half = c.growing.alphas(15)[1]!;
    expect(half).toBeCloseTo(0.3, 12);
    expect(setAlpha(0, 15)).toBeNull();
    expect(c.growing.alphas(15)[1]).toBe(half);
    await c.growing.settle(25);
    expect(c.growing.record('fc1', 0).state).toMatchObject({ stage: 'HOLDING', alpha: 0 });
    expect(setAlpha(0, 26)).toBeNull();
    expect(stageOf(c)).toBe('HOLDING');
    expect(setAlpha(1, 30)).toBeNull();
    await c.growing.settle(40);
    expect(c.growing.record('fc1', 0).state).toMatchObject({ stage: 'HOLDING', alpha: 1 });
  });
});
