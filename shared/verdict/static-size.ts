/** Static controls of a given size: the host's own kind, its widths scaled by one common factor. */
import type { Experiment, HostSpec } from '../contracts/experiment.ts';
import type { Dataset } from '../data/dataset.ts';
import { makePlan } from '../engine/plan/plan.ts';
import { addOptimizer, trainingGraph } from '../kasmina/growing-network.ts';
import { hostParametersOf, layersOf } from '../tolaria/growth-sites.ts';
import { planFlops } from './flops.ts';

/** Widest layer that is tried. */
const MAX_WIDTH = 4096;

/** Widths that a static network can be scaled by; null: this kind of host has none. */
function widthsOf(host: HostSpec): readonly number[] | null {
  if (host.kind === 'mlp') return host.hidden;
  if (host.kind === 'cnn') return [...host.channels, ...host.hidden];
  return null;
}

/**
 * A linear host has no hidden layer to widen: its larger twin gets one of `width` units, since the
 * control must be able to compute what a grown network can.
 */
function withWidths(host: HostSpec, widths: readonly number[]): HostSpec {
  if (host.kind === 'mlp') return { ...host, hidden: [...widths] };
  if (host.kind !== 'cnn') return host;
  const blocks = host.channels.length;
  return { ...host, channels: widths.slice(0, blocks), hidden: widths.slice(blocks) };
}

/** The same experiment without growth. */
export function withoutGrowth(experiment: Experiment): Experiment {
  return { ...experiment, growth: { ...experiment.growth, enabled: false } };
}

export interface SizedExperiment {
  experiment: Experiment;
  widths: number[];
  parameters: number;
}

/**
 * The static experiment whose parameter count is nearest to `parameters`.
 *
 * @returns Null if the host is of a kind that has no widths.
 */
export function ofEqualSize(
  experiment: Experiment,
  dataset: Dataset,
  parameters: number,
): SizedExperiment | null {
  const base = widthsOf(experiment.host);
  if (base === null) return null;
  const start = base.length === 0 ? [1] : base;
  const sized = (factor: number): SizedExperiment => {
    const widths = start.map((w) => Math.min(MAX_WIDTH, Math.max(1, Math.round(w * factor))));
    const host = withWidths(experiment.host, widths);
    const candidate = withoutGrowth({ ...experiment, host });
    return { experiment: candidate, widths, parameters: hostParametersOf(candidate, dataset) };
  };
  let [low, high] = [0, MAX_WIDTH];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (sized(middle).parameters < parameters) low = middle;
    else high = middle;
  }
  const [below, above] = [sized(low), sized(high)];
  const isNearer =
    Math.abs(below.parameters - parameters) <= Math.abs(above.parameters - parameters);
  return isNearer ? below : above;
}

/** Operations of one training step of a network without seeds, one replica. */
export function stepFlops(experiment: Experiment, dataset: Dataset): number {
  const topology = {
    layers: layersOf(experiment, dataset),
    input: dataset.imageShape ?? [dataset.features],
    seeds: [],
    incubation: experiment.growth.incubation,
    reach: experiment.growth.reach,
  } as const;
  const source = {
    size: dataset.train.size,
    batch: experiment.batchSize,
    mode: 'shuffle',
  } as const;
  const { labelSmoothing, loss, microBatches } = experiment;
  const training = trainingGraph(topology, source, loss, {
    smoothing: labelSmoothing,
    microBatches,
  });
  addOptimizer(training, experiment.optimizer, []);
  return planFlops(makePlan('train', training.graph, 1));
}

/**
 * The static experiment of the same size that spends `flops` on training: fewer or more steps, its
 * learning-rate schedule stretched over them, the warm-up as long in steps as the original's.
 */
export function ofEqualCompute(
  sized: SizedExperiment,
  dataset: Dataset,
  flops: number,
): SizedExperiment {
  const { experiment } = sized;
  const steps = Math.max(1, Math.round(flops / stepFlops(experiment, dataset)));
  return { ...sized, experiment: { ...experiment, steps } };
}
