/**
 * Random growth: seeds planted by chance, each free slot and blueprint as likely as any other. With
 * the times and sizes of another run it is that run's control: it differs in *where and what*
 * alone. Draws come from (seed of the run, step), so the same look gives the same answer.
 */
import { RandomStream } from '../base/random.ts';
import type { Evidence, Observation } from '../contracts/decision.ts';
import { type DecisionDraft, evidence, fact, show } from './decision-record.ts';
import { type GrowthProposal, growingPolicy, waitDraft } from './growth-answer.ts';
import {
  checkRoom,
  effectStep,
  germinatedCount,
  type PlantingChoice,
  plantingChoices,
  policyOf,
} from './planting.ts';

export const randomPolicy = growingPolicy('random', proposeRandom);

export function proposeRandom(o: Observation): GrowthProposal {
  const policy = policyOf(o, 'random');
  const random = new RandomStream(o.seed ?? 0, `policy/random/${o.step}`);
  const first = randomCulls(o, policy.cullRate, random);
  const found: Evidence[] = [];
  const due = policy.at ? isDue(o, policy.at, found) : isDrawn(o, policy.germinateRate, random);
  if (due.wait) return { first, growth: due.wait };
  found.push(...due.evidence);
  const obstacle = checkRoom(o, found);
  if (obstacle) return { first, growth: waitDraft(o, ...obstacle, found) };
  const size = policy.at ? policy.sizes?.[germinatedCount(o)] : undefined;
  const choices = nearestInSize(plantingChoices(o), size);
  if (choices.length === 0) {
    const why = 'No free slot has a blueprint that fits the parameters left';
    return { first, growth: waitDraft(o, 'no-choice', why, found) };
  }
  const chosen = choices[random.integer(choices.length)] as PlantingChoice;
  const alike = size === undefined ? '' : ` nearest to ${size} parameters`;
  const growth: DecisionDraft = {
    step: o.step,
    action: 'germinate',
    layerId: chosen.layerId,
    slot: chosen.slot,
    blueprint: chosen.blueprint,
    rule: 'random',
    reason:
      `${chosen.layerId} gets ${chosen.blueprint}, drawn among ${choices.length} choices${alike} ` +
      `because ${due.why}`,
    evidence: [
      ...found,
      fact('choices', choices.length),
      evidence('parameters', chosen.parameters, '<=', o.budget.parametersLeft),
    ],
    confidence: 1 / choices.length,
    urgency: 0.5,
  };
  return { first, growth };
}

type Due = { wait: DecisionDraft } | { wait: null; why: string; evidence: Evidence[] };

/** Whether more seeds should have been planted by the next look than were. */
function isDue(o: Observation, at: readonly number[], found: Evidence[]): Due {
  const done = germinatedCount(o);
  const due = at.filter((step) => step <= effectStep(o)).length;
  const item = evidence('seedsPlanted', done, '<', due);
  if (item.holds) return { wait: null, why: 'its time has come', evidence: [item] };
  found.push(item);
  const next = [...at].sort((a, b) => a - b)[done];
  const reason = next === undefined ? 'All seeds were planted' : `The next seed is due at ${next}`;
  return { wait: waitDraft(o, 'not-due', reason, found) };
}

function isDrawn(o: Observation, germinateRate: number, random: RandomStream): Due {
  const { growUntilShare, warmupSteps } = o.settings;
  const lastStep = Math.floor(growUntilShare * o.totalSteps);
  const early = evidence('step', o.step, '>=', warmupSteps);
  const late = evidence('lastGrowthStep', o.step, '<=', lastStep);
  const draw = evidence('draw', random.uniform(), '<', germinateRate);
  const items = [early, late, draw];
  if (items.every((item) => item.holds)) {
    return { wait: null, why: `the draw fell below ${show(germinateRate)}`, evidence: items };
  }
  const [rule, reason] = !early.holds
    ? ['warm-up', `No growth before step ${warmupSteps}`]
    : !late.holds
      ? ['too-late', `No growth after step ${lastStep}: a seed needs time to settle`]
      : ['not-drawn', `The draw was not below the rate ${show(germinateRate)}`];
  return { wait: waitDraft(o, rule as string, reason as string, items) };
}

function randomCulls(o: Observation, cullRate: number, random: RandomStream): DecisionDraft[] {
  if (cullRate === 0) return [];
  const drafts: DecisionDraft[] = [];
  for (const layer of o.layers) {
    for (const slot of layer.slots) {
      const { stage } = slot;
      if (stage !== 'TRAINING' && stage !== 'BLENDING' && stage !== 'HOLDING') continue;
      // Every live seed takes a draw, so that a cull changes no other's.
      const draw = random.uniform();
      // At most half of an answer: the rest is needed for the care of the other seeds.
      if (draw >= cullRate || drafts.length >= 16) continue;
      drafts.push({
        step: o.step,
        action: 'cull',
        layerId: layer.layerId,
        slot: slot.slot,
        blueprint: slot.blueprint,
        rule: 'random-cull',
        reason: `Seed ${slot.seedId} of ${layer.layerId} goes: the draw fell below ${show(cullRate)}`,
        evidence: [evidence('draw', draw, '<', cullRate)],
        confidence: 0.5,
        urgency: 0.5,
      });
    }
  }
  return drafts;
}

/** The choices nearest to `size` by ratio, all of them when no size is asked for. */
function nearestInSize(
  choices: readonly PlantingChoice[],
  size: number | undefined,
): readonly PlantingChoice[] {
  if (size === undefined) return choices;
  const distance = (c: PlantingChoice) =>
    Math.max(c.parameters, size) / Math.max(1, Math.min(c.parameters, size));
  let best = Number.POSITIVE_INFINITY;
  for (const choice of choices) best = Math.min(best, distance(choice));
  return choices.filter((choice) => distance(choice) === best);
}
