/** Kernels for any shape: the bits of those made for one shape, for every kernel, and shared by shapes. */
import assert from 'node:assert/strict';
import { openDevice } from '../../shared/engine/gpu/device.ts';
import { GpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { CASES } from './cases.ts';
import { firstDifference } from './run-case.ts';
import { keepingStarts, TILE_CASES } from './tile-cases.ts';

const { device, adapter, quads } = await openDevice(navigator.gpu);
const options = { sanitizeOps: false, sanitizeResources: false } as const;

for (const kind of ['software', 'gpu'] as const) {
  const own = { ...adapter, kind };
  const made = new GpuBackend(device, own, { quads });
  const any = new GpuBackend(device, own, { quads, tuner: keepingStarts });
  for (const c of CASES) {
    Deno.test(`any shape/${kind}/${c.name}`, options, async () => {
      const name = await firstDifference(made, any, c);
      if (name) throw new Error(`${name}: the kernel for any shape gives other bits`);
    });
  }
}

Deno.test('any shape/four layers share one kernel of each kind', options, async () => {
  const software = { ...adapter, kind: 'software' } as const;
  const made = new GpuBackend(device, software, { quads });
  const any = new GpuBackend(device, software, { quads, tuner: keepingStarts });
  const [layers] = TILE_CASES;
  assert.equal(await firstDifference(made, any, layers!), null);
  // Forward, gradients of inputs and weights, and the loss; the first layer's input needs no gradient.
  assert.equal(any.pipelines.misses, 4);
  assert.equal(made.pipelines.misses, 12);
});
