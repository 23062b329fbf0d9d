import { describe, expect, it } from 'vitest';
import { memoryRunStorage } from '../platform/memory.ts';
import type { RunStorage } from '../platform/platform.ts';
import { cull, germinate, setLearningRate, wholeLife } from '../tolaria/_test-run.ts';
import { readCheckpoint, writeCheckpoint } from '../tolaria/checkpoint.ts';
import { keptCheckpoints } from '../tolaria/kept-checkpoints.ts';
import { moons, storedTestRun, testBench } from './_test-bench.ts';
import { copyRun } from './branch-run.ts';
import { replayRun } from './replay-run.ts';

const script = {
  ...wholeLife('fc1', 'residual-mlp-8'),
  43: [germinate('fc2', 'low-rank-2'), setLearningRate(0.005)],
  61: [cull('fc2'), cull('fc2')],
};

async function copyOf(storage: RunStorage): Promise<RunStorage> {
  const copy = memoryRunStorage();
  await copyRun(storage, copy);
  return copy;
}

/** Changes one line of the log. */
async function tamper(storage: RunStorage, pick: string, from: RegExp, to: string): Promise<void> {
  const lines = await storage.events.readAll();
  const index = lines.findIndex((l) => l.includes(pick) && from.test(l));
  expect(index).toBeGreaterThanOrEqual(0);
  await storage.events.truncate(0);
  await storage.events.append(lines.map((l, i) => (i === index ? l.replace(from, to) : l)));
}

describe('replayRun()', async () => {
  const experiment = moons();
  const whole = await storedTestRun(experiment, script);
  const replay = (storage: RunStorage) => replayRun(testBench(), storage, { tolerance: null });

  it('finds a run with growth by hand the same in everything', async () => {
    const report = await replay(whole.storage);
    expect(report).toMatchObject({
      ...{ status: 'same', comparison: 'bits', difference: null, sameShaders: true },
      ...{ steps: 100, totalSteps: 100, digests: 6 },
    });
    // Five kept ones, the newest and the one before.
    expect(report.files).toBe(7);
    expect(report.events).toBeGreaterThan(40);
  });

  it('finds decisions of the policy the same, and a run that was left', async () => {
    const own = moons({ policy: { kind: 'heuristic' }, steps: 400, intervalSteps: 20 });
    const left = await storedTestRun(own, {}, 333);
    expect(left.events.some((e) => e.type === 'transition')).toBe(true);
    expect(await replay(left.storage)).toMatchObject({ status: 'same', steps: 333 });
  });

  it('names the step of a changed number, of a changed digest, and of a changed command', async () => {
    const metrics = await copyOf(whole.storage);
    await tamper(metrics, '"step":25,', /"loss":\[0\.(\d)/, '"loss":[0.9');
    expect((await replay(metrics)).difference).toMatchObject({ step: 25, what: 'event "metrics"' });

    const digest = await copyOf(whole.storage);
    await tamper(digest, '"step":60,', /sha256:[0-9a-f]/, 'sha256:x');
    const { difference, status } = await replay(digest);
    expect(status).toBe('different');
    expect(difference).toMatchObject({ step: 60 });

    const command = await copyOf(whole.storage);
    await tamper(command, 'setLearningRate', /0\.005/, '0.006');
    // The command itself is done as the log says; the first look after it tells.
    expect((await replay(command)).difference).toMatchObject({ step: 45 });
  });

  it('names a checkpoint whose weights were changed, with a digest of its own that fits', async () => {
    const storage = await copyOf(whole.storage);
    const [kept] = (await keptCheckpoints(storage.blobs)).filter((k) => k.step === 40);
    const checkpoint = await readCheckpoint((await storage.blobs.read(kept!.key))!, 'x');
    const [tensor] = checkpoint.tensors.values();
    tensor!.data[0]! += 1e-6;
    await storage.blobs.write(kept!.key, await writeCheckpoint(checkpoint));
    expect((await replay(storage)).difference).toMatchObject({
      step: 40,
      what: `file "${kept!.key}"`,
    });
  });

  it('refuses another adapter, or compares losses within a bound', async () => {
    const storage = await copyOf(whole.storage);
    await tamper(storage, 'run.started', /"adapter":"[^"]*"/, '"adapter":"Other"');
    await expect(replay(storage)).rejects.toThrow(
      /^Cannot replay: the run was made on "Other" and this is/,
    );
    const report = await replayRun(testBench(), storage, { tolerance: 0.01 });
    expect(report).toMatchObject({ status: 'same', comparison: 'tolerance', digests: 0 });
    await tamper(storage, '"step":25,', /"loss":\[0\.(\d)/, '"loss":[0.9');
    expect((await replayRun(testBench(), storage, { tolerance: 0.01 })).difference).toMatchObject({
      step: 25,
    });
  });

  it('says when a log has a line too few, and when it was asked to stop', async () => {
    const storage = await copyOf(whole.storage);
    const lines = await storage.events.readAll();
    await storage.events.truncate(0);
    await storage.events.append(lines.filter((_, i) => i !== 5));
    await expect(replay(storage)).rejects.toThrow(
      'Cannot read event log line 6: it is event 6 and must be event 5',
    );
    let steps = 0;
    const stop = () => steps++ > 3;
    expect(await replayRun(testBench(), whole.storage, { tolerance: null, stop })).toMatchObject({
      ...{ status: 'interrupted', difference: null },
    });
  });
});
