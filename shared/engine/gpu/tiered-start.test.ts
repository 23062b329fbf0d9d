import { describe, expect, it } from 'vitest';
import { loweringOf } from '../kernels/catalog.ts';
import type { LoweringContext } from '../kernels/kernel-call.ts';
import type { Tile } from '../kernels/tiles.ts';
import { Graph } from '../plan/graph.ts';
import { makePlan } from '../plan/plan.ts';
import { Autotuner } from './autotuner.ts';
import { type PlanInUse, replaceStarts, startTiles } from './tiered-start.ts';
import type { Workbench } from './tuning-workbench.ts';

const context: LoweringContext = {
  ...{ replicas: 1, parameterElements: 64, family: 'software', quads: false },
  ...{ scheduleBase: 12, scheduleColumns: 4 },
};

/** A product of so many rows and, light beside it, a small one. */
function planOf(rows: number) {
  const graph = new Graph();
  const external = (name: string, shape: readonly number[]) =>
    graph.create(name, shape, { role: 'external', replicated: false });
  const y = graph.one('linear', [external('x', [rows, 64]), external('w', [64, 64])]);
  const small = graph.one('linear', [external('x2', [32, 64]), external('w2', [64, 64])]);
  return makePlan('products', graph, 1, { y, small }).dispatches;
}

const callsOf = (dispatches: ReturnType<typeof planOf>) =>
  dispatches.map((d) => loweringOf(d.op)(d, context));

/** What a plan in use is told, and a bench on which the words of the second call differ or not. */
function inUse(alike: boolean) {
  const dispatches = planOf(2048);
  const starts = startTiles(dispatches, callsOf(dispatches), context);
  const replaced: [string, Tile][] = [];
  let open = true;
  const plan = {
    ...{ dispatches, context, starts },
    isOpen: () => open,
    replace: async (key: string, tile: Tile) => {
      replaced.push([key, tile]);
    },
  } as unknown as PlanInUse;
  const compared: string[] = [];
  const bench = {
    open: (call: { choice: { key: string } }) => compared.push(call.choice.key),
    prepare: async () => ({}),
    results: async () => [Uint32Array.of(1, 2), Uint32Array.of(1, alike ? 2 : 3)],
    close() {},
    dispose() {},
  } as unknown as Workbench;
  const close = () => {
    open = false;
  };
  return { plan, starts, replaced, compared, bench, close };
}

describe('startTiles()', () => {
  it('begins with small tiles where the plan is meant to have large ones', () => {
    const dispatches = planOf(2048);
    const calls = callsOf(dispatches);
    const starts = startTiles(dispatches, calls, context);
    expect(Object.keys(starts)).toEqual(calls.map((c) => c.choice!.key));
    for (const { choice } of calls) expect(starts[choice!.key]).toEqual(choice!.start);
    const own = { ...context, tiles: starts };
    const begun = dispatches.map((d) => loweringOf(d.op)(d, own));
    expect(startTiles(dispatches, begun, own)).toEqual({});
  });

  it('leaves out a tile that would need more workgroups than there are', () => {
    const dispatches = planOf(400_000);
    const starts = startTiles(dispatches, callsOf(dispatches), context);
    expect(Object.keys(starts)).toEqual([callsOf(dispatches)[1]!.choice!.key]);
  });
});

describe('replaceStarts()', () => {
  const ways = (shown: boolean) => {
    const refused: [string, Tile][] = [];
    return {
      refused,
      ways: {
        shown: () => shown,
        refused: (key: string, start: Tile) => {
          refused.push([key, start]);
        },
      },
    };
  };

  it('replaces the heaviest first, each after a comparison', async () => {
    const { bench, compared, plan, replaced, starts } = inUse(true);
    const { refused, ways: w } = ways(false);
    await replaceStarts(plan, () => bench, w);
    const wanted = callsOf([...plan.dispatches]).map(({ choice }) => [choice!.key, choice!.tile]);
    expect(replaced).toEqual(wanted);
    expect(compared).toEqual(Object.keys(starts));
    expect(refused).toEqual([]);
  });

  it('compares nothing that was shown to agree', async () => {
    const { bench, compared, plan, replaced } = inUse(false);
    await replaceStarts(plan, () => bench, ways(true).ways);
    expect(compared).toEqual([]);
    expect(replaced.length).toBe(2);
  });

  it('keeps what a plan began with where another tile gives other bits', async () => {
    const { bench, plan, replaced, starts } = inUse(false);
    const { refused, ways: w } = ways(false);
    await replaceStarts(plan, () => bench, w);
    expect(replaced).toEqual([]);
    expect(refused).toEqual(Object.entries(starts));
  });

  it('stops when the plan is disposed of', async () => {
    const { bench, close, plan, replaced } = inUse(true);
    const { ways: w } = ways(false);
    const done = replaceStarts(plan, () => bench, w);
    close();
    await done;
    expect(replaced).toEqual([]);
  });
});

describe('Autotuner.improve', () => {
  const improved = async (isOpen: boolean) => {
    const notices: string[] = [];
    const { close, plan } = inUse(true);
    if (!isOpen) close();
    const about = { adapter: 'test', shaderDigest: 'sha256:0', tiered: true };
    const tuner = new Autotuner({ ...about, onNotice: (message) => notices.push(message) });
    const createBuffer = () => {
      throw new Error('no room');
    };
    await tuner.improve?.({ ...plan, device: { createBuffer } as unknown as GPUDevice });
    return notices;
  };

  it('says why a run keeps the kernels that it began with', async () => {
    expect(await improved(true)).toEqual([
      expect.stringMatching(/^Keeping the kernels that the run began with: /),
    ]);
  });

  it('says nothing of a plan that is closed', async () => {
    expect(await improved(false)).toEqual([]);
  });
});
