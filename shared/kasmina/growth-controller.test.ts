import { describe, expect, it } from 'vitest';
import type { Decision } from '../contracts/decision.ts';
import { provideAll, type TinyInput } from '../tolaria/_test-run.ts';
import {
  controller,
  decision,
  gates,
  germinate,
  recordHealthy,
  signal,
  stageOf,
} from './_test-controller.ts';

describe('GrowthController, a life by decisions', () => {
  it('passes every gate when the evidence is there, and says so', async () => {
    const c = controller();
    expect(c.growing.applyDecision(germinate(), 5)).toBeNull();
    await c.growing.settle(5);
    expect(stageOf(c)).toBe('LOADING');
    await c.growing.settle(10);
    expect(stageOf(c)).toBe('TRAINING');
    recordHealthy(c);
    expect(c.growing.applyDecision(decision('advance'), 15)).toBeNull();
    expect(stageOf(c)).toBe('BLENDING');
    expect(c.growing.alphas(15)).toEqual([1, 0]);
    await c.growing.settle(20);
    expect(c.growing.alphas(20)[1]).toBeCloseTo(0.5, 12);
    expect(stageOf(c)).toBe('BLENDING');
    await c.growing.settle(25);
    expect(stageOf(c)).toBe('HOLDING');
    recordHealthy(c);
    expect(c.growing.applyDecision(decision('fossilize'), 30)).toBeNull();
    expect(stageOf(c)).toBe('FOSSILIZED');
    expect(
      c.events.filter((e) => e.type === 'gate' && e.passed).map((e) => e.type === 'gate' && e.gate),
    ).toEqual(['G0', 'G1', 'G2', 'G3', 'G5']);
    const moves = c.events.filter((e) => e.type === 'transition');
    expect(moves.map((e) => e.to)).toEqual([
      'LOADING',
      'TRAINING',
      'BLENDING',
      'HOLDING',
      'FOSSILIZED',
    ]);
    expect(moves[0]).toMatchObject({ seedId: 's1', blueprint: 'widen-2', cause: 'test: why not' });
    // 3 x 2 + 2 weights and biases in, 2 x 4 + 4 out, beside the host's 32.
    expect(moves.at(-1)).toMatchObject({ parameters: 32 + 20 });
    expect(c.growing.state).toMatchObject({
      ...{ germinated: 1, fossilized: 1 },
      outcomes: [{ seedId: 's1', outcome: 'fossilized', contribution: 0.2, step: 30 }],
    });
    expect(c.growing.alphas(40)).toEqual([1]);
  });

  it.each<[string, TinyInput['growth'], Decision, number, RegExp]>([
    [
      'an unknown blueprint',
      {},
      germinate('fc1', 'magic-3'),
      0,
      /^Cannot find blueprint "magic-3"/,
    ],
    ['a blueprint that does not fit', {}, germinate('fc1', 'conv3x3-2'), 0, /conv3x3-2/],
    [
      'a slot that is not there',
      {},
      germinate('fc1', 'widen-2', 3),
      0,
      /Cannot find slot 3 of layer "fc1"/,
    ],
    ['a layer that is not there', {}, germinate('fc9'), 0, /Cannot find slot 0 of layer "fc9"/],
    [
      'a seed too large',
      { parameterBudget: 19 },
      germinate(),
      0,
      /parameters-in-budget is 20, must meet 19/,
    ],
    ['no seeds left', { maxSeeds: 0 }, germinate(), 0, /seeds-left is 0, must meet 1/],
  ])('refuses %s', (_, growth, request, step, message) => {
    const c = controller(growth);
    expect(c.growing.applyDecision(request, step)).toMatch(message);
    expect(c.events.some((e) => e.type === 'transition')).toBe(false);
    expect(c.growing.state.nextSeed).toBe(1);
  });

  it('refuses what the stage does not allow, and changes nothing', () => {
    const c = controller();
    for (const action of ['advance', 'cull', 'fossilize'] as const) {
      const before = JSON.stringify(c.growing.state.slots.map((r) => r.state));
      expect(c.growing.applyDecision(decision(action), 0)).toMatch(/stage is DORMANT|unmeasured/);
      expect(JSON.stringify(c.growing.state.slots.map((r) => r.state))).toBe(before);
    }
  });

  it('keeps to one live seed at a time, or as many as allowed', () => {
    const c = controller({ maxConcurrent: 1 });
    expect(c.growing.applyDecision(germinate(), 0)).toBeNull();
    expect(c.growing.applyDecision(germinate('conv1', 'conv1x1-2'), 0)).toMatch(
      /concurrent-seeds-left is 0/,
    );
    expect(c.growing.applyDecision(germinate(), 0)).toMatch(/slot-dormant is 0/);
  });

  it('counts what is on its way, and the gate of its blend, against the parameter budget', () => {
    // widen-2 has 20 parameters here, and a gate of 3 inputs 4 more.
    for (const [parameterBudget, blendMode, slots] of [
      [39, 'add', 1],
      [40, 'add', 2],
      [47, 'gate', 1],
      [48, 'gate', 2],
    ] as const) {
      const c = controller({ parameterBudget, blendMode, slotsPerLayer: 2 });
      const answers = [0, 1].map((slot) =>
        c.growing.applyDecision(germinate('fc1', 'widen-2', slot), 0),
      );
      expect(answers.filter((a) => a === null)).toHaveLength(slots);
    }
  });
});

