import { describe, expect, it } from 'vitest';
import type { OptimizerSpec } from '../contracts/experiment.ts';
import { tinyExperiment } from './_test-run.ts';
import { fillRow } from './schedule.ts';

describe('fillRow()', () => {
  const row = { alphas: [1, 0.25], learningRate: 0.5 };
  const adam: OptimizerSpec = tinyExperiment({
    optimizer: { kind: 'adam', weightDecay: 0.125 },
  }).optimizer;

  it('writes alphas padded to four, then four numbers a group, each by its own age', () => {
    const out = new Float32Array(14).fill(-1);
    fillRow(out, 1, row, 12, [{ bornStep: 0 }, { bornStep: 12 }], adam);
    const correction = (beta: number, age: number) => Math.fround(1 / (1 - beta ** age));
    expect([...out]).toEqual([
      ...[-1, 1, 0.25, -1, -1],
      ...[0.5, correction(0.9, 13), correction(0.999, 13), 0.125],
      // Born before this very update: its moments hold one gradient after it.
      ...[0.5, correction(0.9, 1), correction(0.999, 1), 0.125],
      -1,
    ]);
  });

  it('has no bias to correct for SGD', () => {
    const out = new Float32Array(8);
    const sgd = tinyExperiment({ optimizer: { kind: 'sgd', weightDecay: 0.5 } }).optimizer;
    fillRow(out, 0, row, 3, [{ bornStep: 0 }], sgd);
    expect([...out.subarray(4)]).toEqual([0.5, 0, 0, 0.5]);
  });
});
