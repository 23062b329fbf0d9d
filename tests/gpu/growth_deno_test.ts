/**
 * Exactness of growth on a real adapter: the promises of docs/numerics.md, "Exactness of growth",
 * with the engine's own kernels. The same networks and runs are held to them on the reference by
 * the unit tests in shared/kasmina and shared/tolaria.
 */
import assert from 'node:assert/strict';
import { LIBRARY_NAMES } from '../../shared/blueprints/library.ts';
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { committed, FOLDABLE, foldAll, stepOf } from '../../shared/kasmina/_test-fold.ts';
import {
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
} from '../../shared/kasmina/_test-topology.ts';
import { FOLD_BOUND } from '../../shared/kasmina/fold.ts';
import { memoryRunStorage } from '../../shared/platform/memory.ts';
import {
  advance,
  cull,
  follow,
  germinate,
  openTiny,
  runTiny,
  type Script,
  setLearningRate,
  stages,
  tensorBits,
  tickingClock,
  tinyDataset,
  tinyExperiment,
  wholeLife,
} from '../../shared/tolaria/_test-run.ts';

const backend = await createGpuBackend(navigator.gpu);
/** The device outlives each of the tests. */
const options = { sanitizeOps: false, sanitizeResources: false } as const;
const test = (name: string, run: () => Promise<void>) => Deno.test(`growth/${name}`, options, run);

/** A network with the smallest of everything that still has every kind of layer. */
function networkOf(kind: 'mlp' | 'cnn', replicas = 1): Network {
  const host: Network['host'] =
    kind === 'mlp'
      ? { kind, hidden: [3, 5], activation: 'tanh' }
      : { kind, channels: [3], hidden: [], activation: 'gelu', pool: 'avg' };
  const input = kind === 'mlp' ? [3] : [4, 5, 2];
  return { host, input, classes: 3, layers: layersOf(host, input, 3), replicas };
}

for (const incubation of ['shadow', 'straight-through'] as const) {
  test(`seeds in TRAINING leave the host's bits, ${incubation}`, async () => {
    for (const kind of ['mlp', 'cnn'] as const) {
      const network = randomNetwork(1, kind);
      const topology = topologyOf(network, randomSeeds(1, network, 'TRAINING'), { incubation });
      for (const optimizer of [SGD, { ...SGD, clipNorm: 0.05 }]) {
        assert.deepEqual(await hostDifferences(backend, network, topology, optimizer), []);
      }
    }
  });
}

for (const mode of MODES) {
  test(`seeds in BLENDING at alpha 0 leave the host's bits, even full of NaN, ${mode}`, async () => {
    for (const [kind, layer, blueprint] of [
      ['mlp', 'fc2', 'widen-3'],
      ['cnn', 'conv1', 'conv3x3-2'],
    ] as const) {
      const network = networkOf(kind, 2);
      const seed = seedOn(layer, blueprint, 'BLENDING', mode, 0);
      const topology = topologyOf(network, [seed]);
      const sound = await hostDifferences(backend, network, topology, { kind: 'adam' });
      assert.deepEqual(sound, []);
      const broken = await hostDifferences(backend, network, topology, { kind: 'adam' }, (r) => {
        for (const name of seedParameters(r)) fill(r, name, Number.NaN);
      });
      assert.deepEqual(broken, []);
    }
  });
}

test('every weight of every blueprint has a gradient within two steps', async () => {
  for (const [i, name] of [...LIBRARY_NAMES, 'widen-5-gelu', 'widen-5-sigmoid'].entries()) {
    const isConv = name.startsWith('conv');
    const network = networkOf(isConv || i % 4 === 3 ? 'cnn' : 'mlp');
    const layer = isConv ? 'conv1' : 'fc1';
    const seed = seedOn(layer, name, 'TRAINING', MODES[i % 4]!, 0);
    const incubation = i % 3 ? 'shadow' : 'straight-through';
    const runtime = await openNetwork(
      backend,
      network,
      topologyOf(network, [seed], { incubation }),
      SGD,
    );
    const left = new Set<string>();
    for (let step = 0; step < 2; step++) {
      runSteps(runtime, step, 1, 0);
      const gradients = await slices(runtime, 'gradients');
      for (const p of seedParameters(runtime)) {
        gradients.get(p)!.forEach((g, at) => {
          if (step === 0 && g === 0) left.add(`${p}[${at}]`);
          else if (g !== 0) left.delete(`${p}[${at}]`);
        });
      }
    }
    assert.deepEqual([name, [...left]], [name, []]);
    runtime.dispose();
  }
});

