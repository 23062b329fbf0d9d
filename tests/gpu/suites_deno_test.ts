/** The published experiments that `esper experiment` reproduces, as small as they can be run. */
import assert from 'node:assert/strict';
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import { cascadeCorrelation } from '../../shared/verdict/suites/cascade-correlation.ts';
import { grownConvolution } from '../../shared/verdict/suites/grown-convolution.ts';
import type { SuiteOptions } from '../../shared/verdict/suites/suite.ts';

const backend = await createGpuBackend(navigator.gpu);
const options = { sanitizeOps: false, sanitizeResources: false } as const;

function suiteOptions(more: Partial<SuiteOptions> = {}): SuiteOptions {
  return {
    ...{ backend, clock: systemClock, seeds: 1, dataFolder: null, onProgress: () => {} },
    files: { read: () => Promise.resolve(new Uint8Array(3)) },
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
    const [original] = result.tables;
    assert.deepEqual(
      original!.rows.map((row) => [row[0], row[1]]),
      [
        ['linear host, 500 steps', '410'],
        ['+ conv, 2000 more', '5620'],
        ['+ dense, 2000 more', '15620'],
        ['+ norm, 2000 more', '430'],
        ['+ bottleneck, 2000 more', '828'],
      ],
    );
    // Nothing was trained: a seed whose last layer is zero leaves the host's predictions alone.
    assert.equal(new Set(original!.rows.map((row) => row[2])).size, 1);
  },
);

Deno.test('suites/p3: a file that is not the frozen one is refused', options, async () => {
  await assert.rejects(
    grownConvolution.run(suiteOptions({ dataFolder: 'somewhere' })),
    /^InputError: Cannot use "somewhere\/x_train.f32.bin": it has 3 bytes, must have 640000/,
  );
});
