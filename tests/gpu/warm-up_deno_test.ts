/**
 * Kernels made beforehand on a real adapter: the run is the one without, and at a graft nothing is left
 * to compile.
 */
import assert from 'node:assert/strict';
import { Autotuner } from '../../shared/engine/gpu/autotuner.ts';
import { createGpuBackend, GpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { createReferenceBackend } from '../../shared/engine/reference/reference-backend.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import { NamedFiles } from '../../shared/platform/memory.ts';
import { createArtifactSource } from '../../shared/tezzeret/artifact-source.ts';
import { KernelCache } from '../../shared/tezzeret/kernel-cache.ts';
import { tinyDataset, tinyExperiment } from '../../shared/tolaria/_test-run.ts';
import { openRun } from '../../shared/workbench/open-run.ts';

const whole = await createGpuBackend(navigator.gpu);
/** The device outlives each of the tests. */
const options = { sanitizeOps: false, sanitizeResources: false } as const;
const test = (name: string, run: () => Promise<void>) => Deno.test(`warm-up/${name}`, options, run);

/** Germinates at the look at 15, is placed at 20, blends from 30 or so. */
const experiment = tinyExperiment({
  steps: 60,
  growth: { alphaLandscape: 'show' },
  policy: {
    kind: 'schedule',
    schedule: [{ step: 15, layer: 'fc1', blueprint: 'widen-2' }],
    live: 'rules',
  },
});

/** Trains on kernels of its own, with pauses in which what is made beforehand is made. */
async function train(warmKernels: boolean, tuner: Autotuner | null = null) {
  const { adapter, device, quads } = whole;
  const backend = new GpuBackend(device, adapter, { quads, ...(tuner ? { tuner } : {}) });
  const reference = createReferenceBackend();
  const cache = await KernelCache.open({ storage: null, maxBytes: 1e7, maxEntries: 10 });
  const shaderDigest = 'a'.repeat(64);
  const common = { backend, reference, cache, shaderDigest };
  const run = await openRun(
    {
      ...{ backend, artifacts: createArtifactSource({ ...common, urza: null }), services: null },
      ...{ clock: systemClock, files: new NamedFiles([]), shaderDigest, warmKernels },
    },
    {
      ...{ runId: 'a', experiment, storage: null, resume: false },
      dataset: tinyDataset([2]),
    },
  );
  const { trainer } = run;
  /** Kernels that a plan had to compile, by the step they were needed at. */
  const late = new Map<number, number>();
  while (trainer.step < experiment.steps) {
    await settled(() => run.warmUp()?.workMs ?? 0);
    const before = backend.pipelines.misses;
    await trainer.train(trainer.step + 1);
    const misses = backend.pipelines.misses - before;
    if (misses > 0) late.set(trainer.step, misses);
  }
  const digest = await trainer.digest();
  const report = run.warmUp();
  const { placements, state } = trainer.growth;
  const { rebuilds } = trainer;
  await run.close();
  return { digest, late, placements, rebuilds, report, stage: state.slots[0]!.state.stage };
}

/** Until the work stands still for a while. */
async function settled(work: () => number): Promise<void> {
  for (let before = -1; before !== work(); ) {
    before = work();
    await systemClock.sleep(before === 0 ? 0 : 120);
  }
}

const plain = await train(false);

test('the digest is that of a run that compiles what it needs when it needs it', async () => {
  const warm = await train(true);
  assert.equal(warm.digest, plain.digest);
  assert.equal(warm.stage, plain.stage);
  assert.notEqual(warm.stage, 'DORMANT');
  assert.equal(plain.report, null);
  assert.ok(plain.late.get(20)! > 0, 'without it, the graft at step 20 compiles kernels');
  // The seed is there, and so are the kernels of the network with it, blended or not.
  assert.deepEqual(warm.placements, { placed: 1, waits: 0, waitedMs: 0 });
  assert.deepEqual([...warm.late], []);
  assert.equal(warm.rebuilds.count, plain.rebuilds.count);
  const { artifacts, artifactsUsed, failed, kernels, kernelsUsed } = warm.report!;
  assert.deepEqual([artifacts, artifactsUsed, failed], [1, 1, 0]);
  assert.ok(kernels >= kernelsUsed && kernelsUsed > 0, `${kernelsUsed} of ${kernels} used`);
});

test('variants are timed before the first step and one kernel a look, to the same digest', async () => {
  const tuner = new Autotuner({
    ...{ adapter: whole.adapter.name, shaderDigest: 'a'.repeat(64) },
    ...{ minMs: 1, budgetMs: 200, totalMs: 60_000 },
  });
  const warm = await train(true, tuner);
  assert.equal(warm.digest, plain.digest);
  const { choices } = tuner.report();
  assert.ok(Object.keys(choices).length > 0);
  // Recorded for a replay: also what was not timed when it was first used.
  const recorded = tuner.record().choices;
  for (const key of Object.keys(choices)) assert.ok(recorded[key], `${key} is recorded`);
});

test('begun with kernels for any shape, a seed is waited for as little, to the same digest', async () => {
  const notices: string[] = [];
  const tuner = new Autotuner({
    ...{ adapter: whole.adapter.name, shaderDigest: 'a'.repeat(64) },
    ...{ measure: false, tiered: true, onNotice: (message: string) => notices.push(message) },
  });
  const warm = await train(true, tuner);
  assert.equal(warm.digest, plain.digest);
  assert.equal(warm.stage, plain.stage);
  assert.deepEqual(warm.placements, { placed: 1, waits: 0, waitedMs: 0 });
  assert.equal(warm.rebuilds.count, plain.rebuilds.count);
  // The seed's artifact was made with kernels that the host's layers have too.
  assert.ok(warm.report!.artifactsUsed === 1 && warm.report!.failed === 0);
  assert.deepEqual(notices, []);
});
