/** The published experiments that `esper experiment` reproduces, as small as they can be run. */
import assert from 'node:assert/strict';
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { createReferenceBackend } from '../../shared/engine/reference/reference-backend.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import { MemoryBlobStorage } from '../../shared/platform/memory.ts';
import { cascadeCorrelation } from '../../shared/verdict/suites/cascade-correlation.ts';
import { signalsOf } from '../../shared/verdict/suites/frozen-signals.ts';
import { grownConvolution } from '../../shared/verdict/suites/grown-convolution.ts';
import { trainBlueprint } from '../../shared/verdict/suites/grown-convolution-run.ts';
import { SIGNAL_CONV, SIGNAL_DENSE } from '../../shared/verdict/suites/signal-blueprints.ts';
import { type SuiteOptions, suiteText } from '../../shared/verdict/suites/suite.ts';
import { SuiteStore } from '../../shared/verdict/suites/suite-store.ts';
import { openArtifacts } from '../../shared/workbench/artifacts.ts';

const backend = await createGpuBackend(navigator.gpu);
const artifacts = await openArtifacts({
  ...{ backend, reference: createReferenceBackend(), services: null, storage: null },
  ...{ shaderDigest: 'none', maxBytes: 2 ** 24, maxEntries: 8 },
});
const options = { sanitizeOps: false, sanitizeResources: false } as const;

function suiteOptions(more: Partial<SuiteOptions> = {}): SuiteOptions {
  return {
    bench: {
      ...{ backend, artifacts, services: null, clock: systemClock, shaderDigest: 'none' },
      files: { read: () => Promise.resolve(new Uint8Array(3)) },
    },
    ...{ seeds: 1, dataFolder: null, store: new MemoryBlobStorage(), onProgress: () => {} },
    stop: new AbortController().signal,
    ...more,
  };
}

Deno.test('suites/p6: one trial is solved, beside a static network', options, async () => {
  const first = await cascadeCorrelation.run(suiteOptions());
  assert.equal(first.bars[0]!.met, true, first.bars[0]!.text);
  assert.equal(first.status, 'done');
  const [cascade, fixed] = first.tables;
  assert.equal(cascade!.rows[0]![1], '1 of 1');
  // Far above chance, which is 97.
  assert.ok(Number.parseFloat(fixed!.rows[0]![1]!) > 130, fixed!.rows[0]![1]);
});

Deno.test(
  'suites/p3: without a folder it uses the built-in signals and says so',
  options,
  async () => {
    const result = await grownConvolution.run(suiteOptions({ stop: AbortSignal.abort() }));
    assert.equal(result.status, 'interrupted');
    assert.match(result.notes[0]!, /the built-in signals, not MNIST-1D/);
    assert.match(suiteText(result), /Interrupted: nothing is judged/);
  },
);

Deno.test('suites/p3: a file that is not the frozen one is refused', options, async () => {
  await assert.rejects(
    grownConvolution.run(suiteOptions({ dataFolder: 'somewhere' })),
    /^InputError: Cannot use "somewhere\/x_train.f32.bin": it has 3 bytes, must have 640000/,
  );
});

for (const blueprint of [SIGNAL_CONV, SIGNAL_DENSE]) {
  Deno.test(`suites/p3: the forge validates ${blueprint.name}`, options, async () => {
    const host = { kind: 'linear', input: [40], outFeatures: 10 } as const;
    const artifact = await artifacts.provide(blueprint, { ...host, input: [...host.input] });
    assert.equal(artifact.reason, null);
    assert.equal(artifact.validated, true);
  });
}

Deno.test(
  'suites/p3: a run that is stopped goes on to the bits of one that was not',
  options,
  async () => {
    const { original: dataset } = await signalsOf(suiteOptions());
    const protocol = { name: 'p3', seeds: 2, data: 'd', adapter: 'a', shaders: 's' };
    const run = { key: 'original-bottleneck', blueprint: 'bottleneck', dataset } as const;
    /** Stops at the given shares of the run, one after the other, and goes on each time. */
    const train = async (...stops: number[]) => {
      const blobs = new MemoryBlobStorage();
      for (const share of [...stops, 2]) {
        const store = await SuiteStore.open(blobs, protocol);
        const stop = new AbortController();
        const trained = await trainBlueprint(
          suiteOptions({ stop: stop.signal }),
          store,
          { ...run, seeds: [3, 4] },
          (made) => {
            if (made >= share) stop.abort();
          },
        );
        if (share > 1) return trained!;
        assert.equal(trained, null);
      }
      throw new Error('it never ended');
    };
    const whole = await train();
    assert.deepEqual(await train(0.1, 0.3), whole);
    // The slot went through the whole table, and the seed was worth keeping.
    assert.equal(whole.stage, 'FOSSILIZED');
    assert.equal(whole.parameters, 410 + 418);
    assert.equal(whole.probes.length, 3);
    for (const [r, accuracy] of whole.test.entries()) assert.ok(accuracy > whole.host[r]! + 0.05);
  },
);
