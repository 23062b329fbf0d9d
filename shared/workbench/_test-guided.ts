/** Runs of the tests whose seeds GuidedGrowth chooses and starts. */
import { libraryBlueprint } from '../blueprints/library.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { Dataset } from '../data/dataset.ts';
import { decide } from '../tamiyo/create-policy.ts';
import { type TinyInput, tinyDataset, tinyExperiment } from '../tolaria/_test-run.ts';
import { candidateLosses } from '../tolaria/candidate-evaluator.ts';
import { DecisionSource } from '../tolaria/decision-source.ts';
import type { Trainer } from '../tolaria/trainer.ts';
import { GuidedGrowth } from './guided-growth.ts';
import { unitWeights } from './unit-weights.ts';

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

/** How far along its new units a candidate is asked for its loss. */
const STEP = 0.3;

/**
 * How the loss of a network changes along new units of a 3x3 convolution beside `conv1`: its second
 * difference in the sizes of fan-in and fan-out, by the losses of candidates. gelu(u) - gelu(-u) = u:
 * both signs of fan-in make the units linear to second order.
 *
 * @param units Directions of fan-in (`inputs` + 1 values) and of fan-out (`outputs`), two units at most.
 * @param step Training step of the trainer, which says how seeds are blended.
 */
export async function slopeAlongUnits(
  { growth, runtime }: Trainer,
  experiment: Experiment,
  units: { fanIn: readonly Float64Array[]; fanOut: readonly Float64Array[] },
  sizes: { inputs: number; outputs: number },
  step: number,
): Promise<number> {
  const form = { into: 'mix', out: 'out', units: 2, activation: 'gelu', kernelSize: 3 } as const;
  const choices = [
    [1, 1],
    [-1, 1],
    [1, -1],
    [-1, -1],
  ].map(([fan, weight]) => {
    const scaled = {
      fanIn: units.fanIn.map((v) => v.map((x) => x * fan! * STEP)),
      fanOut: units.fanOut.map((v) => v.map((x) => x * weight! * STEP)),
    };
    return [unitWeights(form, scaled, sizes, null, true)];
  });
  const { losses } = await candidateLosses(
    runtime,
    experiment,
    {
      ...{ layerId: 'conv1', slot: 0, blendMode: 'add' },
      blueprint: libraryBlueprint('conv3x3-2'),
    },
    choices,
    growth.alphas(step),
  );
  return (losses[0]! - losses[1]! - losses[2]! + losses[3]!) / (4 * STEP * STEP);
}
