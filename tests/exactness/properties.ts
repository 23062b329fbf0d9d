/**
 * What growth must leave exactly as it was, on random topologies: the promises of docs/numerics.md,
 * "Exactness of growth", as properties of a number. The same list is held to the float64 reference
 * (tests/reference), to a Vulkan adapter (tests/gpu) and to Chromium's (tests/e2e).
 */
import { RandomStream } from '../../shared/base/random.ts';
import type { Experiment } from '../../shared/contracts/experiment.ts';
import type { Backend } from '../../shared/engine/plan/backend.ts';
import { createReferenceBackend } from '../../shared/engine/reference/reference-backend.ts';
import {
  hostDifferences,
  type Network,
  openNetwork,
  randomNetwork,
  randomSeeds,
  runSteps,
  SGD,
  slices,
  topologyOf,
} from '../../shared/kasmina/_test-topology.ts';
import { memoryRunStorage } from '../../shared/platform/memory.ts';
import {
  advance,
  cull,
  follow,
  germinate,
  openTiny,
  provideAll,
  runTiny,
  type Script,
  tickingClock,
  tinyDataset,
  tinyExperiment,
} from '../../shared/tolaria/_test-run.ts';
import { replayRun } from '../../shared/workbench/replay-run.ts';

export interface ExactnessProperty {
  name: string;
  /** @returns What is not as it must be; empty: the property holds for this draw. */
  failures(backend: Backend, draw: number): Promise<string[]>;
}

const kindOf = (draw: number) =>
  draw % 5 === 3 ? 'grouped' : draw % 2 === 0 ? 'mlp' : ('cnn' as const);
/** One network of dense layers, one of convolutions, and one of these with groups and dilation. */
export const DRAWS: readonly number[] = [12, 7, 23];
const OPTIMIZERS = [SGD, { kind: 'adam', learningRate: 0.05 }, { ...SGD, clipNorm: 0.05 }] as const;

/** A short run on a random network, with slots enough for its seeds. */
interface RandomRun {
  experiment: Experiment;
  dataset: ReturnType<typeof tinyDataset>;
  /** Germinates every seed, and brings the first into blending. */
  life: Script;
  /** Germinates every seed and takes each out while it still trains alone. */
  passing: Script;
}

function randomRun(draw: number): RandomRun {
  const network = randomNetwork(draw, kindOf(draw));
  const seeds = randomSeeds(draw, network, 'TRAINING', 2);
  const { classes, host, input, replicas } = network;
  const random = new RandomStream(draw, 'run');
  const births = seeds.map((s) => germinate(s.layerId, s.blueprint.name, s.blendMode, s.slot));
  const first = seeds[0]!;
  const at = 1 + random.integer(4);
  return {
    experiment: tinyExperiment({
      ...{ host, replicas, batchSize: 5, steps: 30 },
      optimizer: OPTIMIZERS[draw % OPTIMIZERS.length]!,
      seed: 1 + random.integer(1000),
      growth: { slotsPerLayer: 4, blueprints: [...new Set(seeds.map((s) => s.blueprint.name))] },
    }),
    dataset: tinyDataset(input, classes, 12),
    life: { [at]: births, [at + 12]: [advance(first.layerId, first.slot)] },
    passing: { [at]: births, [at + 14]: seeds.map((s) => cull(s.layerId, s.slot)) },
  };
}

/** Every seed's whole life must have happened, or the run shows nothing. */
function germinated(run: { trainer: { growth: { state: { germinated: number } } } }): string[] {
  return run.trainer.growth.state.germinated > 0 ? [] : ['nothing germinated'];
}

const untouchedHost: ExactnessProperty = {
  name: 'beside seeds in isolation, logits, gradients, weights and moments of the host keep their bits',
  async failures(backend, draw) {
    const network = randomNetwork(draw, kindOf(draw));
    const incubation = draw % 3 === 0 ? 'straight-through' : 'shadow';
    const topology = topologyOf(network, randomSeeds(draw, network, 'TRAINING'), { incubation });
    return hostDifferences(backend, network, topology, OPTIMIZERS[draw % OPTIMIZERS.length]!);
  },
};

const blendedAtZero: ExactnessProperty = {
  name: 'with every seed blended at alpha 0 the host keeps its bits',
  async failures(backend, draw) {
    const network = randomNetwork(draw, kindOf(draw));
    const topology = topologyOf(network, randomSeeds(draw, network, 'BLENDING'));
    // Not with clipping: a blended seed counts in the global norm.
    return hostDifferences(backend, network, topology, OPTIMIZERS[draw % 2]!);
  },
};

