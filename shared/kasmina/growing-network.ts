/**
 * A host with its seeds as graphs: the forward pass, the training step, the evaluation and the
 * health measurement. A new graph, and so a new plan, is made only when the topology changes.
 */
import { streamOf } from '../base/random.ts';
import type { Positions } from '../contracts/blueprint.ts';
import type { OptimizerSpec } from '../contracts/experiment.ts';
import { Graph, type Tensor } from '../engine/plan/graph.ts';
import { layoutParameters } from '../engine/plan/plan.ts';
import { roundUp } from '../engine/plan/shape.ts';
import { applyLayer } from '../models/apply-layer.ts';
import type { HostLayer } from '../models/layer.ts';
import { addLoss, type LossKind, targetsOf } from '../nn/losses.ts';
import { type NormState, normStates } from '../nn/norm-layers.ts';
import { lastPosition } from '../nn/sequence-layers.ts';
import {
  type GraftedSeed,
  type GrowableLayer,
  isCausal,
  isGrowable,
  KasminaLayer,
  type LayerPass,
} from './kasmina-layer.ts';
import { MicroBatches } from './micro-batches.ts';

export interface Topology {
  layers: readonly HostLayer[];
  /** Feature axes of one row. */
  input: readonly number[];
  seeds: readonly GraftedSeed[];
  incubation: 'shadow' | 'straight-through';
  /** `span`: seeds read the input of the Linear layer right before theirs, where there is one. */
  reach: 'layer' | 'span';
}

export interface BatchSource {
  /** Rows in the dataset. */
  size: number;
  /** Rows of the first buffers, where one does not hold all. @default {size} */
  partRows?: number;
  batch: number;
  mode: 'shuffle' | 'sequential';
}

/** Tensors of a forward pass somebody may want to look at. */
export interface ForwardPass {
  logits: Tensor;
  /** Output of each Kasmina layer after its activation, where there is one. */
  layerOutputs: Map<string, Tensor>;
  seedOutputs: Map<string, Tensor>;
}

/** Where a pass can be continued with other seeds: before the blend of a layer. */
interface Waypoint {
  index: number;
  /** Input of the layer. */
  x: Tensor;
  /** What its seeds read. */
  source: Tensor;
  z: Tensor;
  /** What layers before have kept. */
  kept: ReadonlyMap<string, Tensor>;
}

/** Layers that a Kasmina layer can be, in the order of the host. */
export function growableLayers(layers: readonly HostLayer[]): GrowableLayer[] {
  return layers.filter(isGrowable);
}

/** What a growable layer and its seeds read. */
export interface LayerInputs {
  /** Feature axes; [C] where the layer's output is a sequence, since every position is a row there. */
  host: readonly number[];
  seeds: readonly number[];
  /** Of that sequence; null: it is none. */
  positions: Positions | null;
}

/** What each growable layer, and what its seeds read, by the layer's name. */
export function layerInputs(
  layers: readonly HostLayer[],
  input: readonly number[],
  reach: Topology['reach'],
): Map<string, LayerInputs> {
  const graph = new Graph();
  const control = controlTensor(graph);
  const x = graph.create('x', [1, ...input], { role: 'external' });
  const inputs = new Map<string, LayerInputs>();
  const causal = isCausal(layers);
  runLayers(
    { layers, input, seeds: [], incubation: 'shadow', reach },
    { graph, control, seeds: [], mode: 'host', incubation: 'shadow', ...EVALUATION },
    x,
    (layer, { source, x: read, z }) => {
      const isSequence = z.shape.length === 3;
      const axes = (t: Tensor) => t.shape.slice(isSequence ? -1 : 1);
      const positions = isSequence ? { length: z.shape[1]!, causal } : null;
      inputs.set(layer.name, { host: axes(read), seeds: axes(source), positions });
    },
  );
  return inputs;
}

export function controlTensor(graph: Graph): Tensor {
  return graph.create('control', [1], { role: 'external', dtype: 'u32', replicated: false });
}

