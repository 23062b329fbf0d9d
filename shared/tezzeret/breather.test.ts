import { describe, expect, it } from 'vitest';
import { libraryBlueprint } from '../blueprints/library.ts';
import type { HostShape } from '../contracts/blueprint.ts';
import type { Backend } from '../engine/plan/backend.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { faultyBackend } from './_test-backend.ts';
import { breather } from './breather.ts';
import { compileArtifact } from './compiler.ts';
import { seedFragment } from './fragment.ts';
import { externalSizes, FragmentRun } from './fragment-run.ts';
import { FRAGMENT_SCHEDULE } from './kernel-text.ts';
import { arenaOf, nonZeroValues, uniformRows } from './test-values.ts';

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

  it('lets it in between the ops of one evaluation, which has the same bits', async () => {
    const host: HostShape = { kind: 'linear', input: [64], outFeatures: 32 };
    const backend = createReferenceBackend();
    const fragment = seedFragment(libraryBlueprint('residual-mlp-16'), host, 5);
    const { plan } = fragment;
    const results = [];
    for (const pieces of [true, false]) {
      const on: Backend = pieces ? backend : faultyBackend(backend, {});
      const run = await FragmentRun.create(on, fragment);
      const parameters = arenaOf(plan, nonZeroValues);
      const x = uniformRows('x', [-1, 1], host.input, 5, 5);
      const dy = uniformRows('dy', [-1, 1], [32], 5, 5);
      const externals = new Map([
        ['x', x],
        ['dy', dy],
      ]);
      results.push(await run.run({ parameters, externals }));
      run.dispose();
    }
    expect(results[0]!.gradients.some((v) => v !== 0)).toBe(true);
    expect(results[1]).toEqual(results[0]);
    let pauses = 0;
    const sizes = new Map(externalSizes(plan));
    for (const arena of ['parameters', 'gradients']) sizes.set(arena, plan.parameterElements);
    const buffers = Object.fromEntries(
      [...sizes].map(([name, size]) => [name, backend.createBuffer(name, size)]),
    );
    const executable = await backend.prepare(plan, { buffers, ...FRAGMENT_SCHEDULE });
    await backend.runInPieces!(executable, async () => {
      pauses++;
    });
    expect(pauses).toBe(plan.dispatches.length);
    executable.dispose();
  });
});
