/**
 * Adapters with only WebGPU's guaranteed limits, sizes beyond a limit, and the loss of a device: runs
 * that work there, one clear message, or the same run from the last checkpoint.
 */
import assert from 'node:assert/strict';
import { DeviceLostError } from '../../shared/base/errors.ts';
import type { EngineMessage } from '../../shared/contracts/engine-protocol.ts';
import { openDevice } from '../../shared/engine/gpu/device.ts';
import { createGpuBackend, GpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { Graph } from '../../shared/engine/plan/graph.ts';
import { makePlan } from '../../shared/engine/plan/plan.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import { memoryRunStorage, NamedFiles } from '../../shared/platform/memory.ts';
import {
  advance,
  follow,
  germinate,
  openTiny,
  provideAll,
  runTiny,
  type Script,
  tinyDataset,
  tinyExperiment,
} from '../../shared/tolaria/_test-run.ts';
import { WorkbenchSession } from '../../shared/workbench/session.ts';
import { CASES } from './cases.ts';
import { runCase } from './run-case.ts';

const options = { sanitizeOps: false, sanitizeResources: false } as const;
const test = (name: string, run: () => Promise<void>) => Deno.test(`limits/${name}`, options, run);

async function smallest(): Promise<GpuBackend> {
  const { adapter, device, quads } = await openDevice(navigator.gpu, { limits: 'default' });
  assert.equal(device.limits.maxStorageBuffersPerShaderStage, 8);
  assert.equal(device.limits.maxComputeInvocationsPerWorkgroup, 256);
  return new GpuBackend(device, adapter, { quads });
}

const GROWING: Script = { 6: [germinate('fc1', 'widen-3')], 16: [advance('fc1')] };

test('default limits train to the bits of raised ones', async () => {
  const [low, high] = [await smallest(), await createGpuBackend(navigator.gpu)];
  try {
    const runs = [
      tinyExperiment({ optimizer: { kind: 'adamw', weightDecay: 0.1, clipNorm: 0.05 } }),
      tinyExperiment({
        ...{ steps: 30, replicas: 2, loss: { crossEntropy: 0.5, mse: 0.5 } },
        ...{ microBatches: 3, labelSmoothing: 0.1 },
        optimizer: { kind: 'adamw', weightDecay: 0.1, weightDecayRule: 'weights' },
        host: { kind: 'cnn', channels: [5], activation: 'gelu', hidden: [4] },
      }),
    ];
    for (const experiment of runs) {
      const dataset = tinyDataset(experiment.host.kind === 'cnn' ? [6, 7, 2] : [2]);
      const [a, b] = await Promise.all(
        [low, high].map((backend) => runTiny({ experiment, dataset, backend }, GROWING)),
      );
      assert.equal(a!.digest, b!.digest);
      assert.ok(!a!.events.some((e) => e.type === 'governor'));
    }
  } finally {
    low.dispose();
    high.dispose();
  }
});

test('the kernels with the most bindings run within them', async () => {
  const backend = await smallest();
  try {
    const wanted = ['update/', 'gradient_norm/', 'blend/gate', 'mix_losses', 'concat-slice'];
    for (const name of wanted) {
      const c = CASES.find((one) => one.name.startsWith(name));
      assert.ok(c, name);
      const verdict = await runCase(backend, c);
      assert.deepEqual(verdict.failures, [], c.name);
    }
  } finally {
    backend.dispose();
  }
});

test('a tensor larger than a binding is refused by its name, and the device goes on', async () => {
  const backend = await smallest();
  try {
    const graph = new Graph();
    const x = graph.create('x', [4, 4], { role: 'external' });
    const wide = graph.one('pad_axis', [x], { axis: 1, start: 0, length: 1 << 23 }, 'wide');
    const y = graph.one('slice', [wide], { axis: 1, start: 0, length: 4 }, 'y');
    const plan = makePlan('too-large', graph, 2, { y });
    const buffers = { x: backend.createBuffer('x', 32) };
    await assert.rejects(
      backend.prepare(plan, { buffers, scheduleBase: 12, scheduleColumns: 4 }),
      /Cannot allocate "wide" in "slot\d": 268435456 bytes .*maxStorageBufferBindingSize is 134217728\).*micro-batches/,
    );
    const { trainer } = await openTiny({ backend });
    await trainer.train(5);
    assert.equal(trainer.step, 5);
    trainer.dispose();
  } finally {
    backend.dispose();
  }
});

test('rows that one binding cannot hold lie in several, to the same bits', async () => {
  const whole = await createGpuBackend(navigator.gpu);
  const { adapter, device } = await openDevice(navigator.gpu);
  const split = new GpuBackend(device, adapter);
  // Seven rows of the 26 in a buffer.
  Object.defineProperty(split, 'maxBindingBytes', { value: 7 * 4 * 4 });
  try {
    const experiment = tinyExperiment({ replicas: 2 });
    const [a, b] = await Promise.all(
      [whole, split].map((backend) => runTiny({ backend, experiment }, GROWING)),
    );
    const { buffers } = b!.trainer.runtime.dataOf('train');
    assert.deepEqual(Object.keys(buffers), [
      ...['dataset_x', 'dataset_x.1', 'dataset_x.2', 'dataset_x.3', 'dataset_y'],
    ]);
    assert.equal(b!.digest, a!.digest);
    assert.deepEqual(await b!.trainer.evaluate('test'), await a!.trainer.evaluate('test'));
    assert.deepEqual(
      b!.events.filter((e) => e.type === 'health'),
      a!.events.filter((e) => e.type === 'health'),
    );
  } finally {
    whole.dispose();
    split.dispose();
  }
});