/** The batch of the current step: features and labels. */
export function batchOf(
  graph: Graph,
  control: Tensor,
  input: readonly number[],
  source: BatchSource,
): { x: Tensor; labels: Tensor } {
  const shared = { role: 'external', replicated: false } as const;
  const { size, partRows = size } = source;
  const part = (name: string, first: number) =>
    graph.create(name, [Math.min(partRows, size - first), ...input], shared);
  const rows = part('dataset_x', 0);
  const classes = graph.create('dataset_y', [source.size], {
    ...shared,
    dtype: 'u32',
    padded: [source.size],
  });
  const attrs = { batch: source.batch, size, mode: source.mode, stream: streamOf('batches') };
  const [x, labels] = graph.apply('gather_batch', [rows, classes, control], {
    ...attrs,
    ...(partRows < size ? { part: true } : {}),
  });
  for (let first = partRows, k = 1; first < size; first += partRows, k++) {
    graph.apply('gather_part', [x!, part(`dataset_x.${k}`, first), control], { ...attrs, first });
  }
  return { x: x!, labels: labels! };
}

const EVALUATION = { training: false, statistics: 'evaluate' } as const;

function runLayers(
  topology: Topology,
  pass: LayerPass,
  input: Tensor,
  onHost?: (layer: GrowableLayer, at: Waypoint) => void,
  from?: Waypoint,
): ForwardPass {
  const layerOutputs = new Map<string, Tensor>();
  const seedOutputs = new Map<string, Tensor>();
  const kept = new Map(from?.kept);
  let t = from ? from.x : input;
  let open: string | null = null;
  const causal = isCausal(topology.layers);
  /** The Linear layer before this one and its input, when nothing but elementwise layers came between. */
  let before: { x: Tensor; positionwise: boolean } | null = null;
  for (let i = from?.index ?? 0; i < topology.layers.length; i++) {
    const layer = topology.layers[i]!;
    if (!isGrowable(layer)) {
      t = applyLayer(pass, layer, t, kept);
      if (layer.kind === 'activation' && open) layerOutputs.set(open, t);
      if (layer.kind !== 'activation' && layer.kind !== 'dropout') {
        before = null;
        // What is kept or added to is the layer's own output no longer.
        if (layer.kind === 'recall' || layer.kind === 'add') open = null;
      }
      continue;
    }
    const kasmina = new KasminaLayer(layer, causal);
    const known = from?.index === i ? from : null;
    const z = known?.z ?? kasmina.host(pass, t);
    const dense = layer.kind === 'linear' ? { x: t, positionwise: z.shape.length === 3 } : null;
    const spans = topology.reach === 'span' && before?.positionwise === dense?.positionwise;
    const source = known?.source ?? (spans && before ? before.x : t);
    onHost?.(layer, { index: i, x: t, source, z, kept: new Map(kept) });
    before = dense;
    t = kasmina.forward(pass, source, z, (seed, s) => seedOutputs.set(seed.seedId, s));
    open = layer.name;
    layerOutputs.set(layer.name, t);
  }
  return { logits: t, layerOutputs, seedOutputs };
}

/** Forward pass for evaluation: no dropout, TRAINING seeds left out. */
export function evaluationForward(
  graph: Graph,
  control: Tensor,
  topology: Topology,
  x: Tensor,
): ForwardPass {
  const { seeds } = topology;
  const pass = { graph, control, seeds, mode: 'host', incubation: 'shadow' } as const;
  return runLayers(topology, { ...pass, ...EVALUATION }, x);
}

/**
 * Forward pass that answers: as {@link evaluationForward}, with one row of logits a sample, those of
 * the last position where the network has them at every one.
 */
export function predictionForward(
  graph: Graph,
  control: Tensor,
  topology: Topology,
  x: Tensor,
): ForwardPass {
  const pass = evaluationForward(graph, control, topology, x);
  if (pass.logits.shape.length === 2) return pass;
  return { ...pass, logits: lastPosition(graph, pass.logits) };
}

