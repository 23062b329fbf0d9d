import { afterEach, describe, expect, it } from 'vitest';
import type { ReplayResult, StoredRunRow, StoredRunView } from '../contracts/branch-protocol.ts';
import type { EngineRequest, ExportedFile } from '../contracts/engine-protocol.ts';
import { germinate, setLearningRate } from '../tolaria/_test-run.ts';
import { closeSessions, digestOf, session, start } from './_test-session.ts';
import { MAX_STORED_RUNS } from './branch-desk.ts';

afterEach(closeSessions);

const order = (command: Extract<EngineRequest, { kind: 'command' }>['command']): EngineRequest => ({
  ...{ kind: 'command', command },
});

/** A finished run whose seed was germinated by hand at step 12. */
async function grown() {
  const s = await session();
  await s.handle(start(true));
  await s.handle({ kind: 'step', steps: 12 });
  await s.until('paused');
  await s.handle(order(germinate('fc1', 'low-rank-2')));
  await s.handle({ kind: 'continue' });
  await s.until('finished');
  return s;
}

const fork = (more: Partial<Extract<EngineRequest, { kind: 'fork' }>>): EngineRequest => ({
  ...{ kind: 'fork', step: null, without: null, added: [], future: 'schedule', ...more },
});

describe('a sitting that looks back', () => {
  it('rewinds its run, which then ends the same', async () => {
    const s = await grown();
    const { runId } = s.snapshot();
    const digest = digestOf(s);
    expect(await s.handle({ kind: 'rewind', step: 20 })).toBe(true);
    expect(s.snapshot()).toMatchObject({ runId, step: 20, status: 'paused' });
    s.messages.length = 0;
    await s.handle({ kind: 'continue' });
    await s.until('finished');
    expect(digestOf(s)).toBe(digest);
  });

  it('forks without an event, and shows both beside each other', async () => {
    const s = await grown();
    const parent = s.snapshot().runId;
    const command = s.events().find((e) => e.type === 'command')!;
    const id = (await s.handle(fork({ without: command.seq }))) as string;
    expect(s.snapshot()).toMatchObject({ runId: id, step: 12, status: 'paused' });
    s.messages.length = 0;
    await s.handle({ kind: 'continue' });
    await s.until('finished');
    const never = await session();
    await never.handle(start(false));
    await never.until('finished');
    expect(digestOf(s)).toBe(digestOf(never));

    const rows = (await s.handle({ kind: 'list-runs' })) as StoredRunRow[];
    expect(rows.map((r) => [r.runId, r.status, r.step, r.lineage?.parent ?? null])).toEqual([
      [id, 'done', 60, parent],
      [parent, 'done', 60, null],
    ]);
    const views: StoredRunView[] = [];
    for (const runId of [parent, id]) {
      views.push((await s.handle({ kind: 'view-run', runId, resolution: 8 })) as StoredRunView);
    }
    const [a, b] = views;
    expect(a!.curve.steps).toEqual(b!.curve.steps);
    // The same until the germination, another run after it.
    expect(a!.curve.loss.slice(0, 2)).toEqual(b!.curve.loss.slice(0, 2));
    expect(a!.seeds).toMatchObject([{ seedId: 's1', blueprint: 'low-rank-2', germinatedStep: 12 }]);
    expect(b!.seeds).toEqual([]);
    expect(a!.boundary!.probabilities).toHaveLength(8 * 8 * 2);
    expect(b!.lineage!.change.without!.text).toContain('germinate');
    // Looking changes nothing.
    const log = await s.stored.get(parent)!.events.readAll();
    await s.handle({ kind: 'view-run', runId: parent, resolution: 8 });
    expect(await s.stored.get(parent)!.events.readAll()).toEqual(log);
  });

  it('forks with a command more', async () => {
    const s = await grown();
    const added = [{ step: 30, command: setLearningRate(0.001) }];
    await s.handle(fork({ step: 30, added }));
    s.messages.length = 0;
    await s.handle({ kind: 'step', steps: 1 });
    await s.until('paused');
    expect(s.events()).toContainEqual(
      expect.objectContaining({ type: 'command', step: 30, origin: 'replay', accepted: true }),
    );
  });

  it('replays, and measures a twin that is kept in the log', async () => {
    const s = await grown();
    const result = (await s.handle({ kind: 'replay' })) as ReplayResult;
    expect(result).toMatchObject({ status: 'same', steps: 60, difference: null });
    const shares = s.messages.flatMap((m) => (m.kind === 'work' && m.work ? [m.work.done] : []));
    expect(shares[0]).toBe(0);
    expect(shares.at(-1)).toBe(1);
    expect(s.messages.filter((m) => m.kind === 'work').at(-1)).toMatchObject({ work: null });
    expect(await s.handle({ kind: 'twin', seedId: 's1' })).toBe(true);
    expect(s.events().at(-1)).toMatchObject({ type: 'twin', seedId: 's1', horizon: 48 });
    const next = await session(s.stored);
    await next.handle({ kind: 'resume-stored', runId: s.snapshot().runId });
    expect(next.events().filter((e) => e.type === 'twin')).toHaveLength(1);
  });

  it('stops work that is asked to stop, and changes nothing then', async () => {
    const s = await grown();
    const { runId } = s.snapshot();
    const work = s.handle({ kind: 'rewind', step: 55 });
    while (!s.messages.some((m) => m.kind === 'work')) await new Promise((r) => setTimeout(r, 0));
    await s.handle({ kind: 'stop-work' });
    expect(await work).toBe(false);
    expect(s.snapshot()).toMatchObject({ runId, step: 60 });
  });

  it('takes a capsule away and opens it elsewhere', async () => {
    const s = await grown();
    const file = (await s.handle({ kind: 'export', format: 'capsule' })) as ExportedFile;
    const other = await session();
    const runId = await other.handle({
      ...{ kind: 'open-capsule', name: file.name, bytes: file.bytes },
    });
    expect(other.snapshot()).toMatchObject({ runId, step: 60, status: 'finished' });
    expect(digestOf(other)).toBe(digestOf(s));
    expect(await other.handle({ kind: 'replay' })).toMatchObject({ status: 'same' });
    const bytes = file.bytes.slice(0);
    new Uint8Array(bytes)[500]! ^= 1;
    await expect(other.handle({ kind: 'open-capsule', name: 'x', bytes })).rejects.toThrow(
      /^Cannot open "x": part/,
    );
  });

  it('keeps a bounded number of runs, and never removes the open one', async () => {
    const s = await session();
    await s.handle(start(true));
    const first = s.snapshot().runId;
    await expect(s.handle({ kind: 'remove-run', runId: first })).rejects.toThrow('that is open');
    for (let i = 0; i < MAX_STORED_RUNS + 1; i++) {
      await new Promise((r) => setTimeout(r, 2));
      await s.handle(start(true));
    }
    const rows = (await s.handle({ kind: 'list-runs' })) as StoredRunRow[];
    expect(rows).toHaveLength(MAX_STORED_RUNS);
    expect(rows.map((r) => r.runId)).not.toContain(first);
    expect(rows[0]!.runId).toBe(s.snapshot().runId);
    await s.handle({ kind: 'remove-run', runId: rows[1]!.runId });
    expect(await s.handle({ kind: 'list-runs' })).toHaveLength(MAX_STORED_RUNS - 1);
  });

  it('needs a run to look back into', async () => {
    const s = await session();
    await expect(s.handle({ kind: 'rewind', step: 3 })).rejects.toThrow('without a run');
    expect(await s.handle({ kind: 'list-runs' })).toEqual([]);
  });
});
