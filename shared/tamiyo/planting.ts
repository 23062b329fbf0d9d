/** Where a seed could go now and when one is due: shared by the policies that plant by the clock. */
import type { Evidence, LayerObservation, Observation } from '../contracts/decision.ts';
import type { PolicyKind, PolicyOf } from '../contracts/policy.ts';
import type { SeedSlotState, SeedStage } from '../contracts/seed.ts';
import { evidence } from './decision-record.ts';

const LIVE: ReadonlySet<SeedStage> = new Set(['LOADING', 'TRAINING', 'BLENDING', 'HOLDING']);

/** A free slot with a blueprint that fits its layer and the parameters left. */
export interface PlantingChoice {
  layerId: string;
  slot: number;
  blueprint: string;
  parameters: number;
}

/** The observation's policy, if it is of that kind. */
export function policyOf<K extends PolicyKind>(o: Observation, kind: K): PolicyOf<K> {
  if (o.policy?.kind !== kind) {
    throw new TypeError(
      `Cannot decide as "${kind}": the observation's policy is "${o.policy?.kind ?? 'heuristic'}"`,
    );
  }
  return o.policy as PolicyOf<K>;
}

/** First slot of a layer that is dormant and off embargo at `step`; null: all are in use. */
export function freeSlot({ slots }: LayerObservation, step: number): SeedSlotState | null {
  for (const slot of slots) {
    if (slot.stage === 'DORMANT' && step >= slot.embargoUntil) return slot;
  }
  return null;
}

/** First free slot of each layer with each offer within the budget, in order of layer and offer. */
export function plantingChoices(o: Observation): PlantingChoice[] {
  const choices: PlantingChoice[] = [];
  for (const layer of o.layers) {
    const slot = freeSlot(layer, o.step);
    if (!slot) continue;
    for (const { blueprint, parameters } of layer.offers) {
      if (parameters > o.budget.parametersLeft) continue;
      choices.push({ layerId: layer.layerId, slot: slot.slot, blueprint, parameters });
    }
  }
  return choices;
}

/** Seeds germinated so far. */
export function germinatedCount(o: Observation): number {
  if (o.germinated !== undefined) return o.germinated;
  let live = 0;
  for (const { slots } of o.layers) for (const { stage } of slots) if (LIVE.has(stage)) live++;
  return o.outcomes.length + live;
}

/** Step at which what is decided now takes effect. */
export function effectStep(o: Observation): number {
  return o.step + (o.intervalSteps ?? 1);
}

/** Whether an action meant for `step` must be decided at this look: no later one is in time. */
export function isDueNow(o: Observation, step: number): boolean {
  const isFirstLook = o.step <= (o.intervalSteps ?? 1);
  return step <= effectStep(o) && (isFirstLook || step > o.step);
}

/** Room for one more seed, as evidence; the reason why not, or null. */
export function checkRoom(o: Observation, found: Evidence[]): [rule: string, why: string] | null {
  const { concurrentLeft, seedsLeft } = o.budget;
  found.push(evidence('seedsLeft', seedsLeft, '>=', 1));
  if (seedsLeft < 1) return ['seeds-spent', 'The run has germinated as many seeds as it may'];
  found.push(evidence('concurrentLeft', concurrentLeft, '>=', 1));
  if (concurrentLeft < 1) return ['seeds-busy', 'As many seeds are live as may be at a time'];
  return null;
}
