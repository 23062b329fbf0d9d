import { describe, expect, it } from 'vitest';
import { libraryBlueprint } from '../blueprints/library.ts';
import type { HostShape } from '../contracts/blueprint.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { breather } from './breather.ts';
import { compileArtifact } from './compiler.ts';

/** Turns of the event loop while `work` goes on. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns++;
    if (!isOver) setTimeout(count, 0);
  };
  setTimeout(count, 0);
  await work();
  isOver = true;
  return turns;
}

describe('breather', () => {
  it('lets others in once the work has gone on for long enough, and at each call with 0', async () => {
    const spin = (ms: number) => {
      const end = performance.now() + ms;
      while (performance.now() < end);
    };
    const seldom = breather(1e6);
    expect(
      await turnsDuring(async () => {
        for (let i = 0; i < 50; i++) await seldom();
      }),
    ).toBe(0);
    const always = breather(0);
    const eager = await turnsDuring(async () => {
      for (let i = 0; i < 10; i++) await always();
    });
    expect(eager).toBeGreaterThanOrEqual(9);
    const some = breather(5);
    const turns = await turnsDuring(async () => {
      for (let i = 0; i < 4; i++) {
        spin(6);
        await some();
      }
    });
    expect(turns).toBeGreaterThanOrEqual(3);
  });

  it('lets a training in again and again while a seed of a wide layer is verified', async () => {
    const host: HostShape = { kind: 'linear', input: [256], outFeatures: 64 };
    const turns = await turnsDuring(() =>
      compileArtifact(libraryBlueprint('widen-16'), host, {
        ...{ backend: createReferenceBackend(), reference: createReferenceBackend() },
        ...{ pipeline: 'fast', shaderDigest: 'a'.repeat(64) },
      }),
    );
    // Hundreds of evaluations of the reference, none of which another has to follow at once.
    expect(turns).toBeGreaterThan(10);
  });
});
