/** Identity of what a run computes. */
import { canonicalJson, sha256Hex } from '../base/canonical.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { Dataset } from '../data/dataset.ts';

/**
 * Digest of what a run computes: its experiment, without names and prose, its data and the weights
 * it starts from. Files count by their contents: they may move.
 *
 * @param weightsDigest SHA-256 of the initial weights; null: they are drawn from the seed.
 */
export function experimentDigest(
  experiment: Experiment,
  dataset: Dataset,
  weightsDigest: string | null = null,
): Promise<string> {
  const { $schema, name, description, checkpointEverySteps, initialWeights, ...rest } = experiment;
  const weights = weightsDigest === null ? {} : { initialWeights: weightsDigest };
  return sha256Hex(canonicalJson({ ...rest, ...weights, data: dataset.source }));
}
