/** Observations for the tests of this folder: a plateau at step 1000 and one free slot, then varied. */
import { expect } from 'vitest';
import { Decision, HeuristicSettings, Observation } from '../contracts/decision.ts';
import type { HealthSignal } from '../contracts/health.ts';
import { dormantSlot, type SeedSlotState } from '../contracts/seed.ts';
import { decideHeuristic } from './heuristic-policy.ts';

export const settings = HeuristicSettings.parse({});

export function slotOf(change: Partial<SeedSlotState> = {}): SeedSlotState {
  return { ...dormantSlot('fc1', 0), ...change };
}

export function seedIn(stage: SeedSlotState['stage'], change: Partial<SeedSlotState> = {}) {
  const seed = { seedId: 's1', blueprint: 'widen-8', blendMode: 'add', alphaTarget: 1 } as const;
  return slotOf({ stage, ...seed, stageSince: 500, parameters: 42, ...change });
}

export function layerOf(
  layerId: string,
  slots: SeedSlotState[],
  change = {},
): Observation['layers'][number] {
  return {
    layerId,
    kind: 'linear',
    inFeatures: 2,
    outFeatures: 4,
    parameters: 12,
    slots: slots.map((slot, i) => ({ ...slot, layerId, slot: i })),
    offers: [
      { blueprint: 'residual-mlp-16', parameters: 388 },
      { blueprint: 'widen-8', parameters: 60 },
    ],
    ...change,
  };
}

/** One point every 50 steps, the last at step 1000. */
export function historyOf(losses: (number | null)[], accuracy: number | null = 0.6) {
  return losses.map((loss, i) => ({ step: 1000 - 50 * (losses.length - 1 - i), loss, accuracy }));
}

export function observe(change: Partial<Observation> = {}): Observation {
  return {
    runId: 'run',
    step: 1000,
    totalSteps: 2000,
    history: historyOf(new Array(20).fill(0.6)),
    layers: [layerOf('fc1', [slotOf()])],
    signals: [],
    outcomes: [],
    budget: { parametersLeft: 1000, concurrentLeft: 1, seedsLeft: 4 },
    blendMode: 'add',
    settings,
    ...change,
  };
}

export const gradient = (
  layerId: string,
  gradientNorm: number | null,
  step = 1000,
): HealthSignal => ({
  layerId,
  seedId: null,
  step,
  activationVariance: null,
  deadUnitRatio: null,
  meanCorrelation: null,
  gradientNorm,
  gradientVariance: null,
  gradientRatio: null,
  latencyMs: null,
});

export const outcome = (blueprint: string, result: 'culled' | 'fossilized', layerId = 'fc1') => ({
  seedId: 's0',
  layerId,
  blueprint,
  outcome: result,
  step: 10,
  contribution: null,
});

/** The only decision for an observation. */
export async function only(change: Partial<Observation>): Promise<Decision> {
  const decisions = await decideHeuristic(Observation.parse(observe(change)));
  expect(decisions).toHaveLength(1);
  return Decision.parse(decisions[0]);
}
