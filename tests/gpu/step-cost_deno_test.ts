/**
 * What a training step costs in calls and dispatches, counted, and what must cost nothing: dormant
 * slots, and the replica axis where there is one replica. And that replicas do not touch each other.
 */
import assert from 'node:assert/strict';
import { countCalls } from '../../bench/gpu-calls.ts';
import type { Experiment } from '../../shared/contracts/experiment.ts';
import { openDevice } from '../../shared/engine/gpu/device.ts';
import { GpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import type { Executable, PlanBindings } from '../../shared/engine/plan/backend.ts';
import type { Plan } from '../../shared/engine/plan/plan.ts';
import { replicaSeed } from '../../shared/nn/initialise.ts';
import {
  follow,
  germinate,
  openTiny,
  runTiny,
  type Script,
  stages,
  type TinyInput,
  tinyDataset,
  tinyExperiment,
  wholeLife,
} from '../../shared/tolaria/_test-run.ts';

interface Encoded {
  pipeline: GPUComputePipeline;
  grid: readonly number[];
}

/** Keeps the encoded dispatches of the training plan it prepared last, in order. */
class WatchedBackend extends GpuBackend {
  training: Encoded[] = [];
  /** Most reads that were on their way at once. */
  mostReads = 0;
  #reads = 0;

  override async readMany(requests: Parameters<GpuBackend['readMany']>[0]) {
    this.mostReads = Math.max(this.mostReads, ++this.#reads);
    try {
      return await super.readMany(requests);
    } finally {
      this.#reads--;
    }
  }

  override async prepare(plan: Plan, bindings: PlanBindings): Promise<Executable> {
    const executable = await super.prepare(plan, bindings);
    if (plan.name === 'train') {
      this.training = (executable as Executable & { list: Encoded[] }).list;
    }
    return executable;
  }
}

const { device, adapter } = await openDevice(navigator.gpu);
const backend = new WatchedBackend(device, adapter);
const options = { sanitizeOps: false, sanitizeResources: false } as const;
const test = (name: string, run: () => Promise<void>) => Deno.test(`step/${name}`, options, run);

async function trainingList(experiment: Experiment, input: readonly number[]): Promise<Encoded[]> {
  const dataset = tinyDataset(input, 3);
  const { trainer } = await openTiny({ experiment, dataset, backend });
  assert.equal(backend.training.length, trainer.runtime.report?.dispatchesPerStep);
  return backend.training;
}

const mlp: TinyInput = { host: { kind: 'mlp', hidden: [6, 5], activation: 'tanh' } };
const cnn: TinyInput = { host: { kind: 'cnn', channels: [2, 3], activation: 'relu' } };

/** Gather, a dispatch a layer, the loss in the last, two gradients a layer but one for the first, optimizer. */
const hosts: [string, TinyInput, number[], number][] = [
  ['a three-layer MLP', mlp, [3], 1 + 3 + 5 + 1],
  ['a small CNN', cnn, [6, 6, 1], 20],
];

for (const [name, host, input, limit] of hosts) {
  test(`${name} is at most ${limit} dispatches, and dormant slots add none`, async () => {
    const bare = await trainingList(tinyExperiment({ ...host, growth: { enabled: false } }), input);
    assert.ok(bare.length <= limit, `${name} takes ${bare.length} dispatches`);
    for (const slotsPerLayer of [1, 4, 16]) {
      const list = await trainingList(
        tinyExperiment({ ...host, growth: { slotsPerLayer } }),
        input,
      );
      // The pipeline cache gives one object for one shader with one set of constants.
      assert.equal(list.length, bare.length);
      list.forEach((d, i) => {
        assert.equal(d.pipeline, bare[i]!.pipeline);
        assert.deepEqual(d.grid, bare[i]!.grid);
      });
    }
  });

  test(`${name} with one replica has the grids of three, but for their depth`, async () => {
    const one = await trainingList(tinyExperiment({ ...host, replicas: 1 }), input);
    const three = await trainingList(tinyExperiment({ ...host, replicas: 3 }), input);
    assert.equal(three.length, one.length);
    one.forEach((d, i) => {
      assert.equal(d.pipeline.label, three[i]!.pipeline.label);
      assert.deepEqual([...d.grid.slice(0, 2), 3 * d.grid[2]!], three[i]!.grid);
    });
  });
}

test('a chunk is one pass and one submit, and makes nothing', async () => {
  const { trainer } = await openTiny({ backend, experiment: tinyExperiment(mlp) });
  const { runtime } = trainer;
  const row = () => ({ alphas: [1], learningRate: 0.01 });
  runtime.run(0, 8, row);
  await runtime.readMetrics(8);
  const steps = 32;
  const during = await countCalls(() => runtime.run(8, steps, row));
  const dispatches = runtime.report!.dispatchesPerStep * steps;
  const encoded = {
    dispatchWorkgroups: dispatches,
    setPipeline: dispatches,
    setBindGroup: dispatches,
  };
  const none = { createBuffer: 0, createBindGroup: 0, createShaderModule: 0 };
  assert.deepEqual(during, {
    ...encoded,
    ...none,
    ...{ createComputePipeline: 0, createComputePipelineAsync: 0, copyBufferToBuffer: 0 },
    ...{ beginComputePass: 1, createCommandEncoder: 1, submit: 1 },
    // The schedule of the whole chunk, before it.
    writeBuffer: 1,
  });
  // Reading the metrics: one more submit, of copies into a buffer that is there already.
  const reading = await countCalls(async () => {
    await runtime.readMetrics(steps);
  });
  assert.deepEqual([reading['submit'], reading['copyBufferToBuffer']], [1, 2]);
  assert.deepEqual([reading['createBuffer'], reading['writeBuffer']], [0, 0]);
});

test('one chunk runs ahead while another is read, through buffers that are there already', async () => {
  const experiment = tinyExperiment({
    ...mlp,
    ...{ steps: 900, intervalSteps: 300, evaluateEverySteps: 900, growth: { enabled: false } },
  });
  const { trainer } = await openTiny({ backend, experiment });
  await trainer.train(300);
  // Between two looks: from step 301 to 599.
  await trainer.train(301);
  backend.mostReads = 0;
  const during = await countCalls(async () => {
    await trainer.train(599);
  });
  assert.equal(backend.mostReads, 2);
  assert.deepEqual([during['createBuffer'], during['createBindGroup']], [0, 0]);
  await trainer.train(900);
  // The same bits as step by step, where nothing can run ahead.
  const single = await openTiny({ backend, experiment });
  for (let step = 1; step <= 900; step += 7) await single.trainer.train(step);
  await single.trainer.train(900);
  assert.equal(await trainer.digest(), await single.trainer.digest());
});

/** A whole life on every layer, with dropout, clipping and a blend by hand. */
const LIFE: Script = {
  ...wholeLife('fc1', 'widen-3', 'gate'),
  8: [germinate('fc2', 'residual-mlp-2', 'multiply')],
};

for (const kind of ['adam', 'sgd'] as const) {
  test(`replica r of three has the bits of a run with its seed alone, ${kind}`, async () => {
    const experimentOf = (seed: number, replicas: number) =>
      tinyExperiment({
        ...{ seed, replicas, steps: 40, optimizer: { kind, clipNorm: 0.5 } },
        host: { kind: 'mlp', hidden: [5], activation: 'gelu', dropout: 0.25 },
      });
    const all = await runTiny({ backend, experiment: experimentOf(5, 3) }, LIFE);
    assert.deepEqual(stages(all.trainer), ['fc1:FOSSILIZED', 'fc2:TRAINING']);
    const tensors = await all.trainer.runtime.exportTensors();
    const metrics = await all.trainer.evaluate('test');
    for (let r = 0; r < 3; r++) {
      const one = await openTiny({ backend, experiment: experimentOf(replicaSeed(5, r), 1) });
      await follow(one.trainer, LIFE);
      const own = await one.trainer.runtime.exportTensors();
      assert.deepEqual([...own.keys()], [...tensors.keys()]);
      for (const [name, { data }] of own) {
        const part = tensors.get(name)!.data.slice(r * data.length, (r + 1) * data.length);
        assert.deepEqual(new Uint32Array(part.buffer), new Uint32Array(data.buffer), name);
      }
      const { loss, accuracy } = await one.trainer.evaluate('test');
      assert.deepEqual([loss[0], accuracy[0]], [metrics.loss[r], metrics.accuracy[r]]);
      one.trainer.dispose();
    }
  });
}