/** Seeds of two layers in every stage. */
const LIFE: Script = {
  ...wholeLife('fc1', 'widen-3'),
  20: [germinate('fc2', 'low-rank-2', 'gate')],
  31: [advance('fc2')],
};

test('the same run twice, cut into other chunks, or interrupted gives the same digest', async () => {
  const whole = await runTiny({ backend }, LIFE);
  assert.deepEqual(stages(whole.trainer), ['fc1:FOSSILIZED', 'fc2:HOLDING']);
  const again = await runTiny({ backend, clock: tickingClock(1000) }, LIFE);
  assert.equal(again.digest, whole.digest);
  const seen: string[] = [];
  for (const step of [8, 13, 22, 33]) {
    const storage = memoryRunStorage();
    const first = await openTiny({ backend, storage });
    await follow(first.trainer, LIFE, step);
    seen.push(...stages(first.trainer));
    await first.trainer.save();
    const second = await openTiny({ backend, storage, resume: true });
    await follow(second.trainer, LIFE);
    assert.equal(await second.trainer.digest(), whole.digest);
    first.trainer.dispose();
    second.trainer.dispose();
  }
  assert.deepEqual(seen, [
    ...[
      'fc1:LOADING',
      'fc1:TRAINING',
      'fc1:BLENDING',
      'fc2:LOADING',
      'fc1:HOLDING',
      'fc2:BLENDING',
    ],
  ]);
});

test('a seed culled in TRAINING leaves no trace', async () => {
  const dataset = tinyDataset([6, 6, 1], 3, 12);
  for (const optimizer of [{ kind: 'adam' }, { kind: 'sgd', clipNorm: 0.1 }] as const) {
    const experiment = tinyExperiment({
      ...{ optimizer, steps: 25, batchSize: 3 },
      host: { kind: 'cnn', channels: [2], hidden: [3], activation: 'relu', dropout: 0.2 },
    });
    const bare = await runTiny({ backend, experiment, dataset });
    const visited = await runTiny(
      { backend, experiment, dataset },
      {
        1: [germinate('conv1', 'conv3x3-2', 'replace'), germinate('fc1', 'widen-2', 'gate')],
        18: [cull('conv1'), cull('fc1')],
      },
    );
    assert.equal(visited.events.filter((e) => e.type === 'transition').length, 8);
    assert.equal(visited.digest, bare.digest);
  }
});

test('a NaN takes the run back to the bits of the last look, without the seed', async () => {
  const bare = await runTiny({ backend });
  const { trainer, events } = await openTiny({ backend });
  await follow(trainer, { 1: [germinate('fc1', 'widen-3')] }, 12);
  const p = trainer.runtime.arena.parameters.find((q) => q.name.includes('out.weight'))!;
  backend.writeFloats(
    trainer.runtime.arena.buffers.parameters,
    new Float32Array([Number.NaN]),
    p.offset,
  );
  await follow(trainer);
  assert.deepEqual(
    events.filter((e) => e.type === 'governor').map((e) => [e.cause, e.restoredStep]),
    [['non-finite gradient or update at step 12', 10]],
  );
  assert.equal(await trainer.digest(), bare.digest);
});

test('a learning rate beyond float32 is given up on, with the host as it was', async () => {
  const { trainer } = await openTiny({ backend });
  await follow(trainer, {}, 12);
  const good = await tensorBits(trainer);
  trainer.command(setLearningRate(1e60));
  await assert.rejects(
    trainer.train(50),
    /^DivergedError: Cannot go on: non-finite .* 6 rollbacks/,
  );
  assert.deepEqual(await tensorBits(trainer), good);
});

test('folding keeps the outputs within its bound', async () => {
  const seeds = {
    mlp: [
      committed('fc1', FOLDABLE.lowRank, 'add', 0),
      committed('fc2', FOLDABLE.widen('tanh'), 'add', 1),
    ],
    cnn: [
      committed('conv1', FOLDABLE.factored(5), 'add', 0),
      committed('conv1', FOLDABLE.kernel(1), 'add', 1),
    ],
  };
  for (const kind of ['mlp', 'cnn'] as const) {
    const network = networkOf(kind, 2);
    for (const draw of [1, 2, 3]) {
      const { deviation, runtime, topology } = await foldAll(
        ...([backend, network, seeds[kind], 'span', draw] as const),
      );
      assert.ok(deviation <= FOLD_BOUND, `${kind} ${draw}: ${deviation}`);
      const bare = { ...topologyOf(network, [], { reach: 'span' }), layers: topology.layers };
      assert.deepEqual(stepOf(network, topology), stepOf(network, bare));
      runtime.dispose();
    }
  }
});
