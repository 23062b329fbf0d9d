/**
 * What stands between a run and a policy that looks deeper than health signals: it measures on the
 * run's network what the policy needs in its observation, and gives new seeds computed weights.
 * Deterministic, and what it measures leaves no trace in the run.
 */
import type { Observation } from '../contracts/decision.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { GrowthController } from '../kasmina/growth-controller.ts';
import type { NetworkRuntime } from './network-runtime.ts';
import type { NewEvent } from './run-log.ts';
import type { ScheduleRow } from './schedule.ts';

export interface AdvisorLook {
  runtime: NetworkRuntime;
  growth: GrowthController;
  experiment: Experiment;
  step: number;
  /** Alphas and learning rate of the next step. */
  row: ScheduleRow;
  /** The same of any later step, if nothing is decided in between. */
  rowAt(step: number): ScheduleRow;
  emit(event: NewEvent): void;
}

export interface PolicyAdvisor {
  /** What the policy needs besides `seen`, measured on the network as it is now. */
  measure(seen: Observation, look: AdvisorLook): Promise<Partial<Observation>>;
  /** Sets the first weights of seeds that were placed at this look and ask for it. */
  plant(look: AdvisorLook): Promise<void>;
}
