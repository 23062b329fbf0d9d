/**
 * What to do with the seeds that are live: let them move on, keep them, or take them out. A seed
 * is judged by its own measured contribution where there is one; the host-wide loss, which has
 * other causes too, only speaks while there is none.
 */
import type { Evidence, HeuristicSettings, Observation } from '../contracts/decision.ts';
import { ALPHA_TOLERANCE, type SeedSlotState } from '../contracts/seed.ts';
import { type DecisionDraft, evidence, fact, measured, share, show } from './decision-record.ts';
import {
  type LossHistory,
  MIN_STAGE_OBSERVATIONS,
  observationsSince,
  regressionSince,
  riseSince,
} from './loss-trend.ts';

type Verdict = 'cull-regression' | 'cull-contribution' | 'fossilize' | 'advance' | 'wait';

/** A seed and what should become of it; turned into a decision only if it is chosen. */
export interface SeedProposal {
  slot: SeedSlotState;
  verdict: Verdict;
}

export interface LiveSeedReview {
  /** What to do now, most urgent first: at most as many as there was room for. */
  actions: SeedProposal[];
  /** First seed that has to wait; null when none does. */
  waiting: SeedProposal | null;
  waitingCount: number;
}

/**
 * Looks at every slot once. A slot that is not chosen costs its judgement and no more: thousands
 * may be live, and an answer has room for tens.
 *
 * @param room Most actions wanted.
 * @param isTaken Whether something else was decided for a slot, which then needs no action.
 */
export function reviewLiveSeeds(
  o: Observation,
  trend: LossHistory,
  room: number,
  isTaken: (slot: SeedSlotState) => boolean,
): LiveSeedReview {
  const sorted: SortedSeeds = {
    ...{ culls: [], fossils: [], advances: [], waiting: null, waitingCount: 0 },
  };
  for (const layer of o.layers) {
    for (const slot of layer.slots) sortSeed(sorted, slot, o.settings, trend, room, isTaken);
  }
  const { culls: actions, fossils, advances, waiting, waitingCount } = sorted;
  for (const slot of fossils) {
    if (actions.length < room) actions.push({ slot, verdict: 'fossilize' });
  }
  const start = firstInTurn(advances.length, o.step);
  for (let i = 0; i < advances.length && actions.length < room; i++) {
    const slot = advances[(start + i) % advances.length] as SeedSlotState;
    if (!isTaken(slot)) actions.push({ slot, verdict: 'advance' });
  }
  return { actions, waiting, waitingCount };
}

interface SortedSeeds {
  culls: SeedProposal[];
  fossils: SeedSlotState[];
  advances: SeedSlotState[];
  waiting: SeedProposal | null;
  waitingCount: number;
}

function sortSeed(
  sorted: SortedSeeds,
  slot: SeedSlotState,
  settings: HeuristicSettings,
  trend: LossHistory,
  room: number,
  isTaken: (slot: SeedSlotState) => boolean,
): void {
  const verdict = judge(slot, settings, trend);
  if (verdict === null) return;
  const { advances, culls, fossils } = sorted;
  if (verdict === 'wait') {
    sorted.waiting ??= { slot, verdict };
    sorted.waitingCount++;
  } else if (verdict === 'advance') advances.push(slot);
  else if (verdict === 'fossilize') {
    if (fossils.length < room && !isTaken(slot)) fossils.push(slot);
  } else if (culls.length < room && !isTaken(slot)) culls.push({ slot, verdict });
}

/** The decision a proposal stands for, with its why. */
export function draftFor(
  proposal: SeedProposal,
  o: Observation,
  trend: LossHistory,
): DecisionDraft {
  const { slot, verdict } = proposal;
  const { settings } = o;
  const base = {
    step: o.step,
    layerId: slot.layerId,
    slot: slot.slot,
    blueprint: slot.blueprint,
  };
  const seed = `Seed ${slot.seedId ?? `in slot ${slot.slot}`} of ${slot.layerId}`;
  const contribution = measured(slot.contribution);
  switch (verdict) {
    case 'cull-regression': {
      const rise = regressionSince(trend, slot.stageSince);
      const limit = settings.cullRegression;
      return {
        ...base,
        action: 'cull',
        rule: 'regression',
        reason:
          `${seed} goes: the loss rose by ${percent(rise)} since it entered ${slot.stage}, ` +
          `more than ${percent(limit)}`,
        evidence: [
          evidence('lossRegression', rise, '>', limit),
          fact('contribution', contribution),
        ],
        confidence: share(0.5 + 0.5 * (((rise ?? 0) - limit) / Math.max(limit, 0.01))),
        urgency: 0.9,
      };
    }
    case 'cull-contribution':
      return {
        ...base,
        action: 'cull',
        rule: 'negative-contribution',
        reason: `${seed} goes: without it the loss is lower by ${show(-(contribution ?? 0))}`,
        evidence: [evidence('contribution', contribution, '<', 0), observationsIn(slot, trend)],
        confidence: 0.8,
        urgency: 0.7,
      };
    case 'fossilize':
      return {
        ...base,
        action: 'fossilize',
        rule: 'contribution',
        reason:
          `${seed} stays for good: without it the loss is higher by ${show(contribution ?? 0)}; ` +
          `at least ${show(settings.fossilizeContribution)} is asked for`,
        evidence: [
          evidence('contribution', contribution, '>=', settings.fossilizeContribution),
          alphaEvidence(slot),
        ],
        confidence: (contribution ?? 0) > Math.max(0, settings.fossilizeContribution) ? 0.9 : 0.6,
        urgency: 0.5,
      };
    case 'advance':
      return slot.stage === 'TRAINING'
        ? {
            ...base,
            action: 'advance',
            rule: 'trained',
            reason: `${seed} may blend in as soon as gate G2 finds that it has learned`,
            evidence: [
              fact('gradientRatio', measured(slot.gradientRatio)),
              fact('stepsInStage', o.step - slot.stageSince),
            ],
            confidence: measured(slot.gradientRatio) === null ? 0.5 : 0.8,
            urgency: 0.4,
          }
        : {
            ...base,
            action: 'advance',
            rule: 'blended',
            reason: `${seed} is blended in: alpha stands at its target ${show(slot.alphaTarget)}`,
            evidence: [alphaEvidence(slot)],
            confidence: 0.9,
            urgency: 0.4,
          };
    case 'wait':
      return { ...base, ...waitingFor(slot, seed, settings, trend), action: 'wait', urgency: 0 };
  }
}

