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
import { freeSlot, type PlantingChoice, policyOf } from './planting.ts';

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
  const { best, runnerUp } = rank(o, exploration);
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
        runnerUp === null
          ? fact('upperBound', bound)
          : evidence('upperBound', bound, '>=', runnerUp),
        ...features.map((value, i) => fact(`${FEATURE_PREFIX}${FEATURES[i]}`, value)),
      ],
      // Sure where much was learned, little where the width decides.
      confidence: share(1 / (1 + width)),
      urgency: growthUrgency(o, moment),
    },
  };
}

/**
 * The choice with the highest upper bound, and the bound of the one after it; ties go to the earlier
 * layer and offer. Nothing is kept of the thousands of other choices.
 */
function rank(
  o: Observation,
  exploration: number,
): { best: Ranked | null; runnerUp: number | null } {
  const { ridge } = policyOf(o, 'bandit');
  const { layers, step, budget } = o;
  const look = lookContext(o);
  const penalties = cullPenalties(o.outcomes);
  const places = new Map<string, Map<string, ArmModel>>();
  const features: number[] = [];
  let best: Ranked | null = null;
  let runnerUp: number | null = null;
  for (const [i, layer] of layers.entries()) {
    const slot = freeSlot(layer, step);
    if (!slot) continue;
    const { layerId } = layer;
    const place = placeKind(layers, i);
    const models = places.get(place) ?? new Map<string, ArmModel>();
    places.set(place, models);
    const seen = look.layers.get(layerId);
    for (const { blueprint, parameters } of layer.offers) {
      if (parameters > budget.parametersLeft) continue;
      if (penalties.of(layerId, blueprint) >= HARD_PENALTY) continue;
      let model = models.get(blueprint);
      if (!model) {
        const arm = o.knowledge?.arms[armName(place, blueprint)];
        model = armModel(arm, ridge, FEATURES.length);
        models.set(blueprint, model);
      }
      featuresOf(look, seen, parameters, features);
      const { mean, width } = estimate(model, features);
      const bound = mean + exploration * width;
      if (best && !(bound > best.bound)) {
        if (runnerUp === null || bound > runnerUp) runnerUp = bound;
        continue;
      }
      if (best) runnerUp = best.bound;
      best = {
        choice: { layerId, slot: slot.slot, blueprint, parameters },
        arm: armName(place, blueprint),
        features: [...features],
        mean,
        width,
        bound,
        pulls: model.pulls,
      };
    }
  }
  return { best, runnerUp };
}
