/** Rows of tokens, for hosts that look them up in a table. */
import { InputError } from '../base/errors.ts';
import type { Experiment } from '../contracts/experiment.ts';
import { vocabularyOf } from '../contracts/host.ts';
import type { Dataset } from './dataset.ts';

/**
 * A number that is no token would become a row of NaN deep in the network.
 *
 * @throws {InputError} Naming the row, if the host reads tokens and a value is none.
 */
export function checkTokens({ host }: Pick<Experiment, 'host'>, dataset: Dataset): void {
  const vocabulary = vocabularyOf(host, dataset.classes.length);
  if (vocabulary === null) return;
  const key = host.kind === 'gpt' ? 'host.vocabulary' : 'host.layers[0].vocabulary';
  for (const split of ['train', 'validation', 'test'] as const) {
    const { x } = dataset[split];
    const i = x.findIndex((v) => !(Number.isInteger(v) && v >= 0 && v < vocabulary));
    if (i === -1) continue;
    throw new InputError(
      `Cannot read ${split} row ${Math.floor(i / dataset.features)} of "${dataset.name}" as tokens: value ${i % dataset.features} is ${x[i]}, must be a whole number from 0 to ${vocabulary - 1}; set "${key}" to the number of tokens`,
    );
  }
}
