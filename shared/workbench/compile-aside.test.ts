import { expect, it } from 'vitest';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { createArtifactSource } from '../tezzeret/artifact-source.ts';
import { KernelCache } from '../tezzeret/kernel-cache.ts';
import { follow, germinate, openTiny, stages, tinyExperiment } from '../tolaria/_test-run.ts';
import type { Trainer } from '../tolaria/trainer.ts';

it('steps go on while the forge compiles, and the seed is placed one look later', async () => {
  const backend = createReferenceBackend();
  const cache = await KernelCache.open({ storage: null, maxBytes: 1e7, maxEntries: 10 });
  const common = { backend, reference: backend, cache, urza: null };
  const forge = createArtifactSource({ ...common, shaderDigest: 'a'.repeat(64) });
  let trainer: Trainer | null = null;
  const asked: number[] = [];
  const answered: number[] = [];
  const run = await openTiny({
    experiment: tinyExperiment({ intervalSteps: 10, steps: 40 }),
    artifacts: {
      async provide(blueprint, host) {
        asked.push(trainer!.step);
        const artifact = await forge.provide(blueprint, host);
        answered.push(trainer!.step);
        return artifact;
      },
    },
  });
  trainer = run.trainer;
  await follow(trainer, { 11: [germinate('fc1', 'widen-3')] }, 21);
  // Asked for before step 11; all steps up to the look at 20 were made while it compiled.
  expect(asked).toEqual([11]);
  expect(answered).toEqual([20]);
  expect(stages(trainer)).toEqual(['fc1:TRAINING']);
  expect(forge.stats()).toMatchObject({ forged: 1, rejected: 0 });
});
