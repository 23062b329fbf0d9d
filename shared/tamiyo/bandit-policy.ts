/**
 * Growth by what earlier runs taught: a contextual bandit over (kind of place, blueprint). What it
 * knows comes with the observation, with the digest that the run recorded. When to grow is the
 * plateau rule of the heuristic.
 */
import type { Observation } from '../contracts/decision.ts';
import {
  type ArmModel,
  armModel,
  armName,
  estimate,
  FEATURES,
  featuresOf,
  lookContext,
  placeKind,
} from './bandit.ts';
import { evidence, fact, share, show } from './decision-record.ts';
import { type GrowthProposal, growingPolicy, waitDraft } from './growth-answer.ts';
import { growthMoment, growthUrgency, plateauText } from './growth-rule.ts';
import { cullPenalties, HARD_PENALTY } from './growth-site.ts';
import type { LossHistory } from './loss-trend.ts';
import { type PlantingChoice, plantingChoices, policyOf } from './planting.ts';

export const banditPolicy = growingPolicy('bandit', proposeBandit);

/** Evidence with this prefix holds the features of a choice; learning reads them back. */
export const FEATURE_PREFIX = 'x.';

interface Ranked {
  choice: PlantingChoice;
  arm: string;
  features: number[];
  mean: number;
  width: number;
  bound: number;
  pulls: number;
}

export function proposeBandit(o: Observation, trend: LossHistory): GrowthProposal {
  const { exploration } = policyOf(o, 'bandit');
  const moment = growthMoment(o, trend);
  if (moment.wait) return { growth: moment.wait };
  const { found } = moment;
  const known = o.knowledge;
  found.push(fact('knownArms', known ? Object.keys(known.arms).length : null));
  if (!known) {
    const why = 'What earlier runs taught was not read at this look';
    return { growth: waitDraft(o, 'knowledge-unread', why, found) };
  }
  const [best, second] = rank(o, exploration);
  if (!best) {
    const why =
      'No free slot has a blueprint that fits the parameters left and has not failed there';
    return { growth: waitDraft(o, 'no-choice', why, found) };
  }
  const { arm, bound, choice, features, mean, pulls, width } = best;
  const tried = pulls === 0 ? 'never tried' : `tried ${pulls} times`;
  return {
    growth: {
      step: o.step,
      action: 'germinate',
      layerId: choice.layerId,
      slot: choice.slot,
      blueprint: choice.blueprint,
      rule: 'bandit',
      reason:
        `${plateauText(o, moment)}; ${choice.layerId} gets ${choice.blueprint}: ${arm}, ${tried}, ` +
        `promises ${show(mean)}, at best ${show(bound)}`,
      evidence: [
        ...found,
        evidence('parameters', choice.parameters, '<=', o.budget.parametersLeft),
        fact('pulls', pulls),
        fact('expectedReward', mean),
        fact('confidenceWidth', width),
        ...(second
          ? [evidence('upperBound', bound, '>=', second.bound)]
          : [fact('upperBound', bound)]),
        ...features.map((value, i) => fact(`${FEATURE_PREFIX}${FEATURES[i]}`, value)),
      ],
      // Sure where much was learned, little where the width decides.
      confidence: share(1 / (1 + width)),
      urgency: growthUrgency(o, moment),
    },
  };
}

/** The two choices with the highest upper bounds; ties go to the earlier layer and offer. */
function rank(o: Observation, exploration: number): (Ranked | undefined)[] {
  const { ridge } = policyOf(o, 'bandit');
  const look = lookContext(o);
  const penalties = cullPenalties(o.outcomes);
  const places = new Map(o.layers.map((l, i) => [l.layerId, placeKind(o.layers, i)]));
  const models = new Map<string, ArmModel>();
  let best: Ranked | undefined;
  let second: Ranked | undefined;
  for (const choice of plantingChoices(o)) {
    if ((penalties.get(choice.layerId)?.get(choice.blueprint) ?? 0) >= HARD_PENALTY) continue;
    const arm = armName(places.get(choice.layerId) as string, choice.blueprint);
    let model = models.get(arm);
    if (!model) {
      model = armModel(o.knowledge?.arms[arm], ridge, FEATURES.length);
      models.set(arm, model);
    }
    const features = featuresOf(look, choice.layerId, choice.parameters);
    const { mean, width } = estimate(model, features);
    const bound = mean + exploration * width;
    const ranked = { choice, arm, features, mean, width, bound, pulls: model.pulls };
    if (!best || bound > best.bound) [best, second] = [ranked, best];
    else if (!second || bound > second.bound) second = ranked;
  }
  return [best, second];
}
