import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIBRARY_NAMES } from '../blueprints/library.ts';
import type { ExperimentInput, OptimizerSpec } from '../contracts/experiment.ts';
import { makePlan } from '../engine/plan/plan.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { ZOO } from '../models/_test-zoo.ts';
import { hostLayers } from '../models/host.ts';
import {
  type ACTIVATIONS,
  fill,
  hostDifferences,
  layersOf,
  MODES,
  type Network,
  openNetwork,
  randomNetwork,
  randomSeeds,
  runSteps,
  SGD,
  seedOn,
  seedParameters,
  slices,
  topologyOf,
} from './_test-topology.ts';
import { addOptimizer, growableLayers, layerInputs, trainingGraph } from './growing-network.ts';
import type { GrowableLayer } from './kasmina-layer.ts';

const backend = createReferenceBackend();
const GPT = ZOO.find((m) => m.name === 'gpt')!;
const kinds = fc.constantFrom('mlp', 'cnn' as const);
const incubations = fc.constantFrom('shadow', 'straight-through' as const);
const OPTIMIZERS: NonNullable<ExperimentInput['optimizer']>[] = [
  SGD,
  { kind: 'adam' },
  { kind: 'adamw', weightDecay: 0.1 },
];
const optimizers = fc.constantFrom(...OPTIMIZERS);