describe('GrowthController, evidence', () => {
  async function training(growth: TinyInput['growth'] = {}) {
    const c = controller(growth);
    c.growing.applyDecision(germinate(), 0);
    await c.growing.settle(5);
    return c;
  }

  it('does not let a seed blend that was not measured, or learned nothing, or is too young', async () => {
    const c = await training();
    expect(c.growing.applyDecision(decision('advance'), 10)).toMatch(
      /gradient-norm-finite is unmeasured/,
    );
    c.growing.recordMeasurements([signal('s1', { gradientRatio: 0 })], 0.001, new Map());
    expect(c.growing.applyDecision(decision('advance'), 10)).toMatch(
      /improvement is 0.001.*gradient-ratio is 0,/,
    );
    recordHealthy(c);
    expect(c.growing.applyDecision(decision('advance'), 9)).toMatch(
      /steps-in-stage is 4, must meet 5/,
    );
    expect(c.growing.applyDecision(decision('advance'), 10)).toBeNull();
  });

  it('logs a standing refusal once', async () => {
    const c = await training();
    for (let step = 10; step < 60; step += 5) c.growing.applyDecision(decision('advance'), step);
    expect(gates(c.events, 'G2')).toHaveLength(1);
  });

  it('does not keep a seed without a contribution, or of alpha below 1', async () => {
    const settings = { fossilizeContribution: 0.15 };
    const c = controller({}, provideAll, { kind: 'heuristic', settings });
    c.growing.applyDecision(germinate(), 0);
    await c.growing.settle(5);
    recordHealthy(c);
    c.growing.applyDecision(decision('advance'), 10);
    await c.growing.settle(20);
    expect(c.growing.applyDecision(decision('fossilize'), 25)).toMatch(
      /contribution is unmeasured/,
    );
    c.growing.recordMeasurements([signal('s1')], null, new Map([['s1', 0.1]]));
    expect(c.growing.applyDecision(decision('fossilize'), 25)).toMatch(
      /contribution is 0.1, must meet 0.15/,
    );
    c.growing.recordMeasurements([signal('s1', { deadUnitRatio: 1 })], null, new Map([['s1', 1]]));
    expect(c.growing.applyDecision(decision('fossilize'), 25)).toMatch(/dead-unit-ratio is 1/);
    recordHealthy(c);
    expect(
      c.growing.applyCommand({ kind: 'setAlpha', layerId: 'fc1', slot: 0, alpha: 0.4 }, 25),
    ).toBeNull();
    expect(stageOf(c)).toBe('BLENDING');
    await c.growing.settle(40);
    expect(c.growing.applyCommand({ kind: 'fossilize', layerId: 'fc1', slot: 0 }, 50)).toBe(
      'Cannot fossilise seed s1: alpha is 0.4, must be 1',
    );
    expect(stageOf(c)).toBe('HOLDING');
  });

  it('culls what stays too long in TRAINING or HOLDING, and rests the slot', async () => {
    const c = await training({ stageTimeoutSteps: 30, embargoSteps: 20 });
    await c.growing.settle(34);
    expect(stageOf(c)).toBe('TRAINING');
    await c.growing.settle(35);
    expect(stageOf(c)).toBe('CULLED');
    expect(c.growing.applyDecision(germinate(), 40)).toMatch(/slot-dormant is 0/);
    await c.growing.settle(54);
    expect(stageOf(c)).toBe('CULLED');
    await c.growing.settle(55);
    expect(stageOf(c)).toBe('DORMANT');
    expect(c.growing.applyDecision(germinate(), 55)).toBeNull();
    expect(c.growing.record('fc1', 0).state.seedId).toBe('s2');
    const causes = c.events.filter((e) => e.type === 'transition').map((e) => e.cause);
    expect(causes).toContain('TRAINING gate timed out');

    const held = await training({ stageTimeoutSteps: 30 });
    recordHealthy(held);
    held.growing.applyDecision(decision('advance'), 10);
    await held.growing.settle(20);
    await held.growing.settle(50);
    expect(stageOf(held)).toBe('CULLED');
  });
});