const germination: ExactnessProperty = {
  name: 'germination at full weight changes no logit, and no slice of the old optimizer state',
  async failures(backend, draw) {
    const network: Network = randomNetwork(draw, kindOf(draw));
    const seeds = randomSeeds(draw, network, 'HOLDING').filter((s) => s.blendMode === 'add');
    const runtime = await openNetwork(backend, network, topologyOf(network, []));
    runSteps(runtime, 0, 3, 0);
    const rows = tinyDataset(network.input, network.classes, 12).test.x;
    const buffers = ['parameters', 'moment1', 'moment2'] as const;
    const look = async (columns: number) => ({
      logits: (await runtime.predict(rows, new Array<number>(columns).fill(1))).logits.slice(),
      state: await Promise.all(buffers.map((b) => slices(runtime, b))),
    });
    const before = await look(1);
    const groups = [0, ...seeds].map((_, i) => ({ bornStep: i === 0 ? 0 : 3 }));
    await runtime.setTopology(topologyOf(network, seeds), groups);
    const after = await look(1 + Math.max(0, ...seeds.map((s) => s.alphaColumn)));
    const failures: string[] = [];
    // Only a last map of zeros is exact at full weight; -0 + 0 may be 0, which is the same logit.
    if (before.logits.some((v, i) => v !== after.logits[i])) failures.push('logits differ');
    buffers.forEach((buffer, b) => {
      for (const [name, values] of before.state[b]!) {
        const now = after.state[b]!.get(name);
        const isSame =
          now?.length === values.length && values.every((v, i) => Object.is(v, now[i]));
        if (!isSame) failures.push(`${buffer} of ${name} differ`);
      }
    });
    runtime.dispose();
    return failures;
  },
};

const culled: ExactnessProperty = {
  name: 'a run whose seeds were culled has the digest of one that never had them',
  async failures(backend, draw) {
    const { dataset, experiment, passing } = randomRun(draw);
    const bare = await runTiny({ backend, dataset, experiment });
    const visited = await runTiny({ backend, dataset, experiment }, passing);
    const failures = germinated(visited);
    if (visited.digest !== bare.digest) failures.push('digests differ');
    bare.trainer.dispose();
    visited.trainer.dispose();
    return failures;
  },
};

const resumed: ExactnessProperty = {
  name: 'killed and resumed, cut into other chunks, or replayed from its log, a run has one digest',
  async failures(backend, draw) {
    const { dataset, experiment, life } = randomRun(draw);
    const stop = 3 + new RandomStream(draw, 'stop').integer(24);
    const whole = await runTiny({ backend, dataset, experiment }, life);
    const failures = germinated(whole);
    const chunks = { backend, dataset, experiment, clock: tickingClock(1000) };
    const cut = await runTiny(chunks, life);
    if (cut.digest !== whole.digest) failures.push('other chunks, other digest');
    const storage = memoryRunStorage();
    const first = await openTiny({ backend, dataset, experiment, storage });
    await follow(first.trainer, life, stop);
    await first.trainer.save();
    first.trainer.dispose();
    const second = await openTiny({ backend, dataset, experiment, storage, resume: true });
    await follow(second.trainer, life);
    const digest = await second.trainer.digest();
    if (digest !== whole.digest) failures.push(`resumed at step ${stop}, other digest`);
    await second.trainer.finish('done');
    second.trainer.dispose();
    failures.push(...(await replayFailures(backend, dataset, storage)));
    whole.trainer.dispose();
    cut.trainer.dispose();
    return failures;
  },
};

async function replayFailures(
  backend: Backend,
  dataset: RandomRun['dataset'],
  storage: ReturnType<typeof memoryRunStorage>,
): Promise<string[]> {
  const bench = {
    ...{ backend, artifacts: provideAll, services: null, clock: tickingClock() },
    files: { read: () => Promise.reject(new Error('no files here')) },
    shaderDigest: 'none',
  };
  const report = await replayRun(bench, storage, { dataset, tolerance: null });
  if (report.status === 'same' && report.digests > 0) return [];
  return [`replay is ${report.status} after ${report.digests} digests: ${report.difference?.what}`];
}

/**
 * Largest relative difference of a weight after three steps, between an adapter and float64, in units
 * of the largest weight of its tensor. The largest of sixteen draws on llvmpipe is 3.4e-6; the bound
 * leaves room for adapters that contract or reorder differently.
 */
export const PARITY_BOUND = 1e-4;

const parity: ExactnessProperty = {
  name: `three steps stay within ${PARITY_BOUND} of the float64 reference`,
  async failures(backend, draw) {
    const network = randomNetwork(draw, kindOf(draw));
    const topology = topologyOf(network, randomSeeds(draw, network, 'TRAINING'));
    const reference = createReferenceBackend();
    const results = [];
    for (const one of [reference, backend]) {
      const runtime = await openNetwork(one, network, topology, { ...SGD, learningRate: 0.05 });
      runSteps(runtime, 0, 3, 0);
      results.push(await slices(runtime, 'parameters'));
      runtime.dispose();
    }
    const [exact, near] = results;
    const failures: string[] = [];
    for (const [name, values] of exact!) {
      const scale = Math.max(1e-3, ...values.map(Math.abs));
      const worst = Math.max(...values.map((v, i) => Math.abs(v - near!.get(name)![i]!))) / scale;
      if (!(worst <= PARITY_BOUND)) failures.push(`${name} is off by ${worst.toExponential(1)}`);
    }
    return failures;
  },
};

export const EXACTNESS: readonly ExactnessProperty[] = [
  untouchedHost,
  blendedAtZero,
  germination,
  culled,
  resumed,
  parity,
];
