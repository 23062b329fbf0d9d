import { describe, expect, it } from 'vitest';
import { wholeLife } from '../tolaria/_test-run.ts';
import { finishRun, moons, storedTestRun, testBench } from './_test-bench.ts';
import { openRun } from './open-run.ts';
import { replayRun } from './replay-run.ts';
import { readHistory } from './run-history.ts';
import { measureTwin } from './twin-run.ts';
import { storedTwins, storeTwin } from './twins.ts';

describe('measureTwin()', async () => {
  const experiment = moons();
  const grown = await storedTestRun(experiment, wholeLife('fc1', 'residual-mlp-8'));

  it('is the loss of a run that never had the seed, minus that of the run', async () => {
    const shares: number[] = [];
    const twin = await measureTwin(testBench(), grown.storage, {
      ...{ seedId: 's1', horizon: 94 },
      onProgress: (share) => shares.push(share),
    });
    const lossOf = async (script = {}) => {
      const options = { runId: 'x', experiment, storage: null, resume: false };
      const run = await openRun(testBench(), options);
      const { follow } = await import('../tolaria/_test-run.ts');
      await follow(run.trainer, script);
      return (await run.trainer.evaluate('validation')).loss[0]!;
    };
    const [bare, whole] = [await lossOf(), await lossOf(wholeLife('fc1', 'residual-mlp-8'))];
    expect(twin).toMatchObject({
      ...{ type: 'twin', seedId: 's1', blueprint: 'residual-mlp-8', germinatedStep: 6 },
      ...{ horizon: 94, loss: whole, twinLoss: bare, causal: bare - whole },
    });
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
  });

  it('has the removal beside it while the seed can be taken out', async () => {
    const twin = await measureTwin(testBench(), grown.storage, { seedId: 's1', horizon: 26 });
    expect(twin!.removal).not.toBeNull();
    expect(twin!.removal).not.toBe(twin!.causal);
  });

  it('is kept when the run is resumed, and no part of a replay', async () => {
    const left = await storedTestRun(experiment, wholeLife('fc1', 'residual-mlp-8'), 60);
    const twin = (await measureTwin(testBench(), left.storage, { seedId: 's1', horizon: null }))!;
    expect(twin.horizon).toBe(54);
    await storeTwin(left.storage, twin, 60);
    expect(await storedTwins(left.storage)).toEqual([twin]);
    expect(await finishRun(left.storage, experiment)).toBe(grown.digest);
    const { done, events } = await readHistory(left.storage);
    expect(done).toBe(true);
    expect(events.filter((e) => e.type === 'twin')).toHaveLength(1);
    // Also when it is measured after the end.
    await storeTwin(left.storage, { ...twin, horizon: 50 }, 100);
    const report = await replayRun(testBench(), left.storage, { tolerance: null });
    expect(report.status).toBe('same');
  });

  it('says what is wrong with what was asked', async () => {
    const ask = (seedId: string, horizon: number | null) =>
      measureTwin(testBench(), grown.storage, { seedId, horizon });
    await expect(ask('s1', 95)).rejects.toThrow(/choose from 1 to 94$/);
    await expect(ask('s2', null)).rejects.toThrow('Cannot find seed "s2"');
    const stop = () => true;
    const none = await measureTwin(testBench(), grown.storage, {
      ...{ seedId: 's1', horizon: null, stop },
    });
    expect(none).toBeNull();
  });
});
