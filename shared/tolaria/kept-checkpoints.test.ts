import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryBlobStorage } from '../platform/memory.ts';
import { dropKeptAfter, keepCheckpoint, keptCheckpoints } from './kept-checkpoints.ts';

const limits = { count: 6, bytes: 1000 };

describe('keepCheckpoint()', () => {
  it('stays within its bounds, keeps the newest, and spreads the rest', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 8, maxLength: 30 }),
        async (sizes) => {
          const blobs = new MemoryBlobStorage();
          for (const [i, size] of sizes.entries()) {
            await keepCheckpoint(blobs, (i + 1) * 10, new Uint8Array(size), limits);
          }
          const kept = await keptCheckpoints(blobs);
          expect(kept.length).toBeLessThanOrEqual(limits.count);
          expect(kept.reduce((n, k) => n + k.bytes, 0)).toBeLessThanOrEqual(limits.bytes);
          expect(kept.at(-1)!.step).toBe(sizes.length * 10);
        },
      ),
      { numRuns: 40 },
    );
    const blobs = new MemoryBlobStorage();
    for (let i = 1; i <= 60; i++) await keepCheckpoint(blobs, i * 10, new Uint8Array(1), limits);
    const steps = (await keptCheckpoints(blobs)).map((k) => k.step);
    const gaps = steps.map((s, i) => s - (steps[i - 1] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(300);
  });

  it('does without one that is too large, and without all when the storage is full', async () => {
    const blobs = new MemoryBlobStorage();
    await keepCheckpoint(blobs, 10, new Uint8Array(501), limits);
    expect(await keptCheckpoints(blobs)).toEqual([]);
    const full = new MemoryBlobStorage(150);
    await keepCheckpoint(full, 10, new Uint8Array(100), limits);
    await keepCheckpoint(full, 20, new Uint8Array(100), limits);
    expect(await keptCheckpoints(full)).toEqual([]);
  });
});

describe('dropKeptAfter()', () => {
  it('removes later steps only', async () => {
    const blobs = new MemoryBlobStorage();
    for (const step of [10, 20, 30]) await keepCheckpoint(blobs, step, new Uint8Array(1));
    await dropKeptAfter(blobs, 20);
    expect((await keptCheckpoints(blobs)).map((k) => k.step)).toEqual([10, 20]);
  });
});