/** What a growable layer reads, and what a seed on it would read; rows, where it is a sequence. */
export interface SiteTensors {
  x: Tensor;
  source: Tensor;
}

/** {@link evaluationForward}, and the inputs of every growable layer by its name. */
export function sitesForward(
  graph: Graph,
  control: Tensor,
  topology: Topology,
  x: Tensor,
): { logits: Tensor; sites: Map<string, SiteTensors> } {
  const { seeds } = topology;
  const pass = { graph, control, seeds, mode: 'host', incubation: 'shadow' } as const;
  const sites = new Map<string, SiteTensors>();
  const { logits } = runLayers(topology, { ...pass, ...EVALUATION }, x, (layer, at) => {
    const rows = (t: Tensor) =>
      at.z.shape.length === 3 ? graph.one('fold_rows', [t], {}, `${t.name}.rows`) : t;
    sites.set(layer.name, { x: rows(at.x), source: rows(at.source) });
  });
  return { logits, sites };
}

export interface TrainingGraph {
  graph: Graph;
  control: Tensor;
  rowStats: Tensor;
  logits: Tensor;
  /** Row statistics of the shadow pass; null when no seed is in TRAINING. */
  shadowStats: Tensor | null;
  /** Running statistics that the graph moves. */
  states: NormState[];
  layerOutputs: Map<string, Tensor>;
  seedOutputs: Map<string, Tensor>;
}

export interface TrainingOptions {
  /** Share of cross-entropy's target that all classes have equally. @default {0} */
  smoothing?: number | undefined;
  /** Equal parts of the batch, computed one after the other; their gradients add up. @default {1} */
  microBatches?: number | undefined;
  /** `measure`: running statistics stay as they are. @default {train} */
  statistics?: 'train' | 'measure';
}

/**
 * Batch, forward, loss and gradients; no optimizer. The nodes of the host's pass and of its
 * gradients come first and do not depend on seeds in TRAINING, so those cannot change a bit of them.
 * With micro-batches that holds for each of them.
 */
export function trainingGraph(
  topology: Topology,
  source: BatchSource,
  loss: LossKind,
  { smoothing = 0, microBatches = 1, statistics = 'train' }: TrainingOptions = {},
): TrainingGraph {
  const graph = new Graph();
  const control = controlTensor(graph);
  const { x, labels } = batchOf(graph, control, topology.input, source);
  const { seeds, incubation } = topology;
  const hasTraining = (layer: GrowableLayer) =>
    seeds.some((s) => s.stage === 'TRAINING' && s.layerId === layer.name);
  const parts = new MicroBatches(graph, microBatches);
  const ids = () => graph.parameters.map((p) => p.tensorId);
  /** Parameters of the host's pass, known once it was made for the first time. */
  let hosts: ReadonlySet<number> | null = null;

  const passOf = (part: number): TrainingGraph => {
    const rows = parts.rows(x, part);
    const classes = parts.rows(labels, part);
    const waypoints: Waypoint[] = [];
    const common = { graph, control, seeds, incubation, training: true, part };
    const pass: LayerPass = { ...common, mode: 'host', statistics };
    const host = runLayers(topology, pass, rows, (layer, at) => {
      if (hasTraining(layer)) waypoints.push(at);
    });
    const targets = targetsOf(graph, host.logits, rows, classes);
    const { gradient, rows: rowStats } = addLoss(graph, loss, host.logits, targets, smoothing);
    hosts ??= new Set(ids());
    const known = hosts;
    parts.differentiate(host.logits, gradient, known);
    const result: TrainingGraph = {
      ...{ graph, control, rowStats, logits: host.logits, shadowStats: null },
      ...{ layerOutputs: host.layerOutputs, seedOutputs: host.seedOutputs },
      states: normStates(graph),
    };
    const start = waypoints[0];
    if (!start || incubation !== 'shadow') return result;

    // The same batch again: it must not move running statistics a second time.
    const shadowPass = { ...common, mode: 'shadow', statistics: 'measure' } as const;
    const shadow = runLayers(topology, shadowPass, rows, undefined, start);
    const second = addLoss(graph, loss, shadow.logits, targets, smoothing);
    const own = new Set(ids().filter((id) => !known.has(id)));
    parts.differentiate(shadow.logits, second.gradient, own);
    result.shadowStats = second.rows;
    for (const [id, s] of shadow.seedOutputs) {
      if (!result.seedOutputs.has(id)) result.seedOutputs.set(id, s);
    }
    return result;
  };

  const results = Array.from({ length: microBatches }, (_, part) => passOf(part));
  parts.finish();
  const [first, ...others] = results as [TrainingGraph, ...TrainingGraph[]];
  for (const r of others) {
    first.rowStats = parts.join(first.rowStats, r.rowStats);
    if (first.shadowStats) first.shadowStats = parts.join(first.shadowStats, r.shadowStats!);
  }
  return first;
}

