/** Where in an experiment's host seeds can grow. */
import { InputError, messageOf } from '../base/errors.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { Dataset } from '../data/dataset.ts';
import { numel } from '../engine/plan/shape.ts';
import { growableLayers, layerInputs, type Topology } from '../kasmina/growing-network.ts';
import type { GrowableSite } from '../kasmina/growth-controller.ts';
import { changedLayers, type HostChange } from '../kasmina/host-changes.ts';
import { type GraftedSeed, hostShapeOf } from '../kasmina/kasmina-layer.ts';
import { type HostLayer, hostLayers } from '../models/host.ts';

/** What of a dataset shapes a network. */
export type DataShape = Pick<Dataset, 'imageShape' | 'features' | 'classes'>;

/** Feature axes of one row. */
export function inputOf({ features, imageShape }: DataShape): readonly number[] {
  return imageShape ?? [features];
}

/**
 * Layers of the experiment's host for its data.
 *
 * @param changes What folded seeds made of them.
 * @throws {InputError} If the host does not fit the data.
 */
export function layersOf(
  experiment: Experiment,
  dataset: DataShape,
  changes: readonly HostChange[] = [],
): HostLayer[] {
  const input = inputOf(dataset);
  try {
    return changedLayers(hostLayers(experiment.host, input, dataset.classes.length), changes);
  } catch (error) {
    throw new InputError(messageOf(error));
  }
}

/** The network of a growth state: host and seeds. */
export function topologyOf(
  experiment: Experiment,
  dataset: DataShape,
  seeds: readonly GraftedSeed[],
  changes: readonly HostChange[] = [],
): Topology {
  return {
    layers: layersOf(experiment, dataset, changes),
    input: inputOf(dataset),
    seeds,
    incubation: experiment.growth.incubation,
    reach: experiment.growth.reach,
  };
}

/** Every Linear and Conv2d layer of the host as a place where a seed could grow. */
function allSites(
  experiment: Experiment,
  dataset: DataShape,
  changes: readonly HostChange[] = [],
): GrowableSite[] {
  const layers = layersOf(experiment, dataset, changes);
  const input = inputOf(dataset);
  const inputs = layerInputs(layers, input, experiment.growth.reach);
  return growableLayers(layers).map((l) => {
    const axes = inputs.get(l.name)!;
    const outFeatures = l.kind === 'linear' ? l.units : l.channels;
    const fanIn = l.kind === 'linear' ? numel(axes.host) : l.kernelSize ** 2 * axes.host[2]!;
    return {
      layerId: l.name,
      kind: l.kind,
      host: hostShapeOf(l, axes.seeds),
      inFeatures: l.kind === 'linear' ? numel(axes.host) : axes.host[2]!,
      outFeatures,
      parameters: (fanIn + 1) * outFeatures,
    };
  });
}

/** Trainable values of the host alone. */
export function hostParametersOf(experiment: Experiment, dataset: DataShape): number {
  return allSites(experiment, dataset).reduce((n, site) => n + site.parameters, 0);
}

/** Where seeds can grow: all sites, or those the experiment names; none with growth off. */
export function sitesOf(
  experiment: Experiment,
  dataset: DataShape,
  changes: readonly HostChange[] = [],
): GrowableSite[] {
  const { growth } = experiment;
  if (!growth.enabled) return [];
  const sites = allSites(experiment, dataset, changes);
  const unknown = growth.layers?.find((n) => !sites.some((s) => s.layerId === n));
  if (unknown !== undefined) {
    throw new InputError(
      `Cannot grow on layer "${unknown}" of "growth.layers": the host has ${sites.map((s) => s.layerId).join(', ')}`,
    );
  }
  return sites.filter((s) => !growth.layers || growth.layers.includes(s.layerId));
}
