/**
 * Whether to grow at all: after the warm-up, while there is something left to learn, once the loss
 * has stopped falling and the budget has room. One seed at a time. The first condition that fails
 * is the reason to wait; what was not measured is such a reason too.
 */
import type { Evidence, Observation } from '../contracts/decision.ts';
import { type DecisionDraft, evidence, fact, measured, share, show } from './decision-record.ts';
import { waitDraft } from './growth-answer.ts';
import { findGrowthSite } from './growth-site.ts';
import { bestRecentImprovement, type LossHistory } from './loss-trend.ts';

/** When to grow: what was found, and the wait that explains why not yet; null: now. */
export interface GrowthMoment {
  wait: DecisionDraft | null;
  found: Evidence[];
  /** Best recent improvement and newest training accuracy; null: unmeasured. */
  improvement: number | null;
  accuracy: number | null;
}

/** Whether the run should grow at this look, wherever. */
export function growthMoment(o: Observation, trend: LossHistory): GrowthMoment {
  const { settings, budget } = o;
  const found: Evidence[] = [];
  const accuracy = measured(o.history.at(-1)?.accuracy);
  const patience = settings.plateauPatience;
  const improvement = bestRecentImprovement(trend, patience);
  const wait = (rule: string, reason: string, confidence = 1): GrowthMoment => ({
    wait: waitDraft(o, rule, reason, found, confidence),
    found,
    improvement,
    accuracy,
  });
  /** Notes a comparison; true when it holds. */
  const holds = (item: Evidence) => {
    found.push(item);
    return item.holds;
  };

  if (!holds(evidence('step', o.step, '>=', settings.warmupSteps))) {
    return wait('warm-up', `No growth before step ${settings.warmupSteps}`);
  }
  // A seed that cannot be trained, blended and held in the steps left would only disturb the end.
  const lastStep = Math.floor(settings.growUntilShare * o.totalSteps);
  if (!holds(evidence('lastGrowthStep', o.step, '<=', lastStep))) {
    return wait('too-late', `No growth after step ${lastStep}: a seed needs time to settle`);
  }
  if (!holds(evidence('trainAccuracy', accuracy, '<', settings.targetAccuracy))) {
    if (accuracy === null) {
      return wait('accuracy-unmeasured', 'The newest training accuracy was not measured');
    }
    return wait(
      'target-reached',
      `Training accuracy ${show(accuracy)} has reached its target ${show(settings.targetAccuracy)}`,
    );
  }
  if (!holds(evidence('bestLossImprovement', improvement, '<', settings.plateauImprovement))) {
    if (improvement === null) {
      return wait(
        'loss-unmeasured',
        trend.latestMeasured
          ? `A plateau takes ${2 * patience} measured losses to see; there are ${trend.losses.length}`
          : 'The newest training loss was not measured or not finite',
      );
    }
    return wait(
      'improving',
      `The loss still falls by up to ${show(100 * improvement)} % per observation`,
      0.8,
    );
  }
  if (!holds(evidence('seedsLeft', budget.seedsLeft, '>=', 1))) {
    return wait('seeds-spent', 'The run has germinated as many seeds as it may');
  }
  if (!holds(evidence('concurrentLeft', budget.concurrentLeft, '>=', 1))) {
    return wait('seeds-busy', 'As many seeds are live as may be at a time');
  }
  return { wait: null, found, improvement, accuracy };
}

/** How the plateau reads in a sentence. */
export function plateauText(o: Observation, { accuracy, improvement }: GrowthMoment): string {
  return (
    `The loss has stopped falling (best of the last ${o.settings.plateauPatience} observations: ` +
    `${show(100 * (improvement ?? 0))} %) at training accuracy ${show(accuracy ?? 0)}`
  );
}

/** The further from the target, the sooner. */
export function growthUrgency(o: Observation, { accuracy }: GrowthMoment): number {
  const { targetAccuracy } = o.settings;
  return share((targetAccuracy - (accuracy ?? 0)) / targetAccuracy);
}

/** A germinate draft, or the wait that explains why there is none. */
export function proposeGrowth(o: Observation, trend: LossHistory): DecisionDraft {
  const moment = growthMoment(o, trend);
  if (moment.wait) return moment.wait;
  const { found, improvement } = moment;
  const { budget, settings } = o;
  const { site, obstacle } = findGrowthSite(o);
  if (!site) {
    found.push(fact('parametersLeft', budget.parametersLeft));
    return waitDraft(o, obstacle, OBSTACLES[obstacle], found);
  }
  found.push(
    evidence('parameters', site.parameters, '<=', budget.parametersLeft),
    fact('gradientPerRootParameter', site.gradientScore),
    fact('cullPenalty', site.penalty),
  );
  return {
    step: o.step,
    action: 'germinate',
    layerId: site.layerId,
    slot: site.slot,
    blueprint: site.blueprint,
    rule: 'plateau',
    reason: `${plateauText(o, moment)}; ${site.layerId} gets ${site.blueprint}, ${whyHere(site.gradientScore)}`,
    evidence: found,
    confidence: confidenceOf(improvement ?? 0, settings.plateauImprovement, site.penalty),
    urgency: growthUrgency(o, moment),
  };
}

const OBSTACLES = {
  'no-slot': 'No dormant slot is free: all are in use or under embargo',
  'no-offer': 'No blueprint on offer fits a free slot and the parameters left',
  penalised: 'Every blueprint that fits was culled there repeatedly',
} as const;

function whyHere(gradientScore: number | null): string {
  if (gradientScore === null) return 'the first layer with room (gradients unmeasured)';
  return `where the gradient per parameter is largest (${show(gradientScore)})`;
}

/** 0.5 when improvement only just counts as a plateau, 1 when the loss stands or rises. */
function confidenceOf(improvement: number, threshold: number, penalty: number): number {
  const flatness = threshold > 0 ? share(1 - improvement / threshold) : 1;
  return (0.5 + 0.5 * flatness) / (1 + penalty);
}
