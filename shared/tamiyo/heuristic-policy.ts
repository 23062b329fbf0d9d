/**
 * The heuristic policy: rules a person can read, in a fixed order, each answer with its why. A pure
 * function of the observation, built on +, -, *, / and square root alone, so every JavaScript
 * engine gives the same bits. The rules are in docs/kasmina.md, "The heuristic policy".
 */
import { canonicalJson } from '../base/canonical.ts';
import { sha256HexSync } from '../base/sha256.ts';
import type { Decision, HeuristicSettings, Observation } from '../contracts/decision.ts';
import { ALPHA_TOLERANCE } from '../contracts/seed.ts';
import { type DecisionDraft, withId } from './decision-record.ts';
import { answerWith, MAX_DECISIONS } from './growth-answer.ts';
import { proposeGrowth } from './growth-rule.ts';
import { CULL_PENALTY, HARD_PENALTY, SOFT_PENALTY } from './growth-site.ts';
import { LOSS_FLOOR, lossHistory, MIN_STAGE_OBSERVATIONS, SMOOTHING } from './loss-trend.ts';
import type { Policy } from './policy.ts';

/** Bumped when a rule changes, so that a digest names one behaviour. */
export const RULES_VERSION = 1;

/** The policy for `policy.kind: "heuristic"`; its settings travel in the observation. */
export const heuristicPolicy: Policy = { name: 'heuristic', decide: decideHeuristic };

/**
 * What should happen now: for live seeds cull, fossilize and advance, in this order, then at most
 * one germination; a single `wait` with the reason when there is nothing else.
 */
export async function decideHeuristic(o: Observation): Promise<Decision[]> {
  return draftHeuristic(o).map(withId);
}

/** {@link decideHeuristic} before ids are computed. Linear in slots, signals and outcomes. */
export function draftHeuristic(o: Observation): DecisionDraft[] {
  const trend = lossHistory(o.history);
  return answerWith(o, trend, { growth: proposeGrowth(o, trend) });
}

/** SHA-256 of the rules' version, their constants and the settings: names one behaviour. */
export async function heuristicDigest(settings: HeuristicSettings): Promise<string> {
  const constants = {
    ALPHA_TOLERANCE,
    CULL_PENALTY,
    HARD_PENALTY,
    LOSS_FLOOR,
    MAX_DECISIONS,
    MIN_STAGE_OBSERVATIONS,
    SMOOTHING,
    SOFT_PENALTY,
  };
  const content = { policy: 'heuristic', version: RULES_VERSION, constants, settings };
  return sha256HexSync(canonicalJson(content));
}
