/**
 * Uniform growth: a number of seeds at evenly spaced steps, layer after layer, whatever the run
 * looks like. The control that says whether *when and where* were worth deciding.
 */
import type { Evidence, LayerObservation, Observation } from '../contracts/decision.ts';
import type { PolicyOf } from '../contracts/policy.ts';
import { evidence, fact } from './decision-record.ts';
import { type GrowthProposal, growingPolicy, waitDraft } from './growth-answer.ts';
import {
  checkRoom,
  effectStep,
  freeSlot,
  germinatedCount,
  type PlantingChoice,
  policyOf,
} from './planting.ts';

export const uniformPolicy = growingPolicy('uniform', proposeUniform);

/** Steps at which the seeds of a uniform policy take effect, ascending. */
export function uniformSteps(
  policy: PolicyOf<'uniform'>,
  totalSteps: number,
  maxSeeds: number,
): number[] {
  const seeds = Math.min(policy.seeds ?? maxSeeds, maxSeeds);
  const from = policy.from ?? policy.settings.warmupSteps;
  const until = policy.until ?? Math.floor(policy.settings.growUntilShare * totalSteps);
  const span = Math.max(0, until - from);
  return Array.from({ length: seeds }, (_, i) => {
    return from + (seeds > 1 ? Math.round((i * span) / (seeds - 1)) : 0);
  });
}

export function proposeUniform(o: Observation): GrowthProposal {
  const policy = policyOf(o, 'uniform');
  const done = germinatedCount(o);
  const steps = uniformSteps(policy, o.totalSteps, done + Math.max(0, o.budget.seedsLeft));
  const due = steps.filter((step) => step <= effectStep(o)).length;
  const found: Evidence[] = [evidence('seedsPlanted', done, '<', due)];
  const wait = (rule: string, reason: string) => ({ growth: waitDraft(o, rule, reason, found) });
  if (done >= due) {
    const next = steps[done];
    return wait(
      'not-due',
      next === undefined ? 'All seeds were planted' : `The next seed is due at step ${next}`,
    );
  }
  const obstacle = checkRoom(o, found);
  if (obstacle) return wait(...obstacle);
  const chosen = choiceInTurn(o, done, policy.blueprint);
  if (!chosen) {
    const what = policy.blueprint === undefined ? 'a blueprint' : `room for ${policy.blueprint}`;
    return wait('no-choice', `No free slot has ${what} that fits the parameters left`);
  }
  return {
    growth: {
      step: o.step,
      action: 'germinate',
      layerId: chosen.layerId,
      slot: chosen.slot,
      blueprint: chosen.blueprint,
      rule: 'uniform',
      reason:
        `${chosen.layerId} gets ${chosen.blueprint}: seed ${done + 1} of ${steps.length} is due ` +
        `at step ${steps[done]}, layer after layer`,
      evidence: [
        ...found,
        fact('dueStep', steps[done] as number),
        evidence('parameters', chosen.parameters, '<=', o.budget.parametersLeft),
      ],
      confidence: 1,
      urgency: 0.5,
    },
  };
}

/** The first offer of the layer whose turn it is, or of the next one that has room. */
function choiceInTurn(
  o: Observation,
  turn: number,
  blueprint: string | undefined,
): PlantingChoice | null {
  const { layers, step, budget } = o;
  for (let i = 0; i < layers.length; i++) {
    const layer = layers[(turn + i) % layers.length] as LayerObservation;
    const slot = freeSlot(layer, step);
    const offer = layer.offers.find(
      (f) =>
        f.parameters <= budget.parametersLeft &&
        (blueprint === undefined || f.blueprint === blueprint),
    );
    if (slot && offer) return { layerId: layer.layerId, slot: slot.slot, ...offer };
  }
  return null;
}