/** What becomes of one slot; null when there is no live seed in it. */
function judge(
  slot: SeedSlotState,
  settings: HeuristicSettings,
  trend: LossHistory,
): Verdict | null {
  switch (slot.stage) {
    case 'LOADING':
      return 'wait';
    case 'TRAINING':
      return 'advance';
    case 'BLENDING':
      if (regressed(slot, settings, trend)) return 'cull-regression';
      return alphaArrived(slot) ? 'advance' : 'wait';
    case 'HOLDING': {
      const { contribution } = slot;
      const known = contribution !== null && Number.isFinite(contribution);
      if (known && contribution >= settings.fossilizeContribution) return 'fossilize';
      if (regressed(slot, settings, trend)) return 'cull-regression';
      if (!known || contribution >= 0) return 'wait';
      const settled = observationsSince(trend, slot.stageSince) >= MIN_STAGE_OBSERVATIONS;
      return settled ? 'cull-contribution' : 'wait';
    }
    default:
      return null;
  }
}

function regressed(slot: SeedSlotState, settings: HeuristicSettings, trend: LossHistory): boolean {
  // What was not measured is NaN and exceeds nothing.
  return riseSince(trend, slot.stageSince) > settings.cullRegression;
}

function waitingFor(
  slot: SeedSlotState,
  seed: string,
  settings: HeuristicSettings,
  trend: LossHistory,
): Pick<DecisionDraft, 'rule' | 'reason' | 'evidence' | 'confidence'> {
  if (slot.stage === 'LOADING') {
    return { rule: 'loading', reason: `${seed} is being loaded`, evidence: [], confidence: 1 };
  }
  if (slot.stage === 'BLENDING') {
    return {
      rule: 'blending',
      reason: `${seed} is blending in: alpha ${show(slot.alpha)} of ${show(slot.alphaTarget)}`,
      evidence: [alphaEvidence(slot)],
      confidence: 0.9,
    };
  }
  const contribution = measured(slot.contribution);
  const needed = evidence('contribution', contribution, '>=', settings.fossilizeContribution);
  if (contribution === null) {
    return {
      rule: 'contribution-unmeasured',
      reason: `${seed} is held: its contribution has not been measured yet`,
      evidence: [needed],
      confidence: 1,
    };
  }
  return {
    rule: 'contribution-short',
    reason:
      `${seed} is held: its contribution is ${show(contribution)}, ` +
      `${show(settings.fossilizeContribution)} is asked for`,
    evidence: [needed, observationsIn(slot, trend)],
    confidence: 0.6,
  };
}

function alphaArrived(slot: SeedSlotState): boolean {
  return Math.abs(slot.alpha - slot.alphaTarget) <= ALPHA_TOLERANCE;
}

function alphaEvidence(slot: SeedSlotState): Evidence {
  return {
    ...evidence('alpha', slot.alpha, '=', slot.alphaTarget),
    holds: alphaArrived(slot),
  };
}

function observationsIn(slot: SeedSlotState, trend: LossHistory) {
  const count = observationsSince(trend, slot.stageSince);
  return evidence('observationsInStage', count, '>=', MIN_STAGE_OBSERVATIONS);
}

function percent(value: number | null): string {
  return value === null ? 'an unmeasured share' : `${show(100 * value)} %`;
}

/** Where a list starts at this step: elsewhere at each, so that a cut-off starves no seed for ever. */
function firstInTurn(count: number, step: number): number {
  return count === 0 ? 0 : (Math.imul(step, 0x9e3779b1) >>> 0) % count;
}
