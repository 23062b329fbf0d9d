/** Every op on drawn shapes: gradients against central differences, on the reference. */
import { describe, expect, it } from 'vitest';
import { KERNELS } from '../../shared/engine/kernels/catalog.ts';
import { createReferenceBackend } from '../../shared/engine/reference/reference-backend.ts';
import { prepareCase } from '../gpu/prepare-case.ts';
import { randomCases, randomNetworks } from '../gpu/random-cases.ts';
import { runCase } from '../gpu/run-case.ts';

describe('random shapes', () => {
  it('dispatch every op of the kernel catalog', () => {
    const planned = randomCases.flatMap((c) => prepareCase(c).plan.dispatches.map((d) => d.op));
    expect([...new Set(planned)].sort()).toEqual(Object.keys(KERNELS).sort());
  });

  it.each(randomNetworks.map((c) => [c.name, c] as const))('%s', async (_name, c) => {
    const alone = { ...c, seeds: [1], twins: false, differences: true };
    expect((await runCase(createReferenceBackend(), alone)).failures).toEqual([]);
  });
});
