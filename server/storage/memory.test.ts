import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '#shared/platform/clock.ts';
import { MemoryBlobStorage } from '#shared/platform/memory.ts';
import { BLOB_STORE_CONTRACT } from '../../tests/server/blob-store-contract.ts';
import { JOB_QUEUE_CONTRACT } from '../../tests/server/job-queue-contract.ts';
import { CONTRACT_LIMITS, MESSAGE_LOG_CONTRACT } from '../../tests/server/message-log-contract.ts';
import { META_STORE_CONTRACT } from '../../tests/server/meta-store-contract.ts';
import { LocalEventBus, MemoryMetaStore } from './memory.ts';
import { MemoryJobQueue } from './memory-jobs.ts';
import { MemoryMessageLog } from './memory-messages.ts';

describe('MemoryMetaStore', () => {
  it.each(META_STORE_CONTRACT)('$name', async ({ run }) => {
    await run(new MemoryMetaStore());
  });

  it('holds one gapless log whatever batches arrive, repeated and out of order', async () => {
    const batch = fc.record({ from: fc.nat(12), length: fc.integer({ min: 1, max: 6 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { maxLength: 30 }), async (batches) => {
        const { runs } = new MemoryMetaStore();
        await runs.create({ id: 'r', body: '{}', createdAt: 0 });
        let through = -1;
        for (const { from, length } of batches) {
          const events = Array.from({ length }, (_, i) => ({
            seq: from + i,
            body: `{"seq":${from + i}}`,
            isFinish: false,
          }));
          const result = await runs.append('r', { events, rewindTo: null, now: 0 });
          if (from > through + 1) expect(result.outcome).toBe('gap');
          else through = Math.max(through, from + length - 1);
          const page = await runs.read('r', -1, 1000);
          expect(page?.events.map(({ seq }) => seq)).toEqual(
            Array.from({ length: through + 1 }, (_, i) => i),
          );
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('LocalEventBus', () => {
  it('wakes the subscribers of a topic until they leave', async () => {
    const bus = new LocalEventBus();
    let rings = 0;
    const leave = bus.subscribe('a', () => rings++);
    bus.subscribe('b', () => rings++);
    await bus.publish('a');
    leave();
    await bus.publish('a');
    expect(rings).toBe(1);
  });
});

describe('MemoryJobQueue', () => {
  it.each(JOB_QUEUE_CONTRACT)('$name', async ({ run }) => {
    const clock = new ManualClock();
    let fence = 0;
    const queue = new MemoryJobQueue(
      () => clock.now(),
      () => `f${fence++}`,
    );
    await run({ queue, leaseMs: 1000, pass: (ms) => clock.advance(ms) });
  });
});

describe('MemoryMessageLog', () => {
  it.each(MESSAGE_LOG_CONTRACT)('$name', async ({ run }) => {
    const clock = new ManualClock();
    const log = new MemoryMessageLog(() => clock.now(), CONTRACT_LIMITS);
    await run({ log, leaseMs: 1000, pass: (ms) => clock.advance(ms) });
  });
});

describe('MemoryBlobStorage', () => {
  it.each(BLOB_STORE_CONTRACT)('$name', async ({ run }) => {
    await run(new MemoryBlobStorage());
  });
});
