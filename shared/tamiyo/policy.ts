/**
 * What a growth policy is: from what is seen of a run to what should happen to its seeds. Policies
 * propose; gates and budgets dispose. A policy keeps no state between calls, so that the copy in
 * the trainer and the one behind the server give the same answer to the same observation.
 */
import type { Decision, Observation } from '../contracts/decision.ts';

export interface Policy {
  /** `heuristic`, `none`, `manual`, … as in the experiment file. */
  readonly name: string;
  /** At least one decision; `wait` with a reason when there is nothing to do. */
  decide(observation: Observation): Promise<Decision[]>;
}
