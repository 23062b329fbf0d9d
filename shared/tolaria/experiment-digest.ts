/** Identity of what a run computes. */
import { canonicalJson, sha256Hex } from '../base/canonical.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { Dataset } from '../data/dataset.ts';

/** Digest of what a run computes: its experiment, without names and prose, and its data. */
export function experimentDigest(experiment: Experiment, dataset: Dataset): Promise<string> {
  const { $schema, name, description, checkpointEverySteps, ...rest } = experiment;
  return sha256Hex(canonicalJson({ ...rest, data: dataset.source }));
}
