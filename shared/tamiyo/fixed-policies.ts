/** Policies that never act: the control arm of an experiment, and the one that leaves it to you. */
import type { Observation } from '../contracts/decision.ts';
import { withId } from './decision-record.ts';
import type { Policy } from './policy.ts';

/** The network stays as it is; the control that growth is compared with. */
export const nonePolicy: Policy = waiting('none', 'This run does not grow');

/** Seeds are moved by a person's commands only. */
export const manualPolicy: Policy = waiting('manual', 'Growth is left to the person');

function waiting(name: string, reason: string): Policy {
  return {
    name,
    async decide(observation: Observation) {
      const decision = withId({
        step: observation.step,
        action: 'wait',
        layerId: null,
        slot: null,
        blueprint: null,
        rule: name,
        reason,
        evidence: [],
        confidence: 1,
        urgency: 0,
      });
      return [decision];
    },
  };
}
