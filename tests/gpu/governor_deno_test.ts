/**
 * The governor on a real adapter: injected faults, exact rollback, and a run that goes on. The rules
 * are tested on the reference in shared/tolaria/governor.test.ts.
 */
import assert from 'node:assert/strict';
import type { RunEvent } from '../../shared/contracts/events.ts';
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
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

test('an ordinary run is left alone', async () => {
  const { events, trainer } = await runTiny({
    backend,
    experiment: tinyExperiment({ steps: 100 }),
  });
  assert.deepEqual(rollbacks(events), []);
  trainer.dispose();
});
