/** Where in an experiment's host seeds can grow. */
import { InputError, messageOf } from '../base/errors.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { Dataset } from '../data/dataset.ts';
import { Graph } from '../engine/plan/graph.ts';
import { numel } from '../engine/plan/shape.ts';
import {
  controlTensor,
  evaluationForward,
  growableLayers,
  layerInputs,
  type Topology,
} from '../kasmina/growing-network.ts';
import type { GrowableSite } from '../kasmina/growth-controller.ts';
import { changedLayers, type HostChange } from '../kasmina/host-changes.ts';
import { type GraftedSeed, hostShapeOf, isGrowable } from '../kasmina/kasmina-layer.ts';
import { matchesName, wrap } from '../kasmina/wrap.ts';
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
  try {
    const layers = hostLayers(experiment.host, inputOf(dataset), dataset.classes.length);
    const named = experiment.growth.layers ?? [];
    // Linear and Conv2d layers always are Kasmina layers; the others where the experiment names them.
    const wrapped = wrap(layers, (layer) => {
      const { name } = layer;
      return isGrowable(layer) || named.some((pattern) => matchesName(pattern, name));
    });
    return changedLayers(wrapped, changes);
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

/** Every Kasmina layer of the host as a place where a seed could grow. */
function allSites(
  experiment: Experiment,
  dataset: DataShape,
  changes: readonly HostChange[] = [],
): GrowableSite[] {
  const layers = layersOf(experiment, dataset, changes);
  const input = inputOf(dataset);
  const inputs = layerInputs(layers, input, experiment.growth.reach);
  const sizes = parameterSizes(layers, input);
  return growableLayers(layers).map((l) => {
    const axes = inputs.get(l.name)!;
    const host = hostShapeOf(l, axes.seeds, axes.positions);
    const ownHost = hostShapeOf(l, axes.host);
    const own = ['weight', 'bias'].map((part) => sizes.get(`${l.name}.${part}`) ?? 0);
    return {
      layerId: l.name,
      kind: host.kind,
      host,
      inFeatures: ownHost.kind === 'linear' ? numel(axes.host) : axes.host[2]!,
      outFeatures: ownHost.kind === 'linear' ? ownHost.outFeatures : ownHost.outChannels,
      parameters: own.reduce((a, b) => a + b, 0),
    };
  });
}

/** Trainable values of each parameter of the bare host, by name. */
function parameterSizes(
  layers: readonly HostLayer[],
  input: readonly number[],
): Map<string, number> {
  const graph = new Graph();
  const x = graph.create('x', [1, ...input], { role: 'external' });
  const bare = { layers, input, seeds: [], incubation: 'shadow', reach: 'layer' } as const;
  evaluationForward(graph, controlTensor(graph), bare, x);
  return new Map(graph.parameters.map((p) => [p.name, numel(graph.tensor(p.tensorId).shape)]));
}

/** Trainable values of the host alone. */
export function hostParametersOf(experiment: Experiment, dataset: DataShape): number {
  const sizes = parameterSizes(layersOf(experiment, dataset), inputOf(dataset));
  return [...sizes.values()].reduce((a, b) => a + b, 0);
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
  const isNamed = (name: string) => (site: GrowableSite) => matchesName(name, site.layerId);
  const unknown = growth.layers?.find((name) => !sites.some(isNamed(name)));
  if (unknown !== undefined) {
    throw new InputError(
      `Cannot grow on layer "${unknown}" of "growth.layers": the host has ${sites.map((s) => s.layerId).join(', ')}`,
    );
  }
  return sites.filter((s) => growth.layers?.some((name) => isNamed(name)(s)) ?? true);
}
