/** Networks with committed seeds, folded one after the other: for tests here and on a GPU. */
import { RandomStream } from '../base/random.ts';
import { libraryBlueprint } from '../blueprints/library.ts';
import { Blueprint } from '../contracts/blueprint.ts';
import type { Backend } from '../engine/plan/backend.ts';
import { makePlan } from '../engine/plan/plan.ts';
import { numel } from '../engine/plan/shape.ts';
import { tinyDataset } from '../tolaria/_test-run.ts';
import type { NetworkRuntime } from '../tolaria/network-runtime.ts';
import { layersOf, type Network, openNetwork, SGD, topologyOf } from './_test-topology.ts';
import { foldForm } from './fold.ts';
import { foldSite } from './fold-site.ts';
import { foldedTensors } from './fold-tensors.ts';
import { addOptimizer, type Topology, trainingGraph } from './growing-network.ts';
import { changedLayers, type HostChange } from './host-changes.ts';
import { type GraftedSeed, seedPrefix } from './kasmina-layer.ts';

type Nodes = Parameters<typeof Blueprint.parse>[0];

function blueprint(name: string, host: 'linear' | 'conv2d', nodes: Record<string, unknown>[]) {
  return Blueprint.parse({ name, host, nodes, output: nodes.at(-1)!['id'] } as Nodes);
}

/** Blueprints that fold, of every algebra there is. */
export const FOLDABLE = {
  lowRank: blueprint('two-maps', 'linear', [
    { id: 'a', op: 'linear', inputs: ['x'], units: 2 },
    { id: 'b', op: 'linear', inputs: ['a'], units: 'out' },
  ]),
  residual: blueprint('mixes-z', 'linear', [
    { id: 'a', op: 'linear', inputs: ['z'], units: 'out' },
    { id: 'g', op: 'gain', inputs: ['z'] },
    { id: 'b', op: 'add', inputs: ['a', 'g'] },
    { id: 'c', op: 'linear', inputs: ['x'], units: 'out', bias: false },
    { id: 'd', op: 'add', inputs: ['c', 'b'] },
  ]),
  widen: (f: string) =>
    blueprint(`widens-${f}`, 'linear', [
      { id: 'a', op: 'linear', inputs: ['x'], units: 3 },
      { id: 'f', op: 'activation', inputs: ['a'], activation: f },
      { id: 'b', op: 'linear', inputs: ['f'], units: 'out' },
    ]),
  /** For hosts without biases. */
  widenPlain: (f: string) =>
    blueprint(`widens-${f}-plain`, 'linear', [
      { id: 'a', op: 'linear', inputs: ['x'], units: 3, bias: false },
      { id: 'f', op: 'activation', inputs: ['a'], activation: f },
      { id: 'b', op: 'linear', inputs: ['f'], units: 'out', bias: false },
    ]),
  kernel: (kernelSize: number) =>
    blueprint(`kernel-${kernelSize}`, 'conv2d', [
      { id: 'a', op: 'conv2d', inputs: ['x'], channels: 'out', kernelSize, stride: 'host' },
    ]),
  factored: (kernelSize: number) =>
    blueprint(`factored-${kernelSize}`, 'conv2d', [
      { id: 'i', op: 'conv2d', inputs: ['x'], channels: 2, kernelSize: 1, bias: false },
      { id: 'a', op: 'conv2d', inputs: ['i'], channels: 3, kernelSize, stride: 'host' },
      { id: 'b', op: 'conv2d', inputs: ['a'], channels: 'out', kernelSize: 1 },
      { id: 'h', op: 'gain', inputs: ['z'] },
      { id: 'c', op: 'conv2d', inputs: ['h'], channels: 'out', kernelSize: 1 },
      { id: 'd', op: 'add', inputs: ['b', 'c'] },
    ]),
  /** Within the groups of its host, behind a factor for each channel. */
  grouped: (kernelSize: number) =>
    blueprint(`grouped-${kernelSize}`, 'conv2d', [
      { id: 'g', op: 'gain', inputs: ['x'] },
      {
        ...{ id: 'a', op: 'conv2d', inputs: ['g'], channels: 'out', kernelSize },
        ...{ stride: 'host', groups: 'host' },
      },
      { id: 'b', op: 'conv2d', inputs: ['a'], channels: 'out', kernelSize: 1, groups: 'host' },
    ]),
  separable: (kernelSize: number) =>
    blueprint(`separable-${kernelSize}`, 'conv2d', [
      {
        ...{ id: 'a', op: 'conv2d', inputs: ['x'], channels: 'in', kernelSize },
        ...{ stride: 'host', depthwise: true },
      },
      { id: 'b', op: 'conv2d', inputs: ['a'], channels: 'out', kernelSize: 1 },
    ]),
} as const;

export function committed(
  layerId: string,
  made: Blueprint,
  blendMode: 'add' | 'replace',
  index: number,
): GraftedSeed {
  return {
    ...{ seedId: `s${index + 1}`, layerId, slot: index, blueprint: made, blendMode },
    ...{ stage: 'FOSSILIZED', alphaColumn: 0, group: index + 1 },
  };
}

