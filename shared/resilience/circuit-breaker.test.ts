import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../platform/clock.ts';
import { CircuitBreaker, type Permit } from './circuit-breaker.ts';

function setUp(options = {}) {
  const clock = new ManualClock();
  const states: string[] = [];
  const breaker = new CircuitBreaker(clock, options, (state) => states.push(state));
  const call = (succeeds: boolean) => {
    const permit = breaker.acquire();
    if (succeeds) permit?.succeed();
    else permit?.fail();
    return permit !== null;
  };
  return { clock, breaker, states, call };
}

describe('CircuitBreaker', () => {
  it('opens on four failures in a row and refuses calls', () => {
    const { breaker, call } = setUp();
    for (let i = 0; i < 3; i++) call(false);
    expect(breaker.state).toBe('closed');
    call(false);
    expect(breaker.state).toBe('open');
    expect(breaker.retryInMs).toBe(1000);
    expect(breaker.acquire()).toBeNull();
  });

  it('forgets a row of failures on success', () => {
    const { breaker, call } = setUp({ minimumCalls: 1000 });
    for (let i = 0; i < 40; i++) call(i % 4 === 3);
    expect(breaker.state).toBe('closed');
  });

  it('opens when half of at least eight calls within the window failed', () => {
    const { breaker, call } = setUp();
    for (const ok of [true, false, true, false, true, false, true]) call(ok);
    expect(breaker.state).toBe('closed');
    call(false);
    expect(breaker.state).toBe('open');
  });

  it('does not count failures that left the window', async () => {
    const { breaker, call, clock } = setUp();
    for (const ok of [true, false, true, false, true, false, true]) call(ok);
    await clock.advance(11_000);
    call(false);
    expect(breaker.state).toBe('closed');
  });

  it('lets a single trial through and closes on its success', async () => {
    const { breaker, call, clock, states } = setUp();
    for (let i = 0; i < 4; i++) call(false);
    await clock.advance(1000);
    const trial = breaker.acquire();
    expect(trial?.isTrial).toBe(true);
    expect(breaker.acquire()).toBeNull();
    trial?.succeed();
    expect(states).toEqual(['open', 'half-open', 'closed']);
    expect(call(true)).toBe(true);
  });

  it('doubles the wait with each failed trial, up to the cap', async () => {
    const { breaker, clock, call } = setUp();
    for (let i = 0; i < 4; i++) call(false);
    const waits: (number | null)[] = [];
    for (let i = 0; i < 5; i++) {
      waits.push(breaker.retryInMs);
      await clock.advance(breaker.retryInMs ?? 0);
      call(false);
    }
    expect(waits).toEqual([1000, 2000, 4000, 4000, 4000]);
  });

  it('replaces a trial that never reports', async () => {
    const { breaker, clock, call } = setUp({ trialMs: 5000 });
    for (let i = 0; i < 4; i++) call(false);
    await clock.advance(1000);
    const lost = breaker.acquire();
    await clock.advance(4999);
    expect(breaker.acquire()).toBeNull();
    await clock.advance(1);
    const second = breaker.acquire();
    second?.succeed();
    lost?.fail();
    expect(breaker.state).toBe('closed');
  });

  it('tries again at once after a trial its caller abandoned', async () => {
    const { breaker, clock, call } = setUp();
    for (let i = 0; i < 4; i++) call(false);
    await clock.advance(1000);
    breaker.acquire()?.release();
    expect(breaker.state).toBe('open');
    expect(call(true)).toBe(true);
    expect(breaker.state).toBe('closed');
  });

  it('stays open while tripped, whatever time passes, until reset', async () => {
    const { breaker, clock, call } = setUp();
    breaker.trip();
    await clock.advance(3_600_000);
    expect(breaker.acquire()).toBeNull();
    expect(breaker.retryInMs).toBeNull();
    breaker.reset();
    expect(breaker.tripped).toBe(false);
    expect(call(true)).toBe(true);
  });

  it('ignores the wall clock', async () => {
    const { breaker, clock, call } = setUp();
    for (let i = 0; i < 4; i++) call(false);
    clock.shiftWallTime(-3_600_000);
    await clock.advance(1000);
    expect(call(true)).toBe(true);
    expect(breaker.state).toBe('closed');
  });

  it('never has two trials, and never stays shut once the service answers', async () => {
    const command = fc.oneof(
      fc.record({ kind: fc.constant('acquire' as const) }),
      fc.record({
        kind: fc.constantFrom('succeed' as const, 'fail' as const, 'release' as const),
        which: fc.nat(5),
      }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 6000 }) }),
      fc.record({ kind: fc.constantFrom('trip' as const, 'reset' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
        const { breaker, clock, call } = setUp();
        const held: Permit[] = [];
        let trialAt = Number.NEGATIVE_INFINITY;
        for (const c of commands) {
          if (c.kind === 'acquire') {
            const wasHalfOpen = breaker.state === 'half-open';
            const permit = breaker.acquire();
            if (permit) {
              if (wasHalfOpen) expect(clock.now() - trialAt).toBeGreaterThanOrEqual(30_000);
              if (permit.isTrial) trialAt = clock.now();
              held.push(permit);
            }
          } else if (c.kind === 'wait') await clock.advance(c.ms);
          else if (c.kind === 'trip') breaker.trip();
          else if (c.kind === 'reset') breaker.reset();
          else if (c.kind === 'succeed') held.splice(c.which, 1)[0]?.succeed();
          else if (c.kind === 'fail') held.splice(c.which, 1)[0]?.fail();
          else if (c.kind === 'release') held.splice(c.which, 1)[0]?.release();
          expect(breaker.tripped && breaker.acquire() !== null).toBe(false);
        }
        if (breaker.tripped) breaker.reset();
        await clock.advance(30_000);
        expect(call(true)).toBe(true);
        expect(breaker.state).toBe('closed');
      }),
      { numRuns: 60 },
    );
  });
});
