/**
 * Every kernel against the float64 reference, on the adapter that Deno finds. Without an adapter
 * this fails: a suite that skips its subject proves nothing.
 */
import { openDevice } from '../../shared/engine/gpu/device.ts';
import { GpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { CASES } from './cases.ts';
import { firstDifference, runCase } from './run-case.ts';

/** One device for all cases; it and its readbacks outlive each of them. */
const { device, adapter } = await openDevice(navigator.gpu);
const backend = new GpuBackend(device, adapter);
const options = { sanitizeOps: false, sanitizeResources: false } as const;

for (const parityCase of CASES) {
  Deno.test(parityCase.name, options, async () => {
    const verdict = await runCase(backend, parityCase);
    if (!verdict.ok) throw new Error(verdict.failures.join('\n'));
  });
}

/** Kernels whose tiles or strips depend on the kind of adapter, on shapes of all remainders. */
const TILED = /^(linear|conv2d(?!_grouped_grad_weight))/;

const lowered = (['software', 'gpu'] as const).map(
  (kind) => new GpuBackend(device, { ...adapter, kind }, { pipelines: backend.pipelines }),
);

for (const parityCase of CASES.filter((c) => TILED.test(c.name))) {
  Deno.test(`tiles/${parityCase.name}`, options, async () => {
    const name = await firstDifference(lowered[0]!, lowered[1]!, parityCase);
    if (name) throw new Error(`${name}: tiles for hardware and for CPU renderers give other bits`);
  });
}