test('a device that ran out of memory gives a message, not a number', async () => {
  const backend = await createGpuBackend(navigator.gpu);
  const buffer = backend.createBuffer('numbers', 16);
  const error = new GPUOutOfMemoryError('');
  backend.device.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error }));
  await assert.rejects(
    backend.readFloats(buffer),
    /Cannot trust the GPU's results: Cannot allocate .* out of memory; use a smaller batch/,
  );
  backend.dispose();
});

test('a read that is invalid is not taken for the loss of the device', async () => {
  const backend = await createGpuBackend(navigator.gpu);
  const buffer = backend.createBuffer('numbers', 16);
  // More than any buffer may hold.
  await assert.rejects(backend.readFloats(buffer, 0, 2 ** 30), (error: Error) => {
    assert.ok(!(error instanceof DeviceLostError), error.message);
    assert.match(error.message, /^Cannot trust the GPU's results: /);
    return true;
  });
  backend.dispose();
});

test('a run whose device is lost goes on from its checkpoint to the same digest', async () => {
  const experiment = tinyExperiment({ steps: 40, checkpointEverySteps: 8 });
  const calm = await createGpuBackend(navigator.gpu);
  const { digest } = await runTiny({ backend: calm, experiment }, GROWING);
  calm.dispose();

  const storage = memoryRunStorage();
  const first = await createGpuBackend(navigator.gpu);
  const { trainer } = await openTiny({ backend: first, experiment, storage });
  await follow(trainer, GROWING, 21);
  first.device.destroy();
  await first.lost;
  await assert.rejects(trainer.train(30), (error: Error) => {
    assert.ok(error instanceof DeviceLostError);
    assert.match(error.message, /Cannot use the GPU: the device was lost/);
    return true;
  });

  const second = await createGpuBackend(navigator.gpu);
  const again = await openTiny({ backend: second, experiment, storage, resume: true });
  assert.equal(again.trainer.step, 16);
  await follow(again.trainer, GROWING);
  assert.equal(await again.trainer.digest(), digest);
  second.dispose();
});

/** A session on real devices that the test can destroy. */
function gpuSession() {
  const stored = memoryRunStorage();
  const messages: EngineMessage[] = [];
  const devices: GpuBackend[] = [];
  const session = new WorkbenchSession(
    {
      clock: systemClock,
      openBackend: async () => {
        devices.push(await createGpuBackend(navigator.gpu));
        return { backend: devices.at(-1)! };
      },
      openWorkbench: async (backend) => ({
        ...{ backend, artifacts: provideAll, services: null, clock: systemClock },
        ...{ files: new NamedFiles([]), shaderDigest: 'none' },
      }),
      storageOf: () => stored,
      listRuns: async () => [],
      removeRun: async () => true,
      cacheStats: () => ({ entries: 0, bytes: 0, hits: 0, misses: 0, evictions: 0 }),
    },
    (message) => messages.push(message),
  );
  const until = async (reached: (m: EngineMessage) => boolean) => {
    const end = Date.now() + 20_000;
    while (!messages.some(reached)) {
      if (Date.now() > end) throw new Error(JSON.stringify(messages.slice(-4)));
      await systemClock.sleep(2);
    }
  };
  const finished = () => {
    for (const m of messages) {
      if (m.kind !== 'events') continue;
      const last = m.events.find((e) => e.type === 'run.finished');
      if (last?.type === 'run.finished') return last;
    }
    return null;
  };
  return { devices, finished, messages, session, until };
}

test('a session whose device is destroyed while it trains ends as the undisturbed one', async () => {
  const experiment = {
    ...tinyExperiment({ steps: 120, checkpointEverySteps: 10 }),
    data: { ...tinyExperiment().data, samples: 60 },
  } as ReturnType<typeof tinyExperiment>;
  const digestOf = async (disturb: boolean) => {
    const s = gpuSession();
    await s.session.open();
    await s.session.handle({ kind: 'speed', stepsPerSecond: disturb ? 200 : null });
    await s.session.handle({ kind: 'start', experiment, paused: false });
    if (disturb) {
      await s.until((m) => m.kind === 'snapshot' && m.snapshot.step >= 30);
      s.devices[0]!.device.destroy();
      await s.until((m) => m.kind === 'notice' && m.code === 'device-restored');
      await s.session.handle({ kind: 'speed', stepsPerSecond: null });
    }
    await s.until((m) => m.kind === 'snapshot' && m.snapshot.status === 'finished');
    assert.equal(s.devices.length, disturb ? 2 : 1);
    for (const d of s.devices) d.dispose();
    return s.finished()!.digest;
  };
  const calm = await digestOf(false);
  assert.equal(await digestOf(true), calm);
});
