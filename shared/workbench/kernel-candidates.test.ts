import { describe, expect, it } from 'vitest';
import { libraryBlueprint } from '../blueprints/library.ts';
import type { LayerObservation } from '../contracts/decision.ts';
import type { HealthSignal } from '../contracts/health.ts';
import { dormantSlot, type SeedSlotState } from '../contracts/seed.ts';
import { tinyExperiment } from '../tolaria/_test-run.ts';
import { type GrowthRoom, kernelCandidates } from './kernel-candidates.ts';

const offer = (blueprint: string, parameters = 10) => ({ blueprint, parameters });
const layer = (
  layerId: string,
  offers: LayerObservation['offers'],
  slot: Partial<SeedSlotState> = {},
): LayerObservation => ({
  ...{ layerId, kind: 'linear', inFeatures: 3, outFeatures: 4, parameters: 16, offers },
  slots: [{ ...dormantSlot(layerId, 0), ...slot }],
});
const fc1 = [offer('norm'), offer('widen-2'), offer('low-rank-2', 50)];
const fc2 = [offer('widen-4')];
const room: GrowthRoom = {
  step: 10,
  budget: { parametersLeft: 100, concurrentLeft: 1, seedsLeft: 1 },
  signals: [],
  layers: [layer('fc1', fc1), layer('fc2', fc2)],
};
const signal = (layerId: string, gradientNorm: number): HealthSignal => ({
  ...{ layerId, seedId: null, step: 10, gradientNorm, activationVariance: null },
  ...{ deadUnitRatio: null, meanCorrelation: null, gradientVariance: null },
  ...{ gradientRatio: null, expressivityBottleneck: null, latencyMs: null },
});
const candidates = (
  experiment: Parameters<typeof tinyExperiment>[0],
  change: Partial<GrowthRoom> = {},
) =>
  kernelCandidates(tinyExperiment(experiment), { ...room, ...change }, libraryBlueprint).map(
    (c) => `${c.layerId}/${c.blueprint}`,
  );

describe('kernelCandidates', () => {
  it('are what the policy may ask for, every layer’s preferred first', () => {
    const all = ['fc1/norm', 'fc2/widen-4', 'fc1/widen-2', 'fc1/low-rank-2'];
    expect(candidates({ policy: { kind: 'heuristic' } })).toEqual(all);
    expect(candidates({ policy: { kind: 'manual' } })).toEqual(all);
    expect(candidates({ policy: { kind: 'gradmax' } })).toEqual(['fc1/widen-2', 'fc2/widen-4']);
    expect(candidates({ policy: { kind: 'uniform' } })).toEqual(['fc1/norm', 'fc2/widen-4']);
    expect(candidates({ policy: { kind: 'uniform', blueprint: 'widen-2' } })).toEqual([
      'fc1/widen-2',
    ]);
  });

  it('begin with the layer whose parameters feel the largest gradient', () => {
    const signals = [signal('fc1', 0.1), signal('fc2', 0.2)];
    const all = ['fc2/widen-4', 'fc1/norm', 'fc1/widen-2', 'fc1/low-rank-2'];
    expect(candidates({ policy: { kind: 'heuristic' } }, { signals })).toEqual(all);
  });

  it('keep to the budget; a person may plant more seeds, but not more parameters', () => {
    const small = { budget: { parametersLeft: 20, concurrentLeft: 1, seedsLeft: 1 } };
    const fitting = ['fc1/norm', 'fc2/widen-4', 'fc1/widen-2'];
    expect(candidates({ policy: { kind: 'heuristic' } }, small)).toEqual(fitting);
    const spent = { budget: { parametersLeft: 20, concurrentLeft: 1, seedsLeft: 0 } };
    expect(candidates({ policy: { kind: 'heuristic' } }, spent)).toEqual([]);
    expect(candidates({ policy: { kind: 'manual' } }, spent)).toEqual(fitting);
  });

  it('leave out layers without a free slot, and end with those under embargo', () => {
    const busy = [layer('fc1', fc1, { stage: 'TRAINING' }), layer('fc2', fc2)];
    expect(candidates({ policy: { kind: 'heuristic' } }, { layers: busy })).toEqual([
      'fc2/widen-4',
    ]);
    const resting = [layer('fc1', fc1.slice(0, 1), { embargoUntil: 99 }), layer('fc2', fc2)];
    expect(candidates({ policy: { kind: 'heuristic' } }, { layers: resting })).toEqual([
      'fc2/widen-4',
      'fc1/norm',
    ]);
  });

  it('are those of the schedule where there is one', () => {
    const schedule = [
      { step: 30, layer: 'fc1', blueprint: 'norm' },
      { step: 15, layer: 'fc2', blueprint: 'widen-4' },
      { step: 19, layer: 'fc2', action: 'cull' as const },
      { step: 5, layer: 'fc1', blueprint: 'widen-2' },
    ];
    const policy = { kind: 'schedule' as const, schedule };
    expect(candidates({ policy })).toEqual(['fc2/widen-4', 'fc1/norm']);
  });

  it('are none where nothing grows', () => {
    expect(candidates({ policy: { kind: 'none' } })).toEqual([]);
    expect(candidates({ policy: { kind: 'manual' }, growth: { enabled: false } })).toEqual([]);
    expect(candidates({ policy: { kind: 'manual' }, growth: { maxSeeds: 0 } })).toEqual([]);
  });
});
