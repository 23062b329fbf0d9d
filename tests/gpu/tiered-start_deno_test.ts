/** Plans that begin with their smallest kernels: the same bits at every step, the same calls a step. */
import assert from 'node:assert/strict';
import { countCalls } from '../../bench/gpu-calls.ts';
import { dataOf, STANDARD } from '../../bench/standard.ts';
import { openWorkload, type Workload } from '../../bench/workloads.ts';
import { Autotuner } from '../../shared/engine/gpu/autotuner.ts';
import { openDevice } from '../../shared/engine/gpu/device.ts';
import { GpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import type { AutotunerOptions } from '../../shared/engine/gpu/tile-source.ts';
import type { AdapterInfo, TuningRecord } from '../../shared/engine/plan/backend.ts';
import { openTiny, tinyExperiment } from '../../shared/tolaria/_test-run.ts';
import { firstDifference } from './run-case.ts';
import { FixedTile, START_CASES, START_TILE, StartTiles, TILE_CASES } from './tile-cases.ts';

const { device, adapter, quads } = await openDevice(navigator.gpu);
const options = { sanitizeOps: false, sanitizeResources: false } as const;
const test = (name: string, run: () => Promise<void>) =>
  Deno.test(`tiered start/${name}`, options, run);
const software = { ...adapter, kind: 'software' } as const;
const { pipelines } = new GpuBackend(device, software);

for (const c of [...TILE_CASES, ...START_CASES]) {
  test(`${c.name}: the tiles to begin with give the bits of the defaults`, async () => {
    const tuner = new StartTiles();
    const standard = new GpuBackend(device, software, { quads, pipelines });
    const other = new GpuBackend(device, software, { quads, tuner, pipelines });
    const name = await firstDifference(standard, other, c);
    assert.ok(tuner.changed.size > 0, 'no kernel had another tile');
    assert.equal(name, null);
  });
}

for (const c of TILE_CASES.slice(0, 3)) {
  test(`${c.name}: so does the tile of products that are too much for a compact kernel`, async () => {
    const tuner = new FixedTile(START_TILE);
    const standard = new GpuBackend(device, software, { quads, pipelines });
    const other = new GpuBackend(device, software, { quads, tuner, pipelines });
    const name = await firstDifference(standard, other, c);
    assert.ok(tuner.changed.size > 2, 'no kernel had another tile');
    assert.equal(name, null);
  });
}

const about = { adapter: adapter.name, shaderDigest: 'sha256:0', minMs: 1, tiered: true };

/** A workload on a CPU renderer's tiles, with a tuner and without. */
async function open(
  id: string,
  more: Partial<AutotunerOptions> | null,
  as: AdapterInfo = software,
) {
  const tuner = more ? new Autotuner({ ...about, ...more }) : null;
  const backend = new GpuBackend(device, as, { quads, ...(tuner ? { tuner } : {}) });
  const { title: _, ...spec } = STANDARD[id]!;
  const workload: Workload = (await openWorkload(backend, spec, dataOf(spec)))!;
  return { backend, tuner, workload };
}

for (const id of ['mlp_s', 'cnn']) {
  test(`${id}: begins small, ends with what it is meant to have, and changes no bit`, async () => {
    const plain = await open(id, null);
    const expected = await plain.workload.runLoss!(6);
    plain.workload.dispose();
    const { backend, tuner, workload } = await open(id, { measure: false });
    const begun = backend.pipelines.misses;
    const losses = await workload.runLoss!(3);
    await workload.executable.settled;
    assert.ok(backend.pipelines.misses > begun, 'no kernel was replaced');
    const calls = await countCalls(() => workload.run(0));
    assert.equal(calls['createComputePipelineAsync'], 0);
    losses.push(...(await workload.runLoss!(3)));
    assert.deepEqual(losses, expected);
    // The record has what the plan ended with.
    const sources = Object.values(tuner!.record().choices).map((c) => c.source);
    assert.ok(sources.length > 3 && sources.every((s) => s === 'default'), sources.join());
    const step = await countCalls(() => workload.run(4));
    const { dispatches } = workload;
    assert.equal(step['dispatchWorkgroups'], 4 * dispatches);
    assert.deepEqual([step['beginComputePass'], step['submit']], [1, 1]);
    for (const name of ['createBuffer', 'createBindGroup', 'writeBuffer', 'createShaderModule']) {
      assert.equal(step[name], 0, name);
    }
    workload.dispose();
  });
}

test('mlp_s: the kernels of a CPU renderer give the losses of those of hardware', async () => {
  const losses: number[][] = [];
  for (const kind of ['software', 'gpu'] as const) {
    const { workload } = await open('mlp_s', null, { ...adapter, kind });
    losses.push(await workload.runLoss!(6));
    workload.dispose();
  }
  assert.deepEqual(losses[0], losses[1]);
});

test('a plan measures beside its steps, and its own results are not held up for good', async () => {
  const plain = await open('mlp_s', null);
  const expected = await plain.workload.runLoss!(40);
  plain.workload.dispose();
  // All is measured, however slow the machine is.
  const { tuner, workload } = await open('mlp_s', { budgetMs: Number.POSITIVE_INFINITY });
  const losses = await workload.runLoss!(40);
  assert.deepEqual(losses, expected);
  await workload.executable.settled;
  const sources = Object.values(tuner!.record().choices).map((c) => c.source);
  assert.ok(
    sources.every((s) => s === 'measured'),
    sources.join(),
  );
  workload.dispose();
});

test('measurements that give way to what is more urgent are no work that it waits for', async () => {
  const { backend, tuner, workload } = await open('mlp_s', { budgetMs: 600_000 });
  await workload.run(1);
  const chosen = () => Object.keys(tuner!.report().choices).length;
  while (chosen() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const release = backend.ahead.hold();
  // The kernel under way is measured to its end, and no other.
  await backend.ahead.quiet();
  const held = chosen();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(chosen(), held);
  release();
  await workload.executable.settled;
  assert.ok(chosen() > held, `${chosen()} of more than ${held}`);
  workload.dispose();
});

test('a plan that is disposed of is left as it is', async () => {
  const { backend, tuner, workload } = await open('mlp_s', { budgetMs: 60_000 });
  await workload.run(1);
  const { settled } = workload.executable;
  workload.dispose();
  const compiled = backend.pipelines.misses;
  await settled;
  // What was being compiled is finished, and nothing more begun.
  assert.ok(
    backend.pipelines.misses <= compiled + 2,
    `${backend.pipelines.misses - compiled} more`,
  );
  assert.equal(Object.keys(tuner!.report().choices).length, 0);
});

test('a run has the same digest with any table, and logs the choices made beside it', async () => {
  const experiment = tinyExperiment({
    host: { kind: 'mlp', hidden: [68, 36], activation: 'relu' },
  });
  const digests: string[] = [];
  let recorded: TuningRecord | null = null;
  for (const kind of ['none', 'beside', 'replay'] as const) {
    const tuner = new Autotuner({ ...about, budgetMs: 60_000 });
    const backend = new GpuBackend(device, software, {
      quads,
      ...(kind === 'none' ? {} : { tuner }),
    });
    const tuning = kind === 'replay' ? recorded : null;
    const { trainer, events } = await openTiny({ backend, experiment, tuning });
    await trainer.train(10);
    // As a longer run would meet them: all choices are made.
    if (kind === 'beside') await trainer.runtime.settled;
    await trainer.train(20);
    digests.push(await trainer.digest());
    const logged = events.filter((e) => e.type === 'tuning');
    const choices = Object.assign({}, ...logged.map((e) => e.choices)) as TuningRecord['choices'];
    const sources = new Set(Object.values(choices).map((c) => c.source));
    if (kind === 'beside') {
      const { adapter: name, shaderDigest } = logged[0]!;
      recorded = { adapter: name, shaderDigest, choices };
      const now = tuner.record().choices;
      for (const [key, c] of Object.entries(choices)) assert.deepEqual(c.tile, now[key]!.tile, key);
    }
    if (kind === 'replay') assert.deepEqual([...sources], ['recorded']);
    trainer.dispose();
  }
  assert.equal(new Set(digests).size, 1, digests.join(', '));
});
