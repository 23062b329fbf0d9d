/** Runs of the zoo's models, short enough for tests. */
import type { Dataset } from '../data/dataset.ts';
import type { ZooModel } from '../models/_test-zoo.ts';
import { tinyDataset, tinyExperiment } from './_test-run.ts';

const SIZE = 8;

/** Rows of the model's shape; tokens where it reads them. */
export function datasetFor({ classes, host, input }: ZooModel): Dataset {
  const dataset = tinyDataset(input, classes, SIZE);
  if (host.kind !== 'gpt') return dataset;
  for (const split of [dataset.train, dataset.validation, dataset.test]) {
    split.x.forEach((v, i) => {
      split.x[i] = Math.abs(Math.round(v * 10)) % (host.vocabulary ?? classes);
    });
  }
  return dataset;
}

/** A short run of a model on made-up rows. */
export const optionsFor = (model: ZooModel, more: Parameters<typeof tinyExperiment>[0] = {}) => ({
  dataset: datasetFor(model),
  experiment: tinyExperiment({
    host: model.host,
    steps: 12,
    batchSize: 4,
    intervalSteps: 2,
    evaluateEverySteps: 6,
    ...more,
    growth: { trainingSteps: 2, alphaSteps: 2, holdingSteps: 2, slotsPerLayer: 1, ...more.growth },
  }),
});
