/** Exactness of growth on random topologies, on the float64 reference. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createReferenceBackend } from '../../shared/engine/reference/reference-backend.ts';
import { EXACTNESS } from '../exactness/properties.ts';

describe('exactness of growth, reference', () => {
  for (const property of EXACTNESS) {
    test(property.name, { timeout: 60_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: 1e6 }), async (draw) => {
          expect(await property.failures(createReferenceBackend(), draw)).toEqual([]);
        }),
        { numRuns: 5, seed: 20, endOnFailure: true },
      );
    });
  }
});
