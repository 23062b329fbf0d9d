import fc from 'fast-check';
import { unzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../base/safetensors.ts';
import { wholeLife } from '../tolaria/_test-run.ts';
import { finishRun, moons, storedTestRun, testBench } from './_test-bench.ts';
import { branchRun, NO_CHANGE } from './branch-run.ts';
import { openCapsule, writeCapsule } from './capsule.ts';
import { replayRun } from './replay-run.ts';

describe('a capsule', async () => {
  const experiment = moons({ steps: 60 });
  const whole = await storedTestRun(experiment, wholeLife('fc1', 'residual-mlp-8'));
  const bytes = await writeCapsule(whole.storage, 'run-a');

  it('holds the run: it replays, rewinds and forks as the run itself', async () => {
    const { manifest, storage } = await openCapsule(bytes, 'a.capsule');
    expect(manifest).toMatchObject({ run: 'run-a', step: 60, shaderDigest: 'none' });
    expect(await storage.events.readAll()).toEqual(await whole.storage.events.readAll());
    expect(await replayRun(testBench(), storage, { tolerance: null })).toMatchObject({
      ...{ status: 'same', steps: 60, files: 5 },
    });
    const back = await branchRun(testBench(), storage, {
      ...{ at: 30, change: NO_CHANGE, future: 'schedule', parent: 'run-a' },
    });
    expect(await finishRun(back!, experiment)).toBe(whole.digest);
  });

  it('has the same bytes each time, and weights for other programs', async () => {
    expect(await writeCapsule(whole.storage, 'run-a')).toEqual(bytes);
    const weights = unzipSync(bytes)['weights.safetensors'] as Uint8Array<ArrayBuffer>;
    expect([...readSafetensors(weights, 'w').tensors.keys()]).toContain('fc1.weight');
  });

  it('refuses any flipped byte and names the part', async () => {
    const names = Object.keys(unzipSync(bytes));
    let named = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: bytes.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, change) => {
          const changed = bytes.slice();
          changed[at]! ^= change;
          const error = await openCapsule(changed, 'a.capsule').then(
            () => null,
            (e: Error) => e,
          );
          expect(error?.name).toBe('CorruptDataError');
          expect(error?.message).toMatch(
            /^Cannot open "a\.capsule": (part "[^"]+"|the seal|the archive)/,
          );
          if (names.some((n) => error?.message.includes(`"${n}"`))) named++;
        },
      ),
      { numRuns: 150, seed: 5 },
    );
    // Most bytes belong to parts.
    expect(named).toBeGreaterThan(100);
  });

  it('names the lines of a log that was changed by someone who can zip', async () => {
    const { zipSync } = await import('fflate');
    const files = unzipSync(bytes);
    const log = new TextDecoder().decode(files['events.jsonl']);
    files['events.jsonl'] = new TextEncoder().encode(log.replace('"step":40', '"step":41'));
    const seal = bytes.slice(-(34 + 128));
    const forged = zipSync(files);
    const whole = new Uint8Array(forged.length + seal.length);
    whole.set(forged);
    whole.set(seal, forged.length);
    new DataView(whole.buffer).setUint16(forged.length - 2, seal.length, true);
    await expect(openCapsule(whole, 'a.capsule')).rejects.toThrow(
      /part "events\.jsonl", lines \d+ to \d+, does not match its hash/,
    );
  });

  it('refuses what is none, and a part that was left out or added', async () => {
    await expect(openCapsule(new Uint8Array(10), 'x')).rejects.toThrow('or this is no capsule');
    await expect(openCapsule(bytes.slice(0, -5), 'x')).rejects.toThrow('the seal at its end');
  });
});
