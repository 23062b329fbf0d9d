/**
 * Whether to grow at all: after the warm-up, while there is something left to learn, once the loss
 * has stopped falling and the budget has room. One seed at a time. The first condition that fails
 * is the reason to wait; what was not measured is such a reason too.
 */
import type { Evidence, Observation } from '../contracts/decision.ts';
import { type DecisionDraft, evidence, fact, measured, share, show } from './decision-record.ts';
import { findGrowthSite } from './growth-site.ts';
import { bestRecentImprovement, type LossHistory } from './loss-trend.ts';

/** A germinate draft, or the wait that explains why there is none. */
export function proposeGrowth(o: Observation, trend: LossHistory): DecisionDraft {
  const { settings, budget } = o;
  const found: Evidence[] = [];
  const wait = (rule: string, reason: string, confidence = 1): DecisionDraft => ({
    step: o.step,
    action: 'wait',
    layerId: null,
    slot: null,
    blueprint: null,
    rule,
    reason,
    evidence: found,
    confidence,
    urgency: 0,
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
  const accuracy = measured(o.history.at(-1)?.accuracy);
  if (!holds(evidence('trainAccuracy', accuracy, '<', settings.targetAccuracy))) {
    if (accuracy === null) {
      return wait('accuracy-unmeasured', 'The newest training accuracy was not measured');
    }
    return wait(
      'target-reached',
      `Training accuracy ${show(accuracy)} has reached its target ${show(settings.targetAccuracy)}`,
    );
  }
  const patience = settings.plateauPatience;
  const improvement = bestRecentImprovement(trend, patience);
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
  const { site, obstacle } = findGrowthSite(o);
  if (!site) {
    found.push(fact('parametersLeft', budget.parametersLeft));
    return wait(obstacle, OBSTACLES[obstacle]);
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
    reason:
      `The loss has stopped falling (best of the last ${patience} observations: ` +
      `${show(100 * (improvement ?? 0))} %) at training accuracy ${show(accuracy ?? 0)}; ` +
      `${site.layerId} gets ${site.blueprint}, ${whyHere(site.gradientScore)}`,
    evidence: found,
    confidence: confidenceOf(improvement ?? 0, settings.plateauImprovement, site.penalty),
    // The further from the target, the sooner.
    urgency: share((settings.targetAccuracy - (accuracy ?? 0)) / settings.targetAccuracy),
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