/** A tensor of one replica whose values are `from`, `from` + 1, and so on. */
export function ascending(shape: number[], from: number) {
  const data = Float32Array.from({ length: numel(shape) }, (_, i) => from + i);
  return { shape: [1, ...shape], data };
}

/** Ops and shapes of a training step with Adam, without names. */
export function stepOf({ replicas }: Network, topology: Topology): string[] {
  const training = trainingGraph(
    topology,
    { size: 12, batch: 5, mode: 'shuffle' },
    'cross-entropy',
  );
  const adam = { kind: 'adam', learningRate: 0.05, beta1: 0.9, beta2: 0.999 } as const;
  addOptimizer(training, { ...adam, epsilon: 1e-8, weightDecay: 0 }, topology.seeds);
  return makePlan('train', training.graph, replicas).dispatches.map((d) =>
    JSON.stringify([d.op, d.attrs, [...d.inputs, ...d.outputs].map((t) => t.shape)]),
  );
}

/** A window with gaps between its taps and groups of so many channels in and out. */
export interface GappyWindow {
  groups: number;
  inside: readonly [number, number];
  dilation: number;
  stride: number;
  kernelSize: number;
}

/** One such convolution, `conv1`, on images of 6 by 7, a tanh and a classifier. */
export function gappyNetwork(window: GappyWindow): Network {
  const { dilation, groups, inside, kernelSize, stride } = window;
  const input = [6, 7, groups * inside[0]];
  const host: Network['host'] = {
    kind: 'layers',
    layers: [
      {
        ...{ kind: 'conv2d', channels: groups * inside[1], kernelSize, stride, dilation, groups },
        padding: (dilation * (kernelSize - 1)) / 2,
      },
      { kind: 'activation', activation: 'tanh' },
      { kind: 'global-pool' },
      { kind: 'linear', units: 'classes' },
    ],
  };
  return { host, input, classes: 3, replicas: 1, layers: layersOf(host, input, 3) };
}

/** Two seeds on `conv1` that fold, the one that reads z first: what the other adds is not its own. */
export function gappySeeds(kernelSize: number, mode: 'add' | 'replace'): GraftedSeed[] {
  return [
    committed('conv1', libraryBlueprint('identity'), 'add', 0),
    committed('conv1', FOLDABLE.grouped(kernelSize), mode, 1),
  ];
}

export interface FoldedNetwork {
  runtime: NetworkRuntime;
  topology: Topology;
  changes: HostChange[];
  /** Largest change of a logit over all folds, relative to the largest logit. */
  deviation: number;
}

/** Draws every parameter anew, folds all seeds in order, and compares outputs before and after. */
export async function foldAll(
  backend: Backend,
  network: Network,
  seeds: readonly GraftedSeed[],
  reach: Topology['reach'],
  draw: number,
): Promise<FoldedNetwork> {
  const runtime = await openNetwork(backend, network, topologyOf(network, seeds, { reach }), SGD);
  const tensors = await runtime.exportTensors();
  const random = new RandomStream(draw, 'weights');
  for (const [name, { shape, data }] of tensors) {
    const spread = name.startsWith('moment') ? 1 : 1 / Math.sqrt(numel(shape.slice(1, -1)));
    for (let i = 0; i < data.length; i++) data[i] = spread * random.normal();
  }
  runtime.arena.importTensors(tensors);
  const rows = tinyDataset(network.input, network.classes, 12).test.x;
  const logits = async () => Float32Array.from((await runtime.predict(rows, [1])).logits);
  const want = await logits();
  const changes: HostChange[] = [];
  let topology = runtime.topology;
  for (const seed of seeds) {
    const site = foldSite(topology, seed.layerId);
    const form = foldForm(seed, site);
    if (form.kind === 'grafted') throw new Error(`${seed.blueprint.name} stays: ${form.reason}`);
    if (form.kind === 'kernel' && form.change) changes.push(form.change);
    const own = await runtime.exportTensors();
    if (form.kind === 'widen') {
      const rowsOfWeight = own.get(`${seed.layerId}.weight`)!.shape[1]!;
      changes.push({ layerId: form.before, units: rowsOfWeight + form.units });
    }
    const folded = foldedTensors(seed, site, own, { moment1: 1, moment2: 1 });
    const rest = topology.seeds
      .filter((s) => s.seedId !== seed.seedId)
      .map((s, i) => ({ ...s, group: i + 1 }));
    topology = { ...topology, layers: changedLayers(network.layers, changes), seeds: rest };
    await runtime.setTopology(
      topology,
      [0, ...rest].map(() => ({ bornStep: 0 })),
    );
    const prefix = `${seedPrefix(seed)}.`;
    runtime.arena.importTensors(
      new Map([...[...own].filter(([name]) => !name.includes(prefix)), ...folded]),
    );
  }
  const got = await logits();
  const largest = want.reduce((a, w) => Math.max(a, Math.abs(w)), 0);
  const deviation = got.reduce((a, g, i) => Math.max(a, Math.abs(g - want[i]!)), 0) / largest;
  return { runtime, topology, changes, deviation };
}