/**
 * Elements of the parameter arena before those of seeds in isolation. Puts these last, so that the
 * network's own part of the arena is laid out as if they were not there.
 */
function isolateParameters(graph: Graph, seeds: readonly GraftedSeed[]): number {
  const isolated = new Set(seeds.filter((s) => s.stage === 'TRAINING').map((s) => s.group));
  graph.parameters.sort((a, b) => Number(isolated.has(a.group)) - Number(isolated.has(b.group)));
  const { elements, parameters } = layoutParameters(graph);
  return parameters.find((p) => isolated.has(p.group))?.offset ?? elements;
}

/**
 * Adds the optimizer: one dispatch for all parameters, which also writes the step's metrics. The
 * global norm is that of the network without seeds in isolation: they are clipped by its factor,
 * but do not count, or they would slow the host and leave a trace.
 *
 * @returns The layout of the parameter arena.
 */
export function addOptimizer(
  { graph, control, rowStats }: TrainingGraph,
  spec: OptimizerSpec,
  seeds: readonly GraftedSeed[],
): ReturnType<typeof layoutParameters> {
  const leading = isolateParameters(graph, seeds);
  const layout = layoutParameters(graph);
  const parameterElements = layout.elements;
  const arena = (name: string) =>
    graph.create(name, [parameterElements], { role: 'external', padded: [parameterElements] });
  const parameters = arena('parameters');
  const gradients = arena('gradients');
  const groups = graph.create('groups', [parameterElements / 64], {
    role: 'external',
    dtype: 'u32',
    replicated: false,
    padded: [parameterElements / 64],
  });
  const metrics = graph.create('metrics', [4], { role: 'external', replicated: false });
  const clipNorm = spec.clipNorm ?? 0;
  const norm: Tensor[] = [];
  if (clipNorm > 0) {
    const partial = graph.one('gradient_norm_partial', [gradients], { partials: 64, leading });
    norm.push(graph.one('gradient_norm', [partial, rowStats], { clipNorm }));
  }
  const tail = [groups, control, rowStats, metrics, ...norm];
  const common = { clipNorm, alphas: alphaColumns(seeds) };
  if (spec.kind === 'sgd') {
    const inputs = [parameters, gradients, arena('moment1'), ...tail];
    const nesterov = spec.nesterov === true;
    graph.apply('sgd_update', inputs, { ...common, momentum: spec.momentum, nesterov });
    return layout;
  }
  const { kind, beta1, beta2, epsilon } = spec;
  const inputs = [parameters, gradients, arena('moment1'), arena('moment2'), ...tail];
  graph.apply('adam_update', inputs, { ...common, kind, beta1, beta2, epsilon });
  return layout;
}

/** Alpha columns of a schedule: column 0 is full weight, then one for each blended seed. */
export function alphaColumns(seeds: readonly GraftedSeed[]): number {
  return roundUp(1 + Math.max(0, ...seeds.map((s) => s.alphaColumn)), 4);
}
