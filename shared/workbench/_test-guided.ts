/** Runs of the tests whose seeds GuidedGrowth chooses and starts. */
import { libraryBlueprint } from '../blueprints/library.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { Dataset } from '../data/dataset.ts';
import { decide } from '../tamiyo/create-policy.ts';
import { type TinyInput, tinyDataset, tinyExperiment } from '../tolaria/_test-run.ts';
import { DecisionSource } from '../tolaria/decision-source.ts';
import { GuidedGrowth } from './guided-growth.ts';

/** Every look is a plateau from the third on, and no accuracy is enough. */
export const settings = {
  ...{ plateauPatience: 1, plateauImprovement: 1, warmupSteps: 0, targetAccuracy: 1 },
  growUntilShare: 0.5,
};

/** The validation part is the training part, so that losses and statistics are of the same rows. */
export function oneSet(input: readonly number[]): Dataset {
  const data = tinyDataset(input);
  return { ...data, validation: data.train };
}

export const guided = (more: TinyInput, input = [3]) => ({
  dataset: oneSet(input),
  experiment: tinyExperiment(more),
  decisions: new DecisionSource(decide, null),
  advisor: new GuidedGrowth(libraryBlueprint),
});

export const of = <T extends RunEvent['type']>(events: readonly RunEvent[], type: T) =>
  events.filter((e): e is Extract<RunEvent, { type: T }> => e.type === type);
