/**
 * Whole runs in the numeric class f16-multiply on the adapter that Deno finds. Skipped, with a message,
 * where the adapter has no `shader-f16`; that such an adapter refuses is tested on any.
 */
import assert from 'node:assert/strict';
import { Experiment } from '../../shared/contracts/experiment.ts';
import { loadDataset } from '../../shared/data/dataset.ts';
import { PRESETS } from '../../shared/data/presets.ts';
import { openDevice } from '../../shared/engine/gpu/device.ts';
import { GpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { F16_FEATURE } from '../../shared/engine/plan/numerics.ts';
import { memoryRunStorage, NamedFiles } from '../../shared/platform/memory.ts';
import {
  follow,
  germinate,
  openTiny,
  runTiny,
  type Script,
  type TinyInput,
  tinyDataset,
  tinyExperiment,
  wholeLife,
} from '../../shared/tolaria/_test-run.ts';
import { scheduleOf } from '../../shared/tolaria/run-schedule.ts';

const { device, adapter, quads } = await openDevice(navigator.gpu);
const backend = new GpuBackend(device, adapter, { quads });
const ignore = !device.features.has(F16_FEATURE);
if (ignore) console.log(`Skipped: ${adapter.name} does not offer the feature "${F16_FEATURE}"`);
const shared = { sanitizeOps: false, sanitizeResources: false } as const;
const options = { ...shared, ignore } as const;

const LIFE: Script = { ...wholeLife('fc1', 'widen-3'), 20: [germinate('fc2', 'low-rank-2')] };
const half = (more: TinyInput = {}) => tinyExperiment({ numerics: 'f16-multiply', ...more });

Deno.test('f16/runs: twice, resumed, by its log, and not as f32', options, async () => {
  const plain = await runTiny({ backend }, LIFE);
  const one = await runTiny({ backend, experiment: half() }, LIFE);
  const two = await runTiny({ backend, experiment: half() }, LIFE);
  assert.equal(two.digest, one.digest);
  assert.notEqual(one.digest, plain.digest);

  const storage = memoryRunStorage();
  const first = await openTiny({ backend, experiment: half(), storage });
  await follow(first.trainer, LIFE, 27);
  await first.trainer.save();
  const later = await openTiny({ backend, experiment: half(), storage, resume: true });
  await follow(later.trainer, LIFE);
  assert.equal(await later.trainer.digest(), one.digest);

  const schedule = scheduleOf(one.events);
  const replayed = await openTiny({ backend, experiment: half(), schedule });
  await follow(replayed.trainer);
  assert.equal(await replayed.trainer.digest(), one.digest);
});

Deno.test('f16/runs: values beyond the range reach the governor', options, async () => {
  const dataset = tinyDataset([2]);
  dataset.train.x[0] = 70_000;
  const host: TinyInput['host'] = { kind: 'mlp', hidden: [4], activation: 'relu' };
  const { events, trainer } = await runTiny({
    ...{ backend, dataset, experiment: half({ host, steps: 30 }) },
  });
  assert.ok(events.some((e) => e.type === 'governor'));
  for (const [name, { data }] of await trainer.runtime.exportTensors()) {
    assert.ok(data.every(Number.isFinite), name);
  }
});

/** Test accuracy of a small network after 300 steps on two half circles. */
async function moons(numerics: 'f32' | 'f16-multiply'): Promise<number> {
  const experiment = Experiment.parse({
    ...PRESETS['moons'],
    ...{ numerics, steps: 300, growth: { enabled: false }, policy: { kind: 'none' } },
    host: { kind: 'mlp', hidden: [16, 16], activation: 'tanh' },
  });
  const dataset = await loadDataset(experiment.data, experiment.seed, new NamedFiles([]));
  const { trainer } = await runTiny({ backend, experiment, dataset });
  const { accuracy } = await trainer.evaluate('test');
  trainer.dispose();
  return accuracy[0]!;
}

Deno.test('f16/runs: an MLP learns about as well as in f32', options, async () => {
  const [plain, rounded] = [await moons('f32'), await moons('f16-multiply')];
  assert.ok(plain > 0.95, `f32 reaches ${plain}`);
  assert.ok(Math.abs(rounded - plain) <= 0.02, `f32 reaches ${plain}, f16-multiply ${rounded}`);
});

Deno.test('f16/runs: refused at the start by a device without the feature', shared, async () => {
  const bare = await openDevice(navigator.gpu, { limits: 'default' });
  const storage = memoryRunStorage();
  const small = new GpuBackend(bare.device, bare.adapter);
  await assert.rejects(openTiny({ backend: small, experiment: half(), storage }), {
    name: 'MissingFeatureError',
    message:
      /^Cannot compute in numerics "f16-multiply": adapter ".*" does not offer the WebGPU feature "shader-f16"; use numerics "f32"/,
  });
  // Nothing was written over what the folder may hold.
  assert.deepEqual(await storage.events.readAll(), []);
  small.dispose();
});
