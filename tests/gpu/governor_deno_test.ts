/**
 * The governor on a real adapter: injected faults, exact rollback, and a run that goes on. The rules
 * are tested on the reference in shared/tolaria/governor.test.ts.
 */
import assert from 'node:assert/strict';
import type { RunEvent } from '../../shared/contracts/events.ts';
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { graftsOf, poison } from '../../shared/tolaria/_test-pending.ts';
import {
  follow,
  germinate,
  openTiny,
  runTiny,
  setLearningRate,
  stages,
  tensorBits,
  tinyExperiment,
} from '../../shared/tolaria/_test-run.ts';
import { scheduleOf } from '../../shared/tolaria/run-schedule.ts';
import type { Trainer } from '../../shared/tolaria/trainer.ts';

const backend = await createGpuBackend(navigator.gpu);
/** The device outlives each of the tests. */
const options = { sanitizeOps: false, sanitizeResources: false } as const;
const test = (name: string, run: () => Promise<void>) =>
  Deno.test(`governor/${name}`, options, run);

const rollbacks = (events: readonly RunEvent[]) =>
  events.flatMap((e) => (e.type === 'governor' ? [e] : []));

async function assertFinite(trainer: Trainer): Promise<void> {
  for (const [name, { data }] of await trainer.runtime.exportTensors()) {
    assert.ok(data.every(Number.isFinite), name);
  }
}

test('a poisoned batch is left out, the seed stays, and a replay has the same bits', async () => {
  const experiment = tinyExperiment({ steps: 30 });
  const { trainer, events } = await openTiny({ backend, experiment });
  await follow(trainer, { 1: [germinate('fc1', 'widen-3')] }, 12);
  const { x } = trainer.runtime.dataOf('train');
  backend.writeFloats(x, new Float32Array([Number.NaN]), 0);
  await follow(trainer);
  assert.equal(trainer.step, 30);
  await assertFinite(trainer);
  const kinds = rollbacks(events).map((e) => e.remedy?.kind);
  assert.ok(kinds.length > 0);
  assert.deepEqual(new Set(kinds), new Set(['skip-step']));
  assert.deepEqual(stages(trainer), ['fc1:TRAINING']);
  // Without the fault, and with what was done about it.
  const again = await openTiny({ backend, experiment, schedule: scheduleOf(events) });
  await again.trainer.train(30);
  assert.equal(await again.trainer.digest(), await trainer.digest());
  trainer.dispose();
  again.trainer.dispose();
});

test('a diverging learning rate goes back to the last good look, bit for bit', async () => {
  const experiment = tinyExperiment({
    ...{ steps: 200, batchSize: 8 },
    optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0 },
    host: { kind: 'mlp', hidden: [6], activation: 'tanh' },
  });
  const { trainer, events } = await openTiny({ backend, experiment });
  await follow(trainer, {}, 50);
  const good = await tensorBits(trainer);
  trainer.command(setLearningRate(40));
  await trainer.train(200, () => rollbacks(events).length > 0);
  const [back] = rollbacks(events);
  assert.match(back!.cause, /^divergence/);
  assert.deepEqual([trainer.step, back!.restoredStep], [50, 50]);
  assert.deepEqual(await tensorBits(trainer), good);
  trainer.command(setLearningRate(0.1));
  await follow(trainer);
  assert.equal(trainer.step, 200);
  await assertFinite(trainer);
  trainer.dispose();
});

test('a rollback while a seed is on its way leaves the bits of a run without it, and it joins', async () => {
  // Looks every 5 steps; the seed of step 7 is grafted at 20.
  const experiment = tinyExperiment({ growth: { forgeLead: 2 } });
  const script = { 7: [germinate('fc1', 'widen-3')] };
  const runs = [];
  for (const own of [{}, script]) {
    const run = await openTiny({ backend, experiment });
    await follow(run.trainer, own, 13);
    poison(run.trainer, 'fc2.weight');
    await follow(run.trainer, own);
    await assertFinite(run.trainer);
    const [back] = rollbacks(run.events);
    assert.deepEqual([back!.restoredStep, back!.remedy], [10, { kind: 'slow-down', factor: 0.5 }]);
    runs.push(run);
  }
  const [bare, grown] = runs;
  assert.deepEqual(graftsOf(grown!.events), [{ seedId: 's1', step: 20 }]);
  const [want, got] = [await tensorBits(bare!.trainer), await tensorBits(grown!.trainer)];
  for (const [name, bits] of want) assert.equal(got.get(name), bits, name);
  assert.equal(got.size > want.size, true);
  const again = await openTiny({ backend, experiment, schedule: scheduleOf(grown!.events) });
  await follow(again.trainer);
  assert.equal(await again.trainer.digest(), await grown!.trainer.digest());
  for (const { trainer } of [...runs, again]) trainer.dispose();
});

test('an ordinary run is left alone', async () => {
  const { events, trainer } = await runTiny({
    backend,
    experiment: tinyExperiment({ steps: 100 }),
  });
  assert.deepEqual(rollbacks(events), []);
  trainer.dispose();
});
