/** What the policies ask a run to measure, by policy: trials, or statistics and line searches. */
import type { Blueprint } from '../contracts/blueprint.ts';
import type { Observation } from '../contracts/decision.ts';
import type { PolicyKnowledge } from '../contracts/knowledge.ts';
import { wantsGrowth } from '../tamiyo/guided-policies.ts';
import { probeCandidates } from '../tamiyo/probe-policy.ts';
import type { AdvisorLook, PolicyAdvisor } from '../tolaria/policy-advisor.ts';
import { successiveHalving } from '../tolaria/successive-halving.ts';
import { GuidedGrowth } from './guided-growth.ts';

/**
 * The advisor of every policy; it does nothing for those that look at health signals alone.
 *
 * @param knowledge What the bandit knows in this run.
 */
export function policyMeasurements(
  blueprintOf: (name: string) => Blueprint,
  knowledge: PolicyKnowledge | null = null,
): PolicyAdvisor {
  const guided = new GuidedGrowth(blueprintOf);
  return {
    async measure(seen, look) {
      switch (seen.policy?.kind) {
        case 'probe':
          return await runTrials(seen, look, blueprintOf);
        case 'bandit':
          // Only where it is needed: it would weigh down every question to a server.
          return knowledge && wantsGrowth(seen) ? { knowledge } : {};
        default:
          return await guided.measure(seen, look);
      }
    },
    plant: (look) => guided.plant(look),
  };
}

async function runTrials(
  seen: Observation,
  look: AdvisorLook,
  blueprintOf: (name: string) => Blueprint,
): Promise<Partial<Observation>> {
  if (seen.policy?.kind !== 'probe') return {};
  const choices = probeCandidates(seen);
  if (choices.length === 0) return { trials: [] };
  const candidates = choices.map(({ blueprint, layerId, slot }) => ({
    id: `trial-${layerId}-${slot}-${blueprint}`,
    ...{ layerId, slot },
    blueprint: blueprintOf(blueprint),
    blendMode: seen.blendMode,
  }));
  const result = await successiveHalving(look, candidates, seen.policy.firstSteps);
  const { backwardRows, forwardRows, outcomes } = result;
  const longest = Math.max(...outcomes.map((o) => o.steps));
  const detail = `${choices.length} trials of up to ${longest} steps and one without a seed`;
  look.emit({ type: 'policy-cost', purpose: 'trials', forwardRows, backwardRows, detail });
  const finite = (loss: number) => (Number.isFinite(loss) ? loss : null);
  return {
    trials: choices.map((choice, i) => {
      const { controlLoss, loss, rounds, steps } = outcomes[i]!;
      return { ...choice, steps, rounds, loss: finite(loss), controlLoss: finite(controlLoss) };
    }),
  };
}
