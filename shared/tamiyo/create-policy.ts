/** The policies by their kinds, and one function that answers for whichever an observation names. */
import { canonicalJson, sha256Hex } from '../base/canonical.ts';
import { sha256HexSync } from '../base/sha256.ts';
import type { Decision, Observation } from '../contracts/decision.ts';
import type { PolicyKind, PolicySpec } from '../contracts/policy.ts';
import { banditPolicy } from './bandit-policy.ts';
import { manualPolicy, nonePolicy } from './fixed-policies.ts';
import { gradMaxPolicy, tinyPolicy } from './guided-policies.ts';
import { heuristicDigest, heuristicPolicy } from './heuristic-policy.ts';
import type { Policy } from './policy.ts';
import { probePolicy } from './probe-policy.ts';
import { randomPolicy } from './random-policy.ts';
import { schedulePolicy } from './schedule-policy.ts';
import { uniformPolicy } from './uniform-policy.ts';

export const POLICIES: Readonly<Record<PolicyKind, Policy>> = {
  none: nonePolicy,
  manual: manualPolicy,
  heuristic: heuristicPolicy,
  random: randomPolicy,
  uniform: uniformPolicy,
  schedule: schedulePolicy,
  gradmax: gradMaxPolicy,
  tiny: tinyPolicy,
  probe: probePolicy,
  bandit: banditPolicy,
};

/** In-process policy for `policy.kind`; settings reach it in each observation. */
export function createPolicy(spec: PolicySpec): Policy {
  return POLICIES[spec.kind];
}

/** Decides as the observation's own policy; the heuristic where it names none. */
export function decide(observation: Observation): Promise<Decision[]> {
  return POLICIES[observation.policy?.kind ?? 'heuristic'].decide(observation);
}

/** Characters. */
const SHORT = 4096;

/** SHA-256 that names one behaviour: rules, constants and settings of the observation's policy. */
export async function policyDigest({ policy, settings }: Observation): Promise<string> {
  const rules = await heuristicDigest(settings);
  if (!policy || policy.kind === 'heuristic') return rules;
  const text = canonicalJson({ policy, rules });
  // A schedule may be long; the platform's digest costs more than it saves on anything short.
  return text.length <= SHORT ? sha256HexSync(text) : await sha256Hex(text);
}
