import { describe, expect, it } from 'vitest';
import { libraryBlueprint } from '../blueprints/library.ts';
import type { HostShape } from '../contracts/blueprint.ts';
import type { ArtifactSource } from '../kasmina/artifact-source.ts';
import { provideAll, tickingClock, tinyExperiment } from '../tolaria/_test-run.ts';
import { kernelCandidates, warmKernels } from './warm-kernels.ts';

const offer = (blueprint: string) => ({ blueprint, parameters: 1 });
const layers = [
  { layerId: 'fc1', offers: [offer('norm'), offer('widen-2'), offer('low-rank-2')] },
  { layerId: 'fc2', offers: [offer('widen-4')] },
];
const candidates = (policy: Parameters<typeof tinyExperiment>[0]) =>
  kernelCandidates(tinyExperiment(policy), layers, libraryBlueprint).map(
    (c) => `${c.layerId}/${c.blueprint}`,
  );

describe('kernelCandidates', () => {
  it('are what the policy may ask for, every layer’s preferred first', () => {
    const all = ['fc1/norm', 'fc2/widen-4', 'fc1/widen-2', 'fc1/low-rank-2'];
    expect(candidates({ policy: { kind: 'heuristic' } })).toEqual(all);
    expect(candidates({ policy: { kind: 'manual' } })).toEqual(all);
    expect(candidates({ policy: { kind: 'gradmax' } })).toEqual(['fc1/widen-2', 'fc2/widen-4']);
    expect(candidates({ policy: { kind: 'uniform' } })).toEqual(['fc1/norm', 'fc2/widen-4']);
    expect(candidates({ policy: { kind: 'uniform', blueprint: 'widen-2' } })).toEqual([
      'fc1/widen-2',
    ]);
  });

  it('are those of the schedule where there is one', () => {
    const schedule = [
      { step: 5, layer: 'fc2', blueprint: 'widen-4' },
      { step: 9, layer: 'fc2', action: 'cull' as const },
    ];
    expect(candidates({ policy: { kind: 'schedule', schedule } })).toEqual(['fc2/widen-4']);
  });

  it('are none where nothing grows', () => {
    expect(candidates({ policy: { kind: 'none' } })).toEqual([]);
    expect(candidates({ policy: { kind: 'manual' }, growth: { enabled: false } })).toEqual([]);
    expect(candidates({ policy: { kind: 'manual' }, growth: { maxSeeds: 0 } })).toEqual([]);
  });
});

describe('warmKernels', () => {
  const host: HostShape = { kind: 'linear', input: [3], outFeatures: 4 };
  const many = Array.from({ length: 40 }, () => ({ layerId: 'fc1', blueprint: 'widen-2' }));

  /** Asks as `warmKernels` does; ends when nothing more is asked for. */
  async function asked(provide: ArtifactSource['provide'], stopAfter = Number.POSITIVE_INFINITY) {
    let count = 0;
    const rests: number[] = [];
    const clock = {
      ...tickingClock(5),
      sleep: async (ms: number) => {
        rests.push(ms);
      },
    };
    const stop = warmKernels({
      ...{ clock, candidates: many, blueprintOf: libraryBlueprint, hostOf: () => host },
      artifacts: {
        provide(...args) {
          if (++count === stopAfter) void stop();
          return provide(...args);
        },
      },
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { count, rests };
  }

  it('asks one after the other, rests as long as each took, and stops at a bound', async () => {
    const { count, rests } = await asked(provideAll.provide);
    expect(count).toBe(32);
    expect(rests).toEqual(new Array(32).fill(5));
  });

  it('goes on after a fault, and stops when it is told', async () => {
    expect((await asked(() => Promise.reject(new Error('no')))).count).toBe(32);
    expect((await asked(provideAll.provide, 3)).count).toBe(3);
  });
});
