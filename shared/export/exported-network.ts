/** One network of a run, as exports see it: topology, alphas, and the values of one replica. */
import type { Experiment } from '../contracts/experiment.ts';
import { Graph, type Tensor } from '../engine/plan/graph.ts';
import { alphasAt, graftedSeeds } from '../kasmina/grafted-seeds.ts';
import { controlTensor, predictionForward, type Topology } from '../kasmina/growing-network.ts';
import type { GrowthState } from '../kasmina/growth-controller.ts';
import type { NamedArray } from '../models/state-dict.ts';
import { topologyOf } from '../tolaria/growth-sites.ts';
import type { NamedTensors } from '../tolaria/training-arena.ts';

export interface ExportedNetwork {
  topology: Topology;
  /** Names of the classes, in the order of the logits. */
  classes: readonly string[];
  step: number;
  /** By schedule column: how far each seed is blended in. */
  alphas: readonly number[];
  /** What was done to features before the network saw them: x' = (x - offset) * factor. */
  scaling: RecordedScaling | null;
  /** Parameters by name, in our layouts. */
  values: ReadonlyMap<string, NamedArray>;
}

export interface RecordedScaling {
  kind: string;
  offset: readonly number[];
  factor: readonly number[];
}

export interface NetworkState {
  experiment: Experiment;
  /** What the run recorded of its data. */
  data: {
    input: readonly number[];
    classes: readonly string[];
    scaling?: RecordedScaling;
  };
  step: number;
  growth: Pick<GrowthState, 'slots' | 'hostChanges'>;
  /** Of all replicas: shape [R, ...]. */
  tensors: NamedTensors;
}

export function exportedNetwork(state: NetworkState, replica: number): ExportedNetwork {
  const { data, experiment, growth, step } = state;
  const [height, width, channels] = data.input;
  const shape = {
    imageShape:
      channels === undefined ? null : ([height!, width!, channels] as [number, number, number]),
    features: data.input.reduce((a, b) => a * b, 1),
    classes: [...data.classes],
  };
  const values = new Map<string, NamedArray>();
  for (const [name, tensor] of state.tensors) {
    if (name.startsWith('moment')) continue;
    const size = tensor.data.length / tensor.shape[0]!;
    values.set(name, {
      shape: tensor.shape.slice(1),
      data: tensor.data.slice(replica * size, (replica + 1) * size),
    });
  }
  return {
    topology: topologyOf(experiment, shape, graftedSeeds(growth), growth.hostChanges),
    classes: data.classes,
    scaling: data.scaling ?? null,
    step,
    alphas: alphasAt(growth, step),
    values,
  };
}

/** The network as it evaluates: no dropout, seeds that still train alone left out. */
export function evaluationGraph({ topology }: Pick<ExportedNetwork, 'topology'>): {
  graph: Graph;
  input: Tensor;
  logits: Tensor;
} {
  const graph = new Graph();
  const control = controlTensor(graph);
  const input = graph.create('input', [1, ...topology.input], { role: 'external' });
  const { logits } = predictionForward(graph, control, topology, input);
  return { graph, input, logits };
}
