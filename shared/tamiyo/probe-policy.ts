/**
 * Growth by trying: candidates are trained side by side in short branches of the run, the better half
 * goes on for twice as long, and the last one is planted if it beats the branch that grew nothing.
 * The trials are the run's business and come with the observation.
 */
import type { Evidence, Observation, TrialScore } from '../contracts/decision.ts';
import { evidence, fact, share, show } from './decision-record.ts';
import { type GrowthProposal, growingPolicy, waitDraft } from './growth-answer.ts';
import { growthMoment, growthUrgency, plateauText } from './growth-rule.ts';
import { cullPenalties, HARD_PENALTY } from './growth-site.ts';
import { type LossHistory, lossHistory } from './loss-trend.ts';
import { type PlantingChoice, plantingChoices, policyOf } from './planting.ts';

export const probePolicy = growingPolicy('probe', proposeProbe);

/** What to try at this look, preferred offers of every layer first; empty: nothing now. */
export function probeCandidates(o: Observation): PlantingChoice[] {
  const policy = policyOf(o, 'probe');
  if (!isProbeLook(o, policy.everyLooks)) return [];
  if (growthMoment(o, lossHistory(o.history)).wait) return [];
  const penalties = cullPenalties(o.outcomes);
  const ranks = new Map<string, number>();
  const ranked = plantingChoices(o)
    .filter((c) => penalties.of(c.layerId, c.blueprint) < HARD_PENALTY)
    .map((choice, index) => {
      const rank = ranks.get(choice.layerId) ?? 0;
      ranks.set(choice.layerId, rank + 1);
      return { choice, rank, index };
    });
  ranked.sort((a, b) => a.rank - b.rank || a.index - b.index);
  return ranked.slice(0, policy.candidates).map(({ choice }) => choice);
}

export function proposeProbe(o: Observation, trend: LossHistory): GrowthProposal {
  const policy = policyOf(o, 'probe');
  const moment = growthMoment(o, trend);
  if (moment.wait) return { growth: moment.wait };
  const { found } = moment;
  const wait = (rule: string, reason: string, confidence = 1): GrowthProposal => ({
    growth: waitDraft(o, rule, reason, found, confidence),
  });
  if (!isProbeLook(o, policy.everyLooks)) {
    return wait('between-trials', `Trials are run at every ${policy.everyLooks}. look`);
  }
  found.push(fact('candidatesTried', o.trials?.length ?? null));
  if (!o.trials) return wait('trials-unmeasured', 'No trials were run at this look');
  const winner = winnerOf(o.trials);
  if (!winner) return wait('no-choice', 'No free slot has a blueprint that could be tried');
  const benefit = benefitOf(winner);
  found.push(...trialEvidence(o, winner), evidence('relativeBenefit', benefit, '>', 0));
  if (policy.minBenefit > 0) {
    found.push(evidence('relativeBenefit', benefit, '>=', policy.minBenefit));
  }
  if (benefit === null || benefit <= 0 || benefit < policy.minBenefit) {
    const how =
      benefit === null
        ? 'no trial has a finite loss'
        : `the best of ${o.trials.length} trials changed the loss by ${show(-100 * benefit)} % ` +
          `in ${winner.steps} steps`;
    return wait('do-not-grow', `Do not grow: ${how}`, 0.9);
  }
  return {
    growth: {
      step: o.step,
      action: 'germinate',
      layerId: winner.layerId,
      slot: winner.slot,
      blueprint: winner.blueprint,
      rule: 'probe',
      reason:
        `${plateauText(o, moment)}; ${winner.layerId} gets ${winner.blueprint}, the last of ` +
        `${o.trials.length} trials: after ${winner.steps} steps the loss is ` +
        `${show(100 * benefit)} % below that of the branch without it`,
      evidence: found,
      confidence: 0.5 + 0.5 * share(benefit / 0.05),
      urgency: growthUrgency(o, moment),
    },
  };
}

function isProbeLook(o: Observation, everyLooks: number): boolean {
  return Math.round(o.step / (o.intervalSteps ?? 1)) % everyLooks === 0;
}

/** Through most rounds, then lowest loss, then fewest parameters, then earliest. */
function winnerOf(trials: readonly TrialScore[]): TrialScore | null {
  const loss = (t: TrialScore) => t.loss ?? Number.POSITIVE_INFINITY;
  const isBetter = (a: TrialScore, b: TrialScore) =>
    a.rounds !== b.rounds
      ? a.rounds > b.rounds
      : loss(a) !== loss(b)
        ? loss(a) < loss(b)
        : a.parameters < b.parameters;
  let best: TrialScore | null = null;
  for (const trial of trials) if (best === null || isBetter(trial, best)) best = trial;
  return best;
}

function benefitOf({ controlLoss, loss }: TrialScore): number | null {
  if (loss === null || controlLoss === null) return null;
  return (controlLoss - loss) / Math.max(Math.abs(controlLoss), 1e-12);
}

function trialEvidence(o: Observation, winner: TrialScore): Evidence[] {
  return [
    evidence('parameters', winner.parameters, '<=', o.budget.parametersLeft),
    fact('trialSteps', winner.steps),
    fact('roundsOfHalving', winner.rounds),
    fact('trialLoss', winner.loss),
    fact('lossWithout', winner.controlLoss),
  ];
}
