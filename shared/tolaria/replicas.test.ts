import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { replicaSeed } from '../nn/initialise.ts';
import {
  bits,
  germinate,
  runTiny,
  type Script,
  stages,
  tinyDataset,
  tinyExperiment,
  wholeLife,
} from './_test-run.ts';

describe('replicas', () => {
  it('have the bits of runs with their seeds alone, growth by hand included', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(0xffffffff),
        fc.integer({ min: 2, max: 4 }),
        fc.constantFrom('add', 'replace', 'multiply', 'gate' as const),
        fc.constantFrom('mlp', 'cnn' as const),
        async (seed, replicas, mode, kind) => {
          const host =
            kind === 'mlp'
              ? { kind, hidden: [4], dropout: 0.3 }
              : { kind, channels: [2], hidden: [3], dropout: 0.3 };
          const life: Script = {
            ...wholeLife('fc1', 'widen-3', mode),
            8: [germinate('fc2', 'low-rank-1', mode)],
          };
          const dataset = kind === 'mlp' ? tinyDataset([2]) : tinyDataset([4, 4, 1], 2, 10);
          const run = (own: number, count: number) =>
            runTiny(
              {
                dataset,
                experiment: tinyExperiment({
                  ...{ seed: own, replicas: count, steps: 38, batchSize: 4, host },
                  optimizer: { kind: 'adam', clipNorm: 0.2 },
                }),
              },
              life,
            );
          const all = await run(seed, replicas);
          expect(stages(all.trainer)).toEqual(['fc1:FOSSILIZED', 'fc2:TRAINING']);
          const tensors = await all.trainer.runtime.exportTensors();
          const evaluated = await all.trainer.evaluate('test');
          for (let r = 0; r < replicas; r++) {
            const one = await run(replicaSeed(seed, r), 1);
            for (const [name, { data }] of await one.trainer.runtime.exportTensors()) {
              const part = tensors.get(name)!.data.subarray(r * data.length, (r + 1) * data.length);
              expect([name, bits(part)]).toEqual([name, bits(data)]);
            }
            const own = await one.trainer.evaluate('test');
            expect([own.loss[0], own.accuracy[0]]).toEqual([
              evaluated.loss[r],
              evaluated.accuracy[r],
            ]);
          }
        },
      ),
      { numRuns: 8 },
    );
  });

  it('start from seeds of their own, the first from that of the run', () => {
    const seeds = Array.from({ length: 256 }, (_, r) => replicaSeed(0xfffffff0, r));
    expect(seeds[0]).toBe(0xfffffff0);
    expect(new Set(seeds).size).toBe(256);
    expect(seeds.every((s) => Number.isInteger(s) && s >= 0 && s <= 0xffffffff)).toBe(true);
  });
});
