import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StageTransitionError } from '../base/errors.ts';
import { dormantSlot, SeedSlotState } from '../contracts/seed.ts';
import {
  abandon,
  advance,
  cull,
  embargoOver,
  fault,
  fossilize,
  germinate,
  measured,
  placed,
  recover,
  type SlotChange,
  setAlphaTarget,
  withAlpha,
} from './seed-slot.ts';
import { isActive, STAGE_TRANSITIONS } from './seed-stage.ts';

const seed = { seedId: 's1', blueprint: 'widen-8', blendMode: 'add', step: 10 } as const;
const loading = germinate(dormantSlot('fc1', 0), seed).state;
const training = placed(loading, { step: 11, parameters: 42 }).state;
const blending = advance(training, 200).state;
const holding = advance(withAlpha(blending, 1), 400).state;

describe('a seed that does well', () => {
  it('passes every stage and leaves a record of each', () => {
    expect(germinate(dormantSlot('fc1', 0), seed).transition).toEqual({
      from: 'DORMANT',
      to: 'LOADING',
      cause: 'germinated widen-8',
    });
    expect(training).toMatchObject({ stage: 'TRAINING', parameters: 42, alpha: 0, alphaTarget: 1 });
    expect(blending).toMatchObject({ stage: 'BLENDING', alpha: 0, stageSince: 200 });
    expect(holding).toMatchObject({ stage: 'HOLDING', alpha: 1 });
    const kept = fossilize(measured(holding, { contribution: 0.2 }), 500);
    expect(kept.transition?.to).toBe('FOSSILIZED');
    expect(kept.state).toMatchObject({ seedId: 's1', alpha: 1, parameters: 42, contribution: 0.2 });
  });

  it('skips TRAINING when its artifact brings trained weights', () => {
    const change = placed(loading, { step: 11, parameters: 42, trained: true, alphaTarget: 0.5 });
    expect(change.state).toMatchObject({ stage: 'BLENDING', alpha: 0, alphaTarget: 0.5 });
  });
});

describe('advance()', () => {
  it('refuses HOLDING before alpha has reached its target', () => {
    expect(() => advance(withAlpha(blending, 0.5), 400)).toThrow(
      'Cannot apply "advance" to seed s1 of layer "fc1": alpha is 0.5, ' +
        'must have reached its target 1',
    );
  });

  it('refuses to fossilise', () => {
    expect(() => advance(holding, 500)).toThrow('stage is HOLDING, must be TRAINING or BLENDING');
  });

  it('forgets a contribution measured at another alpha', () => {
    const early = measured(withAlpha(blending, 1), { contribution: 0.3 });
    expect(advance(early, 400).state.contribution).toBeNull();
  });
});

describe('cull()', () => {
  it('silences the seed at once and holds the slot for the embargo', () => {
    const change = cull(holding, { step: 450, cause: 'person', embargoSteps: 100 });
    expect(change.transition).toEqual({ from: 'HOLDING', to: 'CULLED', cause: 'person' });
    expect(change.state).toMatchObject({
      alpha: 0,
      parameters: 0,
      embargoUntil: 550,
      seedId: 's1',
    });
    expect(() => embargoOver(change.state, 549)).toThrow(
      'embargo lasts until step 550, current step is 549',
    );
    const free = embargoOver(change.state, 550).state;
    expect(free).toEqual({ ...dormantSlot('fc1', 0), stageSince: 550, embargoUntil: 550 });
    expect(() => germinate(free, { ...seed, step: 549 })).toThrow(StageTransitionError);
    expect(germinate(free, { ...seed, step: 550 }).state.stage).toBe('LOADING');
  });

  it('leaves a fossil alone', () => {
    const fossil = fossilize(holding, 500).state;
    expect(() => cull(fossil, { step: 501, cause: 'x', embargoSteps: 0 })).toThrow(
      'stage is FOSSILIZED, must be TRAINING or BLENDING or HOLDING',
    );
  });
});

describe('abandon()', () => {
  it('empties the slot without penalty', () => {
    const change = abandon(loading, 12, 'circuit open');
    expect(change.state).toEqual({ ...dormantSlot('fc1', 0), stageSince: 12 });
    expect(change.transition?.cause).toBe('circuit open');
  });
});

