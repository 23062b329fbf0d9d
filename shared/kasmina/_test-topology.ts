/**
 * Random networks with seeds, and what a training step makes of them: for tests that compare a host
 * with seeds to the same host without. Everything derives from one number, so that the unit tests
 * and those on a GPU can look at the same networks.
 */
import { RandomStream } from '../base/random.ts';
import { probe } from '../blueprints/ir.ts';
import { libraryBlueprint } from '../blueprints/library.ts';
import type { ExperimentInput } from '../contracts/experiment.ts';
import { type BlendMode, BlendMode as BlendModes } from '../contracts/seed.ts';
import type { Backend, DeviceBuffer } from '../engine/plan/backend.ts';
import { numel, unpack } from '../engine/plan/shape.ts';
import { type HostLayer, hostLayers } from '../models/host.ts';
import { tinyDataset, tinyExperiment } from '../tolaria/_test-run.ts';
import { NetworkRuntime } from '../tolaria/network-runtime.ts';
import { growableLayers, layerInputs, type Topology } from './growing-network.ts';
import { type GraftedSeed, hostShapeOf, seedPrefix } from './kasmina-layer.ts';

export const MODES = BlendModes.options;
export const ACTIVATIONS = ['relu', 'tanh', 'sigmoid', 'gelu'] as const;

const BLUEPRINTS = ['low-rank-2', 'widen-3', 'residual-mlp-2', 'conv3x3-2', 'conv1x1-3'] as const;
/** Besides, on networks of convolutions with groups and dilation. */
const GROUPED_BLUEPRINTS = ['grouped-conv3x3', 'depthwise-separable', 'identity'] as const;

export interface Network {
  layers: HostLayer[];
  input: number[];
  classes: number;
  host: NonNullable<ExperimentInput['host']>;
  replicas: number;
}

/**
 * A small MLP or CNN of random widths, activation, pools and dropout; `grouped`: a CNN of
 * convolutions with dilation and in groups, the second perhaps depthwise.
 */
export function randomNetwork(seed: number, kind: 'mlp' | 'cnn' | 'grouped'): Network {
  if (kind === 'grouped') return groupedNetwork(seed);
  const random = new RandomStream(seed, 'network');
  const size = (least: number, most: number) => least + random.integer(most - least + 1);
  const many = (n: number, least: number, most: number) =>
    Array.from({ length: n }, () => size(least, most));
  const activation = ACTIVATIONS[random.integer(4)]!;
  const dropout = random.integer(2) * 0.25;
  const classes = size(2, 5);
  const replicas = 1 + random.integer(2);
  const input = kind === 'mlp' ? [size(1, 6)] : [size(4, 7), size(4, 7), size(1, 3)];
  const host =
    kind === 'mlp'
      ? ({ kind, hidden: many(size(0, 3), 1, 7), activation, dropout } as const)
      : ({
          ...{ kind, channels: many(size(1, 2), 1, 5), hidden: many(size(0, 1), 2, 6) },
          pool: (['max', 'avg', 'global'] as const)[random.integer(3)]!,
          ...{ activation, dropout, kernelSize: [1, 3][random.integer(2)]! },
        } as const);
  return { layers: layersOf(host, input, classes), input, classes, host, replicas };
}

function groupedNetwork(seed: number): Network {
  const random = new RandomStream(seed, 'grouped network');
  const size = (least: number, most: number) => least + random.integer(most - least + 1);
  const activation = ACTIVATIONS[random.integer(4)]!;
  const [dilation, wide, kernelSize] = [size(1, 3), 4 * size(1, 2), 1 + 2 * random.integer(2)];
  const [classes, replicas] = [size(2, 4), size(1, 2)];
  const input = [size(4, 7), size(4, 7), 2 * size(1, 2)];
  const layers = [
    {
      ...({ kind: 'conv2d', channels: wide, kernelSize: 3, padding: dilation } as const),
      ...{ dilation, groups: size(1, 2) },
    },
    { kind: 'activation', activation } as const,
    {
      ...({ kind: 'conv2d', channels: wide * size(1, 2), kernelSize } as const),
      ...{
        padding: (kernelSize - 1) / 2,
        stride: size(1, 2),
        groups: [2, wide][random.integer(2)]!,
      },
    },
    { kind: 'activation', activation } as const,
    { kind: 'global-pool' } as const,
    { kind: 'linear', units: 'classes' } as const,
  ];
  const host = { kind: 'layers', layers } as const;
  return { layers: layersOf(host, input, classes), input, classes, host, replicas };
}

/** Layers of a host given as an experiment file gives it. */
export function layersOf(host: Network['host'], input: number[], classes: number): HostLayer[] {
  return hostLayers(tinyExperiment({ host }).host, input, classes);
}

export function seedOn(
  layerId: string,
  blueprint: string,
  stage: GraftedSeed['stage'],
  blendMode: BlendMode,
  index: number,
): GraftedSeed {
  const blended = stage === 'BLENDING' || stage === 'HOLDING';
  return {
    ...{ seedId: `s${index + 1}`, layerId, slot: index, stage, blendMode, group: index + 1 },
    blueprint: libraryBlueprint(blueprint),
    // A column of its own for each, whether it is used or not.
    alphaColumn: blended ? index + 1 : 0,
  };
}

