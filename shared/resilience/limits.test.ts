import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../platform/clock.ts';
import { nextDelayMs, retryAfterMs } from './backoff.ts';
import { Bulkhead, BulkheadFullError } from './bulkhead.ts';
import { RetryBudget } from './retry-budget.ts';
import { TimeLimitError, withTimeLimit } from './time-limit.ts';

describe('RetryBudget', () => {
  it('stays within [0, capacity] and pays only what it holds', () => {
    const action = fc.oneof(
      fc.record({ take: fc.boolean() }),
      fc.record({ refund: fc.constantFrom(0, 5, 10) }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.array(action), (capacity, actions) => {
        const budget = new RetryBudget({ capacity });
        for (const a of actions) {
          const before = budget.tokens;
          if ('take' in a) {
            const paid = budget.take(a.take);
            expect(budget.tokens).toBe(before - paid);
            if (paid === 0) expect(before).toBeLessThan(a.take ? 10 : 5);
          } else budget.refund(a.refund);
          expect(budget.tokens).toBeGreaterThanOrEqual(0);
          expect(budget.tokens).toBeLessThanOrEqual(capacity);
        }
      }),
    );
  });

  it('allows a bounded number of retries without success', () => {
    const budget = new RetryBudget();
    let retries = 0;
    while (budget.take(false) > 0) retries++;
    expect(retries).toBe(100);
  });
});

describe('nextDelayMs()', () => {
  it('lies between base and cap, and at most three times the last', () => {
    const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.nat(10_000), unit, (previous, u) => {
        const delay = nextDelayMs(previous, 100, 2000, () => u);
        expect(delay).toBeGreaterThanOrEqual(100);
        expect(delay).toBeLessThanOrEqual(Math.min(2000, Math.max(100, previous * 3)));
      }),
    );
  });
});

describe('retryAfterMs()', () => {
  it('reads seconds and dates, and nothing else', () => {
    expect(retryAfterMs('3', 0)).toBe(3000);
    expect(retryAfterMs('Thu, 01 Jan 1970 00:00:05 GMT', 2000)).toBe(3000);
    expect(retryAfterMs('Thu, 01 Jan 1970 00:00:05 GMT', 9000)).toBe(0);
    for (const header of [null, '', 'soon']) expect(retryAfterMs(header, 0)).toBeNull();
  });
});

describe('Bulkhead', () => {
  it('never runs more than its limit, and serves in order', async () => {
    const bulkhead = new Bulkhead(2, 10);
    const order: number[] = [];
    let running = 0;
    const work = async (id: number) => {
      const leave = await bulkhead.enter();
      running++;
      expect(running).toBeLessThanOrEqual(2);
      order.push(id);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running--;
      leave();
      leave();
    };
    await Promise.all(Array.from({ length: 10 }, (_, i) => work(i)));
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(bulkhead.running).toBe(0);
  });

  it('refuses when the queue is full, and frees the place of one who gave up', async () => {
    const bulkhead = new Bulkhead(1, 1);
    const leave = await bulkhead.enter();
    const gaveUp = new AbortController();
    const waiting = bulkhead.enter(gaveUp.signal);
    await expect(bulkhead.enter()).rejects.toThrow(BulkheadFullError);
    gaveUp.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    const second = bulkhead.enter();
    leave();
    (await second)();
    expect(bulkhead.running).toBe(0);
  });
});

describe('withTimeLimit()', () => {
  it('settles at the limit although the work ignores its signal', async () => {
    const clock = new ManualClock();
    const result = withTimeLimit(clock, 100, undefined, () => new Promise<never>(() => undefined));
    const outcome = expect(result).rejects.toThrow(TimeLimitError);
    await clock.advance(100);
    await outcome;
  });

  it('passes results and errors through and leaves no sleeper behind', async () => {
    const clock = new ManualClock();
    expect(await withTimeLimit(clock, 100, undefined, async () => 7)).toBe(7);
    const fails = withTimeLimit(clock, 100, undefined, async () => {
      throw new RangeError('no');
    });
    await expect(fails).rejects.toThrow(RangeError);
    expect(clock.sleeping).toBe(0);
  });

  it('ends with the caller', async () => {
    const caller = new AbortController();
    const result = withTimeLimit(new ManualClock(), 100, caller.signal, (signal) => {
      return new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      );
    });
    caller.abort(new Error('stop'));
    await expect(result).rejects.toThrow('stop');
  });
});