describe('fault()', () => {
  it('takes the seed out at the third in a row', () => {
    const one = fault(holding, 410, 'NaN');
    expect(one.transition).toBeNull();
    const two = fault(one.state, 420, 'NaN').state;
    expect(two).toMatchObject({ stage: 'HOLDING', faults: 2, alpha: 1 });
    const three = fault(two, 430, 'NaN in its output');
    expect(three.transition).toEqual({
      from: 'HOLDING',
      to: 'ERROR_RECOVERY',
      cause: '3 faults in a row, the last: NaN in its output',
    });
    expect(three.state).toMatchObject({ alpha: 0, parameters: 0, faults: 3 });
    const free = recover(three.state, 431, 50).state;
    expect(free).toEqual({ ...dormantSlot('fc1', 0), stageSince: 431, embargoUntil: 481 });
  });

  it('starts over once the seed is placed', () => {
    const two = fault(fault(loading, 11, 'x').state, 12, 'x').state;
    const there = placed(two, { step: 13, parameters: 42 }).state;
    expect(fault(there, 14, 'x').state).toMatchObject({ stage: 'TRAINING', faults: 1 });
  });

  it('needs a live seed', () => {
    expect(() => fault(dormantSlot('fc1', 0), 1, 'x')).toThrow(StageTransitionError);
  });
});

describe('setAlphaTarget()', () => {
  it('takes a held seed back to BLENDING, and a blending one nowhere', () => {
    const back = setAlphaTarget(measured(holding, { contribution: 1 }), 0.5, 450);
    expect(back.transition).toMatchObject({ from: 'HOLDING', to: 'BLENDING' });
    expect(back.state).toMatchObject({ alpha: 1, alphaTarget: 0.5, contribution: null });
    expect(setAlphaTarget(blending, 0.5, 250)).toEqual({
      state: { ...blending, alphaTarget: 0.5 },
      transition: null,
    });
    expect(setAlphaTarget(holding, 1, 450)).toEqual({ state: holding, transition: null });
    expect(setAlphaTarget(training, 0.3, 20).state.alphaTarget).toBe(0.3);
  });

  it('refuses what is no alpha and slots without a seed', () => {
    expect(() => setAlphaTarget(blending, 1.1, 250)).toThrow(RangeError);
    expect(() => setAlphaTarget(dormantSlot('fc1', 0), 1, 1)).toThrow(StageTransitionError);
    expect(() => withAlpha(training, 0.5)).toThrow('stage is TRAINING, must be BLENDING');
  });
});

describe('measured()', () => {
  it('takes what is not finite for unmeasured', () => {
    const state = measured(holding, { contribution: Number.NaN, gradientRatio: 0.4 });
    expect(state).toMatchObject({ contribution: null, gradientRatio: 0.4 });
    expect(measured(dormantSlot('fc1', 0), { contribution: 1 }).contribution).toBeNull();
  });
});

describe('the slot as a whole', () => {
  const operations: ((state: SeedSlotState, step: number) => SlotChange)[] = [
    (s, step) => germinate(s, { ...seed, step }),
    (s, step) => placed(s, { step, parameters: 7 }),
    (s, step) => placed(s, { step, parameters: 7, trained: true }),
    (s, step) => abandon(s, step, 'gone'),
    (s) => ({ state: withAlpha(s, s.alphaTarget), transition: null }),
    (s) => ({ state: withAlpha(s, s.alphaTarget / 2), transition: null }),
    (s, step) => advance(s, step),
    (s, step) => fossilize(s, step),
    (s, step) => cull(s, { step, cause: 'x', embargoSteps: 5 }),
    (s, step) => embargoOver(s, step),
    (s, step) => fault(s, step, 'x'),
    (s, step) => recover(s, step),
    (s, step) => setAlphaTarget(s, (step % 3) / 2, step),
  ];
  const edges = new Set(STAGE_TRANSITIONS.map((edge) => `${edge.from}>${edge.to}`));

  it('property: random operations keep to the table and to the invariants of each stage', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(operations.length - 1), { maxLength: 80 }), (walk) => {
        let state = dormantSlot('fc1', 0);
        for (const [step, index] of walk.entries()) {
          const before = structuredClone(state);
          let change: SlotChange;
          try {
            change = (operations[index] as (typeof operations)[number])(state, step);
          } catch (error) {
            expect(error).toBeInstanceOf(StageTransitionError);
            expect(state).toEqual(before);
            continue;
          }
          expect(state).toEqual(before);
          SeedSlotState.parse(change.state);
          if (change.transition) {
            const { from, to } = change.transition;
            expect(edges.has(`${from}>${to}`)).toBe(true);
            expect([from, to]).toEqual([before.stage, change.state.stage]);
          } else expect(change.state.stage).toBe(before.stage);
          state = change.state;
          if (!isActive(state.stage)) expect(state.alpha).toBe(0);
          expect(state.stage === 'DORMANT').toBe(state.seedId === null);
          expect(state.faults).toBeLessThanOrEqual(3);
        }
      }),
      { numRuns: 300 },
    );
  });
});
