/** Timing the kernels of a run on a real adapter: what it says, and that the run keeps its bits. */
import assert from 'node:assert/strict';
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { ZOO } from '../../shared/models/_test-zoo.ts';
import { optionsFor } from '../../shared/tolaria/_test-models.ts';
import {
  follow,
  openTiny,
  tensorBits,
  tinyExperiment,
  wholeLife,
} from '../../shared/tolaria/_test-run.ts';

const backend = await createGpuBackend(navigator.gpu);
/** The device outlives each of the tests. */
const options = { sanitizeOps: false, sanitizeResources: false } as const;
const hasClock = backend.adapter.features.includes('timestamp-query');

Deno.test('kernel times: a run that is measured on the way keeps its bits', options, async () => {
  const script = wholeLife('fc1', 'widen-3');
  const experiment = tinyExperiment({ replicas: 2 });
  const plain = await openTiny({ backend, experiment });
  await follow(plain.trainer, script);
  const measured = await openTiny({ backend, experiment });
  for (const until of [0, 3, 12, 20, 33, experiment.steps]) {
    await follow(measured.trainer, script, until);
    const before = await tensorBits(measured.trainer);
    const { dispatchesPerStep } = measured.trainer.runtime.report!;
    const times = await measured.trainer.kernelTimes();
    assert.deepEqual(await tensorBits(measured.trainer), before);
    assert.equal(times.step, until);
    assert.equal(
      times.kernels.reduce((sum, k) => sum + k.dispatches, 0),
      dispatchesPerStep,
    );
    for (const k of times.kernels) assert.equal(k.milliseconds !== null, hasClock, k.kernel);
    assert.equal(times.timedSteps > 0, hasClock);
    assert.equal(times.unmeasured === null, hasClock);
  }
  assert.equal(await measured.trainer.digest(), await plain.trainer.digest());
  const told = (events: typeof plain.events) => events.map(({ type, step }) => [type, step]);
  assert.deepEqual(told(measured.events), told(plain.events));
  plain.trainer.dispose();
  measured.trainer.dispose();
});

Deno.test('kernel times: running statistics are put back', options, async () => {
  const of = ZOO.find((m) => m.name === 'resnet8')!;
  const { trainer } = await openTiny({ ...optionsFor(of, { steps: 4 }), backend });
  await trainer.train(2);
  const before = await tensorBits(trainer);
  await trainer.kernelTimes();
  assert.deepEqual(await tensorBits(trainer), before);
  trainer.dispose();
});

Deno.test(
  'kernel times: without a clock the kernels are named and nothing runs',
  options,
  async () => {
    const { trainer } = await openTiny({ backend });
    const { features } = backend.adapter;
    backend.adapter.features = features.filter((f) => f !== 'timestamp-query');
    try {
      const times = await trainer.kernelTimes();
      assert.deepEqual([times.timedSteps, times.milliseconds], [0, null]);
      assert.match(times.unmeasured!, /timestamp-query/);
      assert.ok(times.kernels.length > 3 && times.kernels.every((k) => k.milliseconds === null));
    } finally {
      backend.adapter.features = features;
      trainer.dispose();
    }
  },
);