/** Up to `most` seeds on random layers, all in `stage`. */
export function randomSeeds(
  seed: number,
  network: Network,
  stage: GraftedSeed['stage'],
  most = 3,
  reach: Topology['reach'] = 'layer',
): GraftedSeed[] {
  const random = new RandomStream(seed, 'seeds');
  const layers = growableLayers(network.layers);
  const inputs = layerInputs(network.layers, network.input, reach);
  const more = network.host.kind === 'layers' ? GROUPED_BLUEPRINTS : [];
  const choices = layers.flatMap((layer) =>
    [...BLUEPRINTS, ...more]
      .filter((name) => {
        const host = hostShapeOf(layer, inputs.get(layer.name)!.seeds);
        return probe(libraryBlueprint(name), host).compatible;
      })
      .map((name) => [layer.name, name] as const),
  );
  return Array.from({ length: 1 + random.integer(most) }, (_, i) => {
    const [layer, name] = choices[random.integer(choices.length)]!;
    return seedOn(layer, name, stage, MODES[random.integer(4)]!, i);
  });
}

export function topologyOf(
  { layers, input }: Network,
  seeds: readonly GraftedSeed[],
  more: Partial<Topology> = {},
): Topology {
  return { layers, input, seeds, incubation: 'shadow', reach: 'layer', ...more };
}

export const SGD = { kind: 'sgd', learningRate: 0.1, momentum: 0.9 } as const;
const ADAM = { kind: 'adam', learningRate: 0.05 } as const;

/** A runtime in which the network with these seeds stands ready, all of one birth. */
export async function openNetwork(
  backend: Backend,
  network: Network,
  topology: Topology,
  optimizer: ExperimentInput['optimizer'] = ADAM,
): Promise<NetworkRuntime> {
  const { classes, host, input, replicas } = network;
  const experiment = tinyExperiment({ host, replicas, optimizer, batchSize: 5 });
  const runtime = new NetworkRuntime(backend, experiment, tinyDataset(input, classes, 12));
  const groups = [0, ...topology.seeds].map(() => ({ bornStep: 0 }));
  await runtime.setTopology(topology, groups);
  return runtime;
}

/** Values of a buffer, on the reference at full precision. */
export async function valuesOf(runtime: NetworkRuntime, buffer: DeviceBuffer) {
  const full = (buffer as { values?: Float64Array }).values;
  return full ? full.slice() : runtime.backend.readFloats(buffer);
}

/** A buffer's values of one parameter, all replicas, without padding. */
export async function slices(
  runtime: NetworkRuntime,
  which: 'parameters' | 'gradients' | 'moment1' | 'moment2',
): Promise<Map<string, number[]>> {
  const { arena, replicas } = runtime;
  const all = await valuesOf(runtime, arena.buffers[which]);
  return new Map(
    arena.parameters.map((p) => [
      p.name,
      Array.from({ length: replicas }, (_, r) => {
        const at = r * arena.elements + p.offset;
        return [
          ...unpack(all.subarray(at, at + numel(p.padded)) as Float32Array, p.shape, p.padded),
        ];
      }).flat(),
    ]),
  );
}

/** Runs `steps` steps with all alphas at `alpha`. */
export function runSteps(
  runtime: NetworkRuntime,
  from: number,
  steps: number,
  alpha: number,
): void {
  const columns = 1 + Math.max(0, ...runtime.topology.seeds.map((s) => s.alphaColumn));
  const alphas = [1, ...new Array<number>(columns - 1).fill(alpha)];
  runtime.run(from, steps, () => ({ alphas, learningRate: 0.05 }));
}

/** Overwrites a parameter of every replica, on the device. */
export function fill(runtime: NetworkRuntime, name: string, value: number): void {
  const { arena, backend, replicas } = runtime;
  const p = arena.parameters.find((q) => q.name === name)!;
  for (let r = 0; r < replicas; r++) {
    const values = new Float32Array(numel(p.padded)).fill(value);
    backend.writeFloats(arena.buffers.parameters, values, r * arena.elements + p.offset);
  }
}

/** Names of all parameters of the topology's seeds. */
export function seedParameters(runtime: NetworkRuntime): string[] {
  const prefixes = runtime.topology.seeds.map((s) => `${seedPrefix(s)}.`);
  const names = runtime.arena.parameters.map((p) => p.name);
  return names.filter((name) => prefixes.some((prefix) => name.startsWith(prefix)));
}

/**
 * What differs, bit for bit, between a host alone and the same host beside `topology`'s seeds over
 * three steps with all alphas at 0: logits, and gradients, weights and moments after each step.
 *
 * @param plant Called on the runtime with seeds before the first step.
 */
export async function hostDifferences(
  backend: Backend,
  network: Network,
  topology: Topology,
  optimizer: ExperimentInput['optimizer'],
  plant: (runtime: NetworkRuntime) => void = () => {},
): Promise<string[]> {
  const alone = await openNetwork(backend, network, topologyOf(network, []), optimizer);
  const both = await openNetwork(backend, network, topology, optimizer);
  plant(both);
  const rows = tinyDataset(network.input, network.classes, 12).test.x;
  const found: string[] = [];
  const same = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    a.length === b.length && Array.from(a).every((v, i) => Object.is(v, b[i]));
  for (let step = 0; step < 3; step++) {
    runSteps(alone, step, 1, 0);
    runSteps(both, step, 1, 0);
    for (const which of ['gradients', 'parameters', 'moment1', 'moment2'] as const) {
      const [want, got] = [await slices(alone, which), await slices(both, which)];
      for (const [name, values] of want) {
        if (!same(values, got.get(name)!)) found.push(`step ${step}: ${which} of ${name}`);
      }
    }
    const columns = Math.max(0, ...topology.seeds.map((s) => s.alphaColumn));
    const zeros = [1, ...new Array<number>(columns).fill(0)];
    const [want, got] = [await alone.predict(rows, [1]), await both.predict(rows, zeros)];
    if (!same(want.logits, got.logits)) found.push(`step ${step}: logits`);
  }
  alone.dispose();
  both.dispose();
  return found;
}
