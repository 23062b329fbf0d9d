/**
 * The numeric class f16-multiply on the adapter that Deno finds: every product against the float64
 * reference that rounds its operands too, with every tile of hardware. Skipped, with a message,
 * where the adapter has no `shader-f16`.
 */
import { openDevice } from '../../shared/engine/gpu/device.ts';
import { GpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { F16_FEATURE } from '../../shared/engine/plan/numerics.ts';
import { HALF_CASES } from './half-cases.ts';
import { firstDifference, runCase } from './run-case.ts';
import {
  FEW_SLICED_CASES,
  FEW_START_CASES,
  FixedCandidate,
  FixedTile,
  OTHERS,
  StartTiles,
  TILE_CASES,
} from './tile-cases.ts';

const { device, adapter, quads } = await openDevice(navigator.gpu);
const backend = new GpuBackend(device, adapter, { quads });
const ignore = !device.features.has(F16_FEATURE);
if (ignore) console.log(`Skipped: ${adapter.name} does not offer the feature "${F16_FEATURE}"`);
const options = { sanitizeOps: false, sanitizeResources: false, ignore } as const;

function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

for (const parityCase of HALF_CASES) {
  Deno.test(parityCase.name, options, async () => {
    const verdict = await runCase(backend, parityCase);

    if (!verdict.ok) throw new Error(verdict.failures.join('\n'));
  });
}

// The tiles of hardware: those of CPU renderers have their own tests in float32, from the same source.
const own = { ...adapter, kind: 'gpu' } as const;
const { pipelines } = backend;
const standard = new GpuBackend(device, own, { quads, pipelines });
for (const c of TILE_CASES.map((c) => ({ ...c, numerics: 'f16-multiply' }) as const)) {
  Deno.test(`f16/${c.name}: every tile gives the same bits`, options, async () => {
    for (let index = 1; index <= OTHERS.gpu; index++) {
      const tuner = new FixedCandidate(index);
      const other = new GpuBackend(device, own, { quads, tuner, pipelines });
      const name = await firstDifference(standard, other, c);
      assert(tuner.changed.size > 0, 'no kernel had another tile');
      assert(
        [...tuner.changed].every((key) => key.endsWith('/f16')),
        'a tile of another class',
      );
      assert(name === null, `${name}: candidate ${index} gives other bits than the default`);
    }
  });
}

for (const [index, { tile, cases }] of FEW_SLICED_CASES.entries()) {
  Deno.test(`f16/products in workgroup memory, tile ${index}`, options, async () => {
    const tuner = new FixedTile(tile);
    const other = new GpuBackend(device, adapter, { quads, tuner, pipelines });
    for (const c of cases) {
      const name = await firstDifference(backend, other, { ...c, numerics: 'f16-multiply' });
      assert(name === null, `${c.name}: ${name} has other bits than with the default`);
    }
  });
}

Deno.test('f16/products by compact kernels', options, async () => {
  const tuner = new StartTiles();
  const kind = 'software' as const;
  const [standard, other] = [null, tuner].map(
    (t) =>
      new GpuBackend(
        device,
        { ...adapter, kind },
        { quads, pipelines, ...(t ? { tuner: t } : {}) },
      ),
  );
  for (const c of FEW_START_CASES) {
    const half = { ...c, numerics: 'f16-multiply' } as const;
    const name = await firstDifference(standard!, other!, half);
    assert(name === null, `${c.name}: ${name} has other bits than with the default`);
  }
  assert(tuner.changed.size > 5, 'no kernel had another tile');
});
