import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorruptDataError, InputError } from '../base/errors.ts';
import { readSafetensors, writeSafetensors } from '../base/safetensors.ts';
import { memoryRunStorage } from '../platform/memory.ts';
import { bits, follow, openTiny, tinyExperiment, wholeLife } from './_test-run.ts';
import { networkDigest, readCheckpoint, type TrainerState, writeCheckpoint } from './checkpoint.ts';
import type { NamedTensors } from './training-arena.ts';

const state: TrainerState = {
  ...{
    step: 7,
    pending: [],
    lastWait: 'plateau',
    history: [{ step: 5, loss: 0.1, accuracy: null }],
  },
  growth: { slots: [], nextSeed: 3, germinated: 2, fossilized: 1, outcomes: [] },
  interval: { steps: 2, loss: [0.1 + 0.2], correct: [3], count: [12] },
  ...{
    learningRateScale: 0.5,
    learningRateOverride: null,
    rollbacks: 1,
    skipped: [3],
    watch: { first: 0.7, diverging: 1, collapsed: 0, rollbacks: 2 },
    scheduled: 5,
    events: 40,
    seconds: 1.25,
  },
};

/** Any bits of a float32, so that NaN payloads, subnormals and -0 are among them. */
const word = fc.integer({ min: 0, max: 0xffffffff });
const tensors: fc.Arbitrary<NamedTensors> = fc
  .dictionary(
    fc
      .string({ minLength: 1, maxLength: 8 })
      .filter((n) => n !== '__proto__' && n !== '__metadata__'),
    fc.array(word, { maxLength: 6 }),
    { maxKeys: 4 },
  )
  .map(
    (entries) =>
      new Map(
        Object.entries(entries).map(([name, words]) => {
          const data = new Float32Array(Uint32Array.from(words).buffer);
          return [name, { shape: [data.length, 1], data }];
        }),
      ),
  );

const named = (all: NamedTensors) => [...all].map(([n, t]) => [n, t.shape, bits(t.data)]).sort();

describe('checkpoints', () => {
  it('give back what was put in, bit for bit', async () => {
    await fc.assert(
      fc.asyncProperty(tensors, fc.option(tensors), async (live, kept) => {
        const snapshot = kept && { state: { ...state, step: 5 }, tensors: kept };
        const bytes = await writeCheckpoint({ configDigest: 'c', state, tensors: live, snapshot });
        const back = await readCheckpoint(bytes, 'f');
        expect([back.configDigest, back.state]).toEqual(['c', state]);
        expect(named(back.tensors)).toEqual(named(live));
        expect(back.snapshot?.state).toEqual(snapshot?.state);
        expect(named(back.snapshot?.tensors ?? new Map())).toEqual(named(kept ?? new Map()));
      }),
      { numRuns: 60 },
    );
  });

  it('detect a change of any one bit, and any cut', async () => {
    const data = new Float32Array([1, -0, 3e-40]);
    const live: NamedTensors = new Map([['w', { shape: [1, 3], data }]]);
    const snapshot = { state, tensors: live };
    const bytes = await writeCheckpoint({ configDigest: 'c', state, tensors: live, snapshot });
    for (let i = 0; i < bytes.length; i++) {
      const bad = bytes.slice();
      bad[i]! ^= 1 << (i % 8);
      await expect(readCheckpoint(bad, 'f')).rejects.toBeInstanceOf(CorruptDataError);
    }
    for (let n = 0; n < bytes.length; n += 7) {
      await expect(readCheckpoint(bytes.subarray(0, n), 'f')).rejects.toBeInstanceOf(
        CorruptDataError,
      );
    }
  });

  it('say what is wrong with a file that is none, or of another version', async () => {
    const other = (metadata: Record<string, string>) =>
      writeSafetensors({ tensors: new Map(), metadata });
    await expect(readCheckpoint(other({ made: 'elsewhere' }), 'x.safetensors')).rejects.toThrow(
      'Cannot resume from "x.safetensors": it is no checkpoint of a run',
    );
    await expect(
      readCheckpoint(other({ format: 'esper-checkpoint', version: '9' }), 'x'),
    ).rejects.toThrow('its version is 9, this program reads 1');
    await expect(
      readCheckpoint(other({ format: 'esper-checkpoint', version: '1', digest: '0' }), 'x'),
    ).rejects.toThrow(/do not match its digest/);
  });

  it('are safetensors that anybody can read', async () => {
    const live: NamedTensors = new Map([['w', { shape: [1, 2], data: new Float32Array([1, 2]) }]]);
    const bytes = await writeCheckpoint({
      configDigest: 'c',
      state,
      tensors: live,
      snapshot: null,
    });
    const file = readSafetensors(bytes, 'f');
    expect([...file.tensors.keys()]).toEqual(['w']);
    expect(file.metadata).toMatchObject({ format: 'esper-checkpoint', version: '1' });
  });
});

describe('networkDigest()', () => {
  it('changes with a name, a shape, a bit and the step, and with nothing else', async () => {
    const of = (name: string, shape: number[], values: number[], step = 3) =>
      networkDigest(new Map([[name, { shape, data: new Float32Array(values) }]]), step);
    const digest = await of('w', [1, 2], [0, 1]);
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await of('w', [1, 2], [0, 1])).toBe(digest);
    const others = [
      ...[of('v', [1, 2], [0, 1]), of('w', [2, 1], [0, 1]), of('w', [1, 2], [-0, 1])],
      ...[of('w', [1, 2], [0, 1 + 2 ** -23]), of('w', [1, 2], [0, 1], 4)],
    ];
    expect(new Set([digest, ...(await Promise.all(others))]).size).toBe(6);
  });
});

describe('Trainer, checkpoints in storage', () => {
  it('refuses another experiment and other data, and takes other names and prose', async () => {
    const storage = memoryRunStorage();
    const first = await openTiny({ storage });
    await follow(first.trainer, {}, 10);
    await first.trainer.save();
    const open = (more: object) =>
      openTiny({ storage, resume: true, experiment: { ...tinyExperiment(), ...more } });
    await expect(open({ batchSize: 7 })).rejects.toThrow(InputError);
    await expect(open({ batchSize: 7 })).rejects.toThrow(
      /belongs to another experiment or other data/,
    );
    const { trainer } = await open({ name: 'renamed', description: 'x', checkpointEverySteps: 3 });
    expect(trainer.step).toBe(10);
  });

  it('goes on from the one before when the newest is damaged, to the same end', async () => {
    const script = wholeLife('fc1', 'widen-2');
    const whole = await openTiny();
    await follow(whole.trainer, script);
    const storage = memoryRunStorage();
    const first = await openTiny({ storage });
    for (const step of [8, 18]) {
      await follow(first.trainer, script, step);
      await first.trainer.save();
    }
    const bytes = (await storage.blobs.read('checkpoint.safetensors'))!;
    bytes[bytes.length - 3]! ^= 4;
    await storage.blobs.write('checkpoint.safetensors', bytes);
    const { trainer, events } = await openTiny({ storage, resume: true });
    expect(trainer.step).toBe(8);
    expect(events).toContainEqual(expect.objectContaining({ type: 'notice', level: 'warning' }));
    await follow(trainer, script);
    expect(await trainer.digest()).toBe(await whole.trainer.digest());
  });
});
