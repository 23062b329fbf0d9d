/** Exactness of growth on random topologies, on a real adapter; tests/exactness/properties.ts. */
import assert from 'node:assert/strict';
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { DRAWS, EXACTNESS } from '../exactness/properties.ts';

const backend = await createGpuBackend(navigator.gpu);
for (const property of EXACTNESS) {
  // The device outlives each of the tests.
  const options = { sanitizeOps: false, sanitizeResources: false };
  Deno.test(`exactness/${property.name}`, options, async () => {
    // The unit tests draw many more.
    for (const draw of DRAWS) {
      assert.deepEqual(await property.failures(backend, draw), [], `draw ${draw}`);
    }
  });
}