describe('a host beside seeds in TRAINING', () => {
  it('computes and learns the same, bit for bit, whatever the seeds are', async () => {
    const clipped = fc.constantFrom(...OPTIMIZERS, { ...SGD, clipNorm: 0.05 });
    await fc.assert(
      fc.asyncProperty(fc.nat(1e6), kinds, incubations, clipped, async (n, kind, incubation, o) => {
        const network = randomNetwork(n, kind);
        const seeds = randomSeeds(n, network, 'TRAINING');
        const topology = topologyOf(network, seeds, { incubation });
        expect(await hostDifferences(backend, network, topology, o)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it('does so too where seeds span a layer', async () => {
    for (let n = 0; n < 8; n++) {
      const network = randomNetwork(n, 'mlp');
      const seeds = randomSeeds(n, network, 'TRAINING', 3, 'span');
      const topology = topologyOf(network, seeds, { reach: 'span' });
      expect(await hostDifferences(backend, network, topology, SGD)).toEqual([]);
    }
  });

  it('is not reached by a NaN in any of their weights', async () => {
    for (let n = 0; n < 12; n++) {
      const network = randomNetwork(n, n % 2 ? 'mlp' : 'cnn');
      const incubation = n % 3 ? 'shadow' : 'straight-through';
      const topology = topologyOf(network, randomSeeds(n, network, 'TRAINING'), { incubation });
      const optimizer = n % 4 < 2 ? SGD : { ...SGD, clipNorm: 0.05 };
      const differences = await hostDifferences(
        backend,
        network,
        topology,
        optimizer,
        (runtime) => {
          for (const name of seedParameters(runtime)) fill(runtime, name, Number.NaN);
        },
      );
      expect(differences).toEqual([]);
    }
  });
});

describe('a host beside seeds in BLENDING at alpha 0', () => {
  it('computes and learns the same, bit for bit, in every mode', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1e6), kinds, optimizers, async (n, kind, optimizer) => {
        const network = randomNetwork(n, kind);
        const seeds = randomSeeds(n, network, n % 5 ? 'BLENDING' : 'HOLDING');
        const topology = topologyOf(network, seeds);
        expect(await hostDifferences(backend, network, topology, optimizer)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it.each(MODES)('is not reached by a NaN in any one of their weights (%s)', async (mode) => {
    for (const [kind, layer, blueprint] of [
      ['mlp', 'fc2', 'widen-3'],
      ['mlp', 'fc1', 'low-rank-2'],
      ['cnn', 'conv1', 'conv3x3-2'],
      ['cnn', 'fc1', 'residual-mlp-2'],
    ] as const) {
      const network = networkOf(kind);
      const topology = topologyOf(network, [seedOn(layer, blueprint, 'BLENDING', mode, 0)]);
      const names = seedParameters(await openNetwork(backend, network, topology));
      expect(names.length).toBeGreaterThan(1);
      for (const name of names) {
        const differences = await hostDifferences(backend, network, topology, SGD, (runtime) =>
          fill(runtime, name, Number.NaN),
        );
        expect([name, differences]).toEqual([name, []]);
      }
    }
  });
});

function networkOf(
  kind: 'mlp' | 'cnn',
  activation: (typeof ACTIVATIONS)[number] = 'tanh',
): Network {
  const base = randomNetwork(3, kind);
  const host: Network['host'] =
    kind === 'mlp'
      ? { kind, hidden: [3, 5], activation }
      : { kind, channels: [3, 4], hidden: [], activation };
  const input = kind === 'mlp' ? [3] : [4, 5, 2];
  const layers = layersOf(host, input, base.classes);
  return { ...base, host, input, layers, replicas: 1 };
}

/** The parameters that have seen no gradient, by element, after a seed's first two steps. */
async function untouched(
  network: Network,
  seed: ReturnType<typeof seedOn>,
  incubation: 'shadow' | 'straight-through',
) {
  const topology = topologyOf(network, [seed], { incubation });
  const runtime = await openNetwork(backend, network, topology, SGD);
  const touched = new Map(seedParameters(runtime).map((name) => [name, new Set<number>()]));
  for (let step = 0; step < 2; step++) {
    runSteps(runtime, step, 1, 0.5);
    const gradients = await slices(runtime, 'gradients');
    for (const [name, seen] of touched) {
      gradients.get(name)!.forEach((g, i) => {
        if (g !== 0) seen.add(i);
      });
    }
  }
  const values = await slices(runtime, 'parameters');
  runtime.dispose();
  return [...touched]
    .filter(([name, seen]) => seen.size < values.get(name)!.length)
    .map(([n]) => n);
}

/**
 * On an image of one pixel the outer taps of a 3x3 kernel see padding only, and so they may where a
 * max-pool passes the gradient of a single pixel on: no data, no gradient, in the host as well.
 */
function fits(layer: GrowableLayer, network: Network, blueprint: string): boolean {
  const { host, input, layers } = network;
  if (layer.kind === 'linear') return !blueprint.startsWith('conv');
  const [height, width] = layerInputs(layers, input, 'layer').get(layer.name)!.seeds;
  const least = host.kind === 'cnn' && host.pool === 'max' ? 4 : 2;
  return blueprint.startsWith('conv') && Math.min(height!, width!) >= least;
}

describe('a new seed', () => {
  const shapes = fc.record({
    n: fc.nat(1e6),
    name: fc.constantFrom(...LIBRARY_NAMES, 'widen-5-gelu', 'widen-5-sigmoid', 'low-rank-1'),
    mode: fc.constantFrom(...MODES),
    activation: fc.constantFrom('tanh', 'sigmoid', 'gelu' as const),
    incubation: incubations,
    stage: fc.constantFrom('TRAINING', 'BLENDING' as const),
  });

  it('has a gradient in every single weight within two steps, on hosts of all shapes', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async ({ activation, incubation, mode, n, name, stage }) => {
        const kind = name.startsWith('conv') ? 'cnn' : n % 3 ? 'mlp' : 'cnn';
        const random = randomNetwork(n, kind);
        const host = { ...random.host, activation, dropout: 0 };
        const layers = layersOf(host, random.input, random.classes);
        const network = { ...random, host, layers, replicas: 1 };
        const fitting = growableLayers(layers).filter((l) => fits(l, network, name));
        const layer = fitting[n % fitting.length]!;
        const seed = seedOn(layer.name, name, stage, mode, 0);
        expect(await untouched(network, seed, incubation)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it.each(MODES)('learns behind a ReLU as well (%s)', async (mode) => {
    for (const incubation of ['shadow', 'straight-through'] as const) {
      for (const [kind, layer, blueprint] of [
        ['mlp', 'fc1', 'widen-3'],
        ['mlp', 'fc2', 'low-rank-2'],
        ['cnn', 'conv2', 'conv3x3-3'],
      ] as const) {
        const network = networkOf(kind, 'relu');
        const topology = topologyOf(network, [seedOn(layer, blueprint, 'TRAINING', mode, 0)], {
          incubation,
        });
        const runtime = await openNetwork(backend, network, topology, SGD);
        const moved = new Set<string>();
        for (let step = 0; step < 2; step++) {
          runSteps(runtime, step, 1, 0);
          for (const [name, g] of await slices(runtime, 'gradients')) {
            if (g.some((v) => v !== 0)) moved.add(name);
          }
        }
        expect(seedParameters(runtime).filter((name) => !moved.has(name))).toEqual([]);
      }
    }
  });
});

describe('trainingGraph()', () => {
  const planOf = (network: Network, seeds: ReturnType<typeof randomSeeds>) => {
    const source = { size: 12, batch: 5, mode: 'shuffle' } as const;
    const t = trainingGraph(topologyOf(network, seeds), source, 'cross-entropy');
    addOptimizer(
      t,
      { kind: 'sgd', learningRate: 1, momentum: 0, weightDecay: 0, clipNorm: 1 },
      seeds,
    );
    return makePlan('train', t.graph, 1);
  };

  it('hands Nesterov momentum to the optimizer where the experiment asks for it', () => {
    const sgd = { kind: 'sgd', learningRate: 1, momentum: 0.9, weightDecay: 0 } as const;
    const nesterov = (spec: OptimizerSpec) => {
      const source = { size: 12, batch: 5, mode: 'shuffle' } as const;
      const t = trainingGraph(topologyOf(randomNetwork(1, 'mlp'), []), source, 'cross-entropy');
      addOptimizer(t, spec, []);
      return t.graph.nodes.find((n) => n.op === 'sgd_update')!.attrs['nesterov'];
    };
    expect([nesterov(sgd), nesterov({ ...sgd, nesterov: true })]).toEqual([false, true]);
  });

  it('lists the bare host first: seeds in TRAINING come behind it in every way', () => {
    for (let n = 0; n < 30; n++) {
      const network = randomNetwork(n, n % 2 ? 'mlp' : 'cnn');
      const bare = planOf(network, []);
      const grown = planOf(network, randomSeeds(n, network, 'TRAINING'));
      const parameters = grown.parameters.slice(0, bare.parameters.length);
      expect(parameters).toEqual(bare.parameters);
      // All of the host's dispatches but the optimizer's, of which there is one.
      const norms = ['gradient_norm_partial', 'gradient_norm', 'sgd_update'];
      const ops = (p: typeof bare) => p.dispatches.map((d) => d.op);
      expect(ops(grown).slice(-3)).toEqual(norms);
      // An activation or a loss is not fused where a seed looks at what is before it.
      const own = (p: typeof bare) =>
        ops(p)
          .slice(0, -3)
          .filter((op) => op !== 'activation')
          .flatMap((op) =>
            op === 'linear_cross_entropy' ? ['linear', 'softmax_cross_entropy'] : [op],
          );
      expect(own(grown).slice(0, own(bare).length)).toEqual(own(bare));
      expect(ops(grown).length).toBeGreaterThan(ops(bare).length);
    }
  });
});

describe('layerInputs()', () => {
  it('names what each layer reads, and its seeds', () => {
    const { layers, input } = networkOf('cnn');
    expect([...layerInputs(layers, input, 'span')]).toEqual([
      ['conv1', { host: [4, 5, 2], seeds: [4, 5, 2], positions: null }],
      ['conv2', { host: [2, 2, 3], seeds: [2, 2, 3], positions: null }],
      ['fc1', { host: [1, 1, 4], seeds: [1, 1, 4], positions: null }],
    ]);
    const mlp = networkOf('mlp');
    expect([...layerInputs(mlp.layers, mlp.input, 'span')]).toEqual([
      ['fc1', { host: [3], seeds: [3], positions: null }],
      ['fc2', { host: [3], seeds: [3], positions: null }],
      ['fc3', { host: [5], seeds: [3], positions: null }],
    ]);
  });

  it('counts the positions of a sequence, where there are any left', () => {
    const layers = hostLayers(GPT.host, GPT.input, GPT.classes);
    const inputs = layerInputs(layers, GPT.input, 'layer');
    const positions = { length: 6, causal: true };
    expect(inputs.get('transformer.h.0.mlp.c_proj')).toEqual({
      host: [32],
      seeds: [32],
      positions,
    });
    expect(inputs.get('lm_head')).toEqual({ host: [8], seeds: [8], positions: null });
  });
});
