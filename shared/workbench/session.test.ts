import { afterEach, describe, expect, it } from 'vitest';
import type { EngineRequest } from '../contracts/engine-protocol.ts';
import type { KernelTimes } from '../contracts/kernel-times.ts';
import { advance, cull, germinate, setAlpha } from '../tolaria/_test-run.ts';
import { closeSessions, digestOf, session, start } from './_test-session.ts';

const order = (command: Extract<EngineRequest, { kind: 'command' }>['command']): EngineRequest => ({
  ...{ kind: 'command', command },
});

afterEach(closeSessions);

describe('WorkbenchSession', () => {
  it('trains to the end, and after a reset to the same digest', async () => {
    const s = await session();
    await s.handle(start(false));
    await s.until('finished');
    const digest = digestOf(s);
    expect(digest).toMatch(/^sha256:/);
    s.messages.length = 0;
    await s.handle({ kind: 'reset' });
    expect(s.snapshot()).toMatchObject({ status: 'paused', step: 0 });
    await s.handle({ kind: 'continue' });
    await s.until('finished');
    expect(digestOf(s)).toBe(digest);
  });

  it('makes single steps, and pauses change no bit', async () => {
    const whole = await session();
    await whole.handle(start(false));
    await whole.until('finished');
    const s = await session();
    await s.handle(start(true));
    for (const steps of [1, 2, 7]) {
      const before = s.snapshot().step;
      await s.handle({ kind: 'step', steps });
      await s.until('paused');
      expect(s.snapshot().step).toBe(before + steps);
    }
    for (let i = 0; i < 5; i++) {
      await s.handle({ kind: 'continue' });
      await s.handle({ kind: 'pause' });
    }
    await s.handle({ kind: 'continue' });
    await s.until('finished');
    expect(digestOf(s)).toBe(digestOf(whole));
  });

  it('takes commands that come all at once, while paused and while pausing', async () => {
    const orders = [
      ...[
        germinate('fc1', 'widen-2'),
        germinate('fc2', 'low-rank-1', 'gate'),
        setAlpha('fc1', 0.5),
      ],
      ...[advance('fc2'), cull('fc1'), germinate('fc1', 'widen-3')],
    ];
    const s = await session();
    await s.handle(start(true));
    await Promise.all(orders.map((command) => s.handle(order(command))));
    const answers = () => s.events().flatMap((e) => (e.type === 'command' ? [e] : []));
    expect(answers().map((e) => e.command)).toEqual(orders);
    expect(answers().map((e) => e.accepted)).toEqual([true, true, false, false, false, false]);
    await s.handle({ kind: 'step', steps: 12 });
    await s.until('paused');
    // Both seeds stand now; a topology is made anew with each of these.
    const pausing = [
      s.handle({ kind: 'continue' }),
      s.handle({ kind: 'pause' }),
      ...[cull('fc1'), advance('fc2'), cull('fc2')].map((command) => s.handle(order(command))),
      s.handle({ kind: 'pause' }),
    ];
    await Promise.all(pausing);
    expect(
      answers()
        .slice(6)
        .map((e) => e.accepted),
    ).toEqual([true, true, true]);
    expect(s.snapshot()).toMatchObject({ status: 'paused', message: null });
    await s.handle({ kind: 'continue' });
    await s.until('finished');
  });

  it('goes on from what another sitting stored', async () => {
    const whole = await session();
    await whole.handle(start(false));
    await whole.until('finished');
    const first = await session();
    await first.handle(start(true));
    await first.handle({ kind: 'step', steps: 23 });
    await first.until('paused');
    await first.handle({ kind: 'pause' });
    const { runId } = first.snapshot();
    const second = await session(first.stored);
    expect(await second.handle({ kind: 'resume-stored', runId: 'unheard-of' })).toBe(false);
    expect(await second.handle({ kind: 'resume-stored', runId })).toBe(true);
    expect(second.snapshot()).toMatchObject({ status: 'paused', step: 23, runId });
    await second.handle({ kind: 'continue' });
    await second.until('finished');
    expect(digestOf(second)).toBe(digestOf(whole));
  });

  it('ends a run that was left between its last checkpoint and its last event', async () => {
    const whole = await session();
    await whole.handle(start(false));
    await whole.until('finished');
    const { runId } = whole.snapshot();
    const storage = whole.stored.get(runId)!;
    const lines = await storage.events.readAll();
    const end = lines.findIndex((line) => line.includes('"run.finished"'));
    expect(end).toBe(lines.length - 1);
    await storage.events.truncate(end);
    // As it is after the cut, and once more with a whole log.
    for (let sitting = 0; sitting < 2; sitting++) {
      const next = await session(whole.stored);
      expect(await next.handle({ kind: 'resume-stored', runId })).toBe(true);
      expect(next.snapshot().status).toBe('finished');
      expect(digestOf(next)).toBe(digestOf(whole));
      const log = (await storage.events.readAll()).filter((line) => line.includes('run.finished'));
      expect(log).toHaveLength(1);
    }
  });

  it('refuses what needs a run before there is one', async () => {
    const s = await session();
    await expect(s.handle({ kind: 'continue' })).rejects.toThrow(
      'Cannot do this without a run: start one first',
    );
    await expect(s.handle({ kind: 'trip-breaker', service: 'urza' })).rejects.toThrow(
      /without a server/,
    );
  });

  it('lists the kernels of a step while it trains, paused and finished, and changes no bit', async () => {
    const whole = await session();
    await whole.handle(start(false));
    await whole.until('finished');
    const s = await session();
    await expect(s.handle({ kind: 'kernel-times' })).rejects.toThrow(/without a run/);
    await s.handle(start(true));
    const times = (await s.handle({ kind: 'kernel-times' })) as KernelTimes;
    expect(times).toMatchObject({ step: 0, timedSteps: 0, milliseconds: null });
    expect(times.unmeasured).toMatch(/reference engine/);
    expect(times.kernels.every((k) => k.milliseconds === null)).toBe(true);
    const dispatches = times.kernels.reduce((sum, k) => sum + k.dispatches, 0);
    expect(dispatches).toBe(s.snapshot().dispatchesPerStep);
    await s.handle({ kind: 'continue' });
    await Promise.all([1, 2].map(() => s.handle({ kind: 'kernel-times' })));
    await s.until('finished');
    await s.handle({ kind: 'kernel-times' });
    expect(s.snapshot().status).toBe('finished');
    expect(digestOf(s)).toBe(digestOf(whole));
  });
});
