import { describe, expect, it } from 'vitest';
import { Experiment } from '../../../shared/contracts/experiment.ts';
import {
  changedOptions,
  chooseLoss,
  chooseOptimizer,
  chooseSchedule,
  offersHalf,
  withOptional,
} from './training-options.ts';

const draft = (more: object = {}) =>
  Experiment.parse({ name: 'e', data: { source: 'moons' }, ...more });

describe('options that may be absent', () => {
  it('are left out at their default, so that the experiment keeps its identity', () => {
    const smoothed = withOptional(draft(), 'labelSmoothing', 0.1, 0);
    expect(smoothed.labelSmoothing).toBe(0.1);
    expect(withOptional(smoothed, 'labelSmoothing', 0, 0)).toEqual(draft());
    expect('labelSmoothing' in withOptional(smoothed, 'labelSmoothing', 0, 0)).toBe(false);
  });

  it('keep what a person types, number or not', () => {
    expect(withOptional(draft(), 'microBatches', Number.NaN, 1).microBatches).toBeNaN();
  });
});

describe('chooseLoss', () => {
  it('drops label smoothing with cross-entropy, and only then', () => {
    const smoothed = draft({ labelSmoothing: 0.1 });
    expect(chooseLoss(smoothed, 'mixed')).toMatchObject({
      loss: { crossEntropy: 0.5, mse: 0.5 },
      labelSmoothing: 0.1,
    });
    const squares = chooseLoss(smoothed, 'mse');
    expect('labelSmoothing' in squares).toBe(false);
    expect(Experiment.safeParse(squares).success).toBe(true);
  });
});

describe('chooseOptimizer', () => {
  it('takes weight decay and clipping along, and the new defaults for the rest', () => {
    const sgd = draft({
      optimizer: { kind: 'sgd', nesterov: true, weightDecay: 0.1, weightDecayRule: 'weights' },
    }).optimizer;
    expect(chooseOptimizer(sgd, 'adamw')).toEqual({
      kind: 'adamw',
      learningRate: 0.01,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weightDecay: 0.1,
      weightDecayRule: 'weights',
    });
  });
});

describe('chooseSchedule', () => {
  it('keeps the warm-up and drops the numbers of the old shape', () => {
    const { schedule } = draft({ schedule: { kind: 'step', warmupSteps: 20, decaySteps: 5 } });
    const cosine = chooseSchedule(schedule, 'cosine');
    expect(cosine).toEqual({ kind: 'cosine', warmupSteps: 20, finalShare: 0.05 });
  });
});

describe('offersHalf', () => {
  it('is what the adapter says; the reference engine rounds by itself', () => {
    expect(offersHalf(null)).toBeNull();
    expect(offersHalf({ kind: 'gpu', features: ['subgroups'] })).toBe(false);
    expect(offersHalf({ kind: 'software', features: ['shader-f16'] })).toBe(true);
    expect(offersHalf({ kind: 'reference', features: [] })).toBe(true);
  });
});

describe('changedOptions', () => {
  it('counts what differs from the defaults', () => {
    expect(changedOptions(draft())).toBe(0);
    expect(changedOptions(draft({ optimizer: { kind: 'sgd', learningRate: 0.3 } }))).toBe(0);
    const changed = draft({
      labelSmoothing: 0.1,
      microBatches: 4,
      numerics: 'f16-multiply',
      optimizer: { kind: 'sgd', nesterov: true, clipNorm: 1 },
      schedule: { kind: 'cosine', warmupSteps: 10 },
    });
    expect(changedOptions(changed)).toBe(7);
  });
});
