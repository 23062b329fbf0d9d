/**
 * Growth where the gradient says it pays: GradMax and TINY. What they look at is measured by the run
 * (real activations and gradients) and comes with the observation, so that these stay functions of
 * it. When to grow is the plateau rule of the heuristic.
 */
import type {
  Evidence,
  Observation,
  SeedInitialisation,
  SiteScore,
} from '../contracts/decision.ts';
import type { PolicyOf } from '../contracts/policy.ts';
import { type DecisionDraft, evidence, fact, share, show } from './decision-record.ts';
import { type GrowthProposal, growingPolicy, waitDraft } from './growth-answer.ts';
import { type GrowthMoment, growthMoment, growthUrgency, plateauText } from './growth-rule.ts';
import { cullPenalties, HARD_PENALTY } from './growth-site.ts';
import { type LossHistory, lossHistory } from './loss-trend.ts';
import { policyOf } from './planting.ts';

export const gradMaxPolicy = growingPolicy('gradmax', proposeGradMax);
export const tinyPolicy = growingPolicy('tiny', proposeTiny);

/** Whether this look is one at which the policy would grow, so that it is worth measuring. */
export function wantsGrowth(o: Observation): boolean {
  return growthMoment(o, lossHistory(o.history)).wait === null;
}

/** How the units of a GradMax policy are computed. */
export function gradMaxMethod({ variant }: PolicyOf<'gradmax'>): SeedInitialisation {
  return variant === 'optimised' ? 'gradmax-optimised' : 'gradmax';
}

export function proposeGradMax(o: Observation, trend: LossHistory): GrowthProposal {
  const moment = growthMoment(o, trend);
  if (moment.wait) return { growth: moment.wait };
  const { found } = moment;
  const sites = usableSites(o, found);
  if (!sites) return { growth: unmeasured(o, found) };
  const best = largest(sites, (s) => s.score);
  if (!best) return { growth: nothingToGain(o, found) };
  const second = largest(
    sites.filter((s) => s !== best),
    (s) => s.score,
  );
  return {
    growth: {
      ...planted(o, best, moment),
      rule: 'gradmax',
      initialise: gradMaxMethod(policyOf(o, 'gradmax')),
      reason:
        `${plateauText(o, moment)}; ${best.layerId} gets ${best.blueprint}, whose ${best.units} ` +
        `best units will feel the largest gradient (squared norm ${show(best.score)})`,
      evidence: [
        ...found,
        ...siteEvidence(o, best),
        ...(second ? [evidence('score', best.score, '>=', second.score)] : []),
      ],
      confidence: lead(best.score, second?.score ?? 0),
    },
  };
}

export function proposeTiny(o: Observation, trend: LossHistory): GrowthProposal {
  const { minBenefit } = policyOf(o, 'tiny');
  const moment = growthMoment(o, trend);
  if (moment.wait) return { growth: moment.wait };
  const { found } = moment;
  const sites = usableSites(o, found);
  if (!sites) return { growth: unmeasured(o, found) };
  const tried = sites.filter((s) => s.amplitude !== null && benefitOf(s) !== null);
  const best = largest(tried, (s) => benefitOf(s) as number);
  if (!best) return { growth: nothingToGain(o, found) };
  const benefit = benefitOf(best) as number;
  found.push(
    ...siteEvidence(o, best),
    fact('bottleneck', best.bottleneck),
    fact('amplitude', best.amplitude),
    fact('lossWithout', best.lossBefore),
    fact('lossAtBestAmplitude', best.lossAfter),
  );
  const isWorthIt = best.amplitude !== 0 && benefit > 0 && benefit >= minBenefit;
  found.push(evidence('relativeBenefit', benefit, minBenefit > 0 ? '>=' : '>', minBenefit));
  if (!isWorthIt) {
    const reason =
      best.amplitude === 0 || benefit <= 0
        ? `Do not grow: the loss is lowest without new units in all ${tried.length} places tried`
        : `Do not grow: the best new units would lower the loss by ${show(100 * benefit)} %, ` +
          `less than ${show(100 * minBenefit)} %`;
    return { growth: waitDraft(o, 'do-not-grow', reason, found, 0.9) };
  }
  return {
    growth: {
      ...planted(o, best, moment),
      rule: 'tiny',
      initialise: 'tiny',
      reason:
        `${plateauText(o, moment)}; ${best.layerId} gets ${best.blueprint}: its ${best.units} best ` +
        `units at amplitude ${show(best.amplitude as number)} lower the loss at once by ` +
        `${show(100 * benefit)} %`,
      evidence: found,
      confidence: 0.5 + 0.5 * share(benefit / 0.05),
    },
  };
}

/** Relative drop of the loss at the best amplitude; null: unmeasured. */
export function benefitOf({ lossAfter, lossBefore }: SiteScore): number | null {
  if (lossAfter === null || lossBefore === null) return null;
  return (lossBefore - lossAfter) / Math.max(Math.abs(lossBefore), 1e-12);
}

/** Scored places whose blueprint was not culled there again and again; null: none was measured. */
function usableSites(o: Observation, found: Evidence[]): SiteScore[] | null {
  found.push(fact('placesMeasured', o.siteScores?.length ?? null));
  if (!o.siteScores) return null;
  const penalties = cullPenalties(o.outcomes);
  return o.siteScores.filter(
    (s) =>
      s.units > 0 &&
      s.score > 0 &&
      s.parameters <= o.budget.parametersLeft &&
      penalties.of(s.layerId, s.blueprint) < HARD_PENALTY,
  );
}

function planted(
  o: Observation,
  site: SiteScore,
  moment: GrowthMoment,
): Omit<DecisionDraft, 'rule' | 'reason' | 'evidence' | 'confidence'> {
  return {
    step: o.step,
    action: 'germinate',
    layerId: site.layerId,
    slot: site.slot,
    blueprint: site.blueprint,
    urgency: growthUrgency(o, moment),
  };
}

function siteEvidence(o: Observation, site: SiteScore): Evidence[] {
  return [
    evidence('parameters', site.parameters, '<=', o.budget.parametersLeft),
    evidence('unitsWithDirection', site.units, '>=', 1),
  ];
}

function unmeasured(o: Observation, found: Evidence[]): DecisionDraft {
  const why = 'Gradients and activations of the places to grow were not measured';
  return waitDraft(o, 'statistics-unmeasured', why, found);
}

function nothingToGain(o: Observation, found: Evidence[]): DecisionDraft {
  const obstacles = [...new Set((o.siteScores ?? []).flatMap((s) => s.obstacle ?? []))];
  const why =
    obstacles.length > 0
      ? `Do not grow: ${obstacles.slice(0, 3).join('; ')}`
      : 'Do not grow: no place with a fitting blueprint has a direction that new units could gain by';
  return waitDraft(o, 'do-not-grow', why, found, 0.9);
}

/** The element with the largest value; ties go to the earlier one. */
function largest<T>(items: readonly T[], value: (item: T) => number): T | null {
  let best: T | null = null;
  for (const item of items) if (best === null || value(item) > value(best)) best = item;
  return best;
}

/** 0.5 when the second is as good, towards 1 the further it is behind. */
function lead(best: number, second: number): number {
  return best > 0 ? 0.5 + 0.5 * share(1 - second / best) : 0.5;
}
