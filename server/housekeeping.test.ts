import { describe, expect, it } from 'vitest';
import { UPLOAD_TTL_MS } from '#shared/contracts/api-uploads.ts';
import { createLogger } from '#shared/nissa/log.ts';
import { ManualClock } from '#shared/platform/clock.ts';
import { createTestApp } from '../tests/server/test-app.ts';
import { keepHouse } from './housekeeping.ts';

function setUp() {
  const clock = new ManualClock();
  const records: { message: string; error?: { message: string } }[] = [];
  const log = createLogger({
    ...{ level: 'info', wallTime: () => clock.wallTime() },
    write: (line) => void records.push(JSON.parse(line)),
  });
  return { clock, records, ...createTestApp({ clock, log }) };
}

describe('keepHouse()', () => {
  it('goes on after a failure, which is logged', async () => {
    const { clock, records, deps, stop } = setUp();
    const sweep = deps.jobs.sweep.bind(deps.jobs);
    let looks = 0;
    deps.jobs.sweep = async () => {
      if (looks++ === 1) throw new Error('the database is away');
      return await sweep();
    };
    const keeping = keepHouse(deps, stop.signal);
    await clock.advance(2500);
    expect(looks).toBe(3);
    expect(records).toMatchObject([
      { message: 'housekeeping failed', error: { message: 'the database is away' } },
    ]);
    stop.abort();
    await keeping;
  });

  it('says nothing of what fails because the server stops', async () => {
    const { records, deps, stop } = setUp();
    deps.jobs.sweep = async () => {
      stop.abort();
      throw new Error('closed');
    };
    await keepHouse(deps, stop.signal);
    expect(records).toEqual([]);
  });

  it('forgets idempotency keys after a day, and uploads nobody continued', async () => {
    const { clock, deps, send, stop, storage } = setUp();
    await deps.meta.keys.begin('key', 'digest', clock.wallTime(), 1000);
    await deps.meta.keys.finish('key', '{}');
    await send('POST', '/api/v1/uploads', { sha256: 'a'.repeat(64), bytes: 10 });
    const keeping = keepHouse(deps, stop.signal);
    const state = async () =>
      (await deps.meta.keys.begin('key', 'digest', clock.wallTime(), 1000)).state;
    await clock.advance(1);
    expect([await state(), (await storage.list('uploads/')).length]).toEqual(['done', 1]);
    stop.abort();
    await keeping;
    await clock.advance(Math.max(24 * 3_600_000, UPLOAD_TTL_MS) + 1);
    const again = new AbortController();
    const later = keepHouse(deps, again.signal);
    await clock.advance(1);
    expect(await storage.list('uploads/')).toEqual([]);
    expect(await state()).not.toBe('done');
    again.abort();
    await later;
  });
});
