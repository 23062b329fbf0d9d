/** Every op on drawn shapes, with three replicas, on the adapter that Deno finds. */
import assert from 'node:assert/strict';
import { openDevice } from '../../shared/engine/gpu/device.ts';
import { GpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { randomCases } from './random-cases.ts';
import { runCase } from './run-case.ts';

const { device, adapter } = await openDevice(navigator.gpu);
const backend = new GpuBackend(device, adapter);
const options = { sanitizeOps: false, sanitizeResources: false } as const;

for (const c of randomCases) {
  Deno.test(c.name, options, async () => {
    assert.deepEqual((await runCase(backend, c)).failures, []);
  });
}
