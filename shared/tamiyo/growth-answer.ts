/**
 * What every growing policy does besides proposing growth: it cares for the seeds that are live by
 * the same rules, so that two policies differ only in when, where and what they plant.
 */
import type { Decision, Evidence, Observation } from '../contracts/decision.ts';
import type { SeedSlotState } from '../contracts/seed.ts';
import { type DecisionDraft, withId } from './decision-record.ts';
import { draftFor, reviewLiveSeeds } from './live-seeds.ts';
import { type LossHistory, lossHistory } from './loss-trend.ts';
import type { Policy } from './policy.ts';

/** Most decisions in one answer, twice the live seeds a run may have; the rest come up later. */
export const MAX_DECISIONS = 32;

/** What a policy proposes: drafts that come first, and one that plants a seed or says why not. */
export interface GrowthProposal {
  /** Actions on live seeds that replace what the rules would do with them. */
  first?: readonly DecisionDraft[];
  growth: DecisionDraft;
}

/**
 * `first`, then for the other live seeds cull, fossilize and advance, then the growth draft if it
 * plants; a single `wait` with the reason when there is nothing else.
 */
export function answerWith(
  o: Observation,
  trend: LossHistory,
  { first = [], growth }: GrowthProposal,
): DecisionDraft[] {
  const taken = new Set(first.map((d) => `${d.layerId}:${d.slot}`));
  const isTaken = (s: SeedSlotState) => taken.size > 0 && taken.has(`${s.layerId}:${s.slot}`);
  const room = Math.max(0, MAX_DECISIONS - 1 - first.length);
  const review = reviewLiveSeeds(o, trend, room, isTaken);
  const drafts = [...first, ...review.actions.map((p) => draftFor(p, o, trend))];
  if (growth.action !== 'wait') drafts.push(growth);
  if (drafts.length > 0) return drafts;
  if (!review.waiting) return [growth];
  const draft = draftFor(review.waiting, o, trend);
  const others = review.waitingCount - 1;
  const reason = others > 0 ? `${draft.reason}; ${others} more wait too` : draft.reason;
  return [{ ...draft, reason }];
}

/** A policy out of what it proposes. */
export function growingPolicy(
  name: string,
  propose: (o: Observation, trend: LossHistory) => GrowthProposal,
): Policy {
  return {
    name,
    async decide(o: Observation): Promise<Decision[]> {
      const trend = lossHistory(o.history);
      return answerWith(o, trend, propose(o, trend)).map(withId);
    },
  };
}

/** A wait that says why. */
export function waitDraft(
  o: Observation,
  rule: string,
  reason: string,
  evidence: Evidence[] = [],
  confidence = 1,
): DecisionDraft {
  return {
    step: o.step,
    action: 'wait',
    layerId: null,
    slot: null,
    blueprint: null,
    rule,
    reason,
    evidence,
    confidence,
    urgency: 0,
  };
}
