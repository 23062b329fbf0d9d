import { describe, expect, it } from 'vitest';
import { replicaRates } from './replicas.ts';

describe('replicaRates()', () => {
  const result = (replicas: number, milliseconds: number) => ({
    ...{ network: '64-32-10', batch: 128, replicas, milliseconds, ratio: milliseconds / 0.5 },
  });
  // Forward and weight gradients of both layers, input gradient of the second.
  const flops = 2 * 128 * (2 * 64 * 32 + 3 * 32 * 10);

  it('gives the rates of one network and of 32, and the rate of 32 in eight times the time', () => {
    const [rate, ...others] = replicaRates([result(1, 0.5), result(32, 5), result(64, 9)]);
    expect(others).toEqual([]);
    expect(rate).toMatchObject({ network: '64-32-10', batch: 128 });
    expect(rate!.one).toBeCloseTo(flops / 0.5e6, 9);
    expect(rate!.many).toBeCloseTo((32 * flops) / 5e6, 9);
    expect(rate!.bar).toBeCloseTo((32 * flops) / (8 * 0.5e6), 9);
  });

  it('says nothing of what was not measured', () => {
    expect(replicaRates([result(1, 0.5), result(16, 3)])).toEqual([]);
  });
});
