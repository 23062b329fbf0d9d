import { describe, expect, it } from 'vitest';
import { loweringOf } from '../kernels/catalog.ts';
import type { KernelCall, LoweringContext } from '../kernels/kernel-call.ts';
import { Graph } from '../plan/graph.ts';
import { makePlan } from '../plan/plan.ts';
import { Autotuner } from './autotuner.ts';
import type { PipelineCache } from './pipeline-cache.ts';
import { beginnings } from './plan-kernels.ts';
import { type Begun, type PlanInUse, replaceStarts } from './tiered-start.ts';
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

/** Kernels that are compiled, and shaders whose kernels must not be exchanged. */
const cacheOf = (ready: readonly KernelCall[] = [], pinned: readonly string[] = []) =>
  ({
    isReady: (call: KernelCall) => ready.includes(call),
    isPinned: (shader: string) => pinned.includes(shader),
  }) as unknown as PipelineCache;

/** What a plan in use is told, and a bench on which the words of the second call differ or not. */
function inUse(alike: boolean, pinned: readonly string[] = []) {
  const dispatches = planOf(2048);
  const pipelines = cacheOf([], pinned);
  const calls = callsOf(dispatches);
  const begun = beginnings({ dispatches, context, pipelines }, calls).map(
    (call, at): Begun => ({ at, call, own: calls[at]! }),
  );
  const replaced: string[] = [];
  let open = true;
  let pauses = 0;
  const plan = {
    ...{ dispatches, context, begun, measures: true, pipelines },
    isOpen: () => open,
    pause: async () => {
      pauses++;
    },
    replaceBegun: async (some: readonly Begun[]) => {
      replaced.push(...some.map(({ own }) => own.choice!.key));
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
  const keys = calls.map((c) => c.choice!.key);
  return { plan, keys, replaced, compared, bench, close, pauses: () => pauses };
}

describe('beginnings()', () => {
  it('begins with small tiles that other shapes share, where the own kernel is not compiled', () => {
    const dispatches = planOf(20_000);
    const calls = callsOf(dispatches);
    const begun = beginnings({ dispatches, context, pipelines: cacheOf() }, calls);
    for (const [i, call] of begun.entries()) {
      expect(call.choice!.tile).toEqual(calls[i]!.choice!.start);
    }
    // The large product for any shape, the small one by its least code.
    expect(begun.map((call) => call.anyShape ?? false)).toEqual([true, false]);
    expect(begun.map((call) => call.choice!.tile.compact ?? false)).toEqual([false, true]);
    const some = beginnings({ dispatches, context, pipelines: cacheOf([calls[1]!]) }, calls);
    expect(some).toEqual([begun[0], calls[1]]);
    expect(some[1]).toBe(calls[1]);
  });

  it('keeps a tile where the small one would need more workgroups than there are', () => {
    const dispatches = planOf(400_000);
    const calls = callsOf(dispatches);
    const begun = beginnings({ dispatches, context, pipelines: cacheOf() }, calls);
    expect(begun[0]!.choice!.tile).toEqual(calls[0]!.choice!.tile);
    expect(begun[1]!.choice!.tile).toEqual(calls[1]!.choice!.start);
  });

  it('begins a shader whose sums a compiler may rearrange with kernels for its own shape', () => {
    const graph = new Graph();
    const external = (name: string, shape: readonly number[]) =>
      graph.create(name, shape, { role: 'external', replicated: false });
    const [rows] = graph.apply('mse', [external('x', [64, 8]), external('y', [64, 8])]);
    const { dispatches } = makePlan('loss', graph, 1, { rows: rows! });
    const calls = callsOf(dispatches);
    const begun = beginnings({ dispatches, context, pipelines: cacheOf() }, calls);
    expect(begun[0]).toBe(calls[0]);
  });
});

describe('replaceStarts()', () => {
  const none = ({ own }: Begun) => expect.unreachable(`${own.shader} was refused`);

  it('replaces the heaviest first, each after a comparison and a pause', async () => {
    const { bench, compared, keys, pauses, plan, replaced } = inUse(true);
    const refused: Begun[] = [];
    await replaceStarts(
      plan,
      () => bench,
      (begun) => refused.push(begun),
    );
    expect(replaced).toEqual(keys);
    expect(compared).toEqual(keys);
    expect(pauses()).toBe(keys.length);
    expect(refused).toEqual([]);
  });

  it('keeps what a plan began with where its own kernel gives other bits', async () => {
    const { bench, keys, plan, replaced } = inUse(false);
    const refused: Begun[] = [];
    await replaceStarts(
      plan,
      () => bench,
      (begun) => refused.push(begun),
    );
    expect(replaced).toEqual([]);
    expect(refused.map(({ own }) => own.choice!.key)).toEqual(keys);
  });

  it('exchanges nothing of a shader that gave other bits before', async () => {
    const { bench, compared, plan, replaced } = inUse(true, ['linear']);
    await replaceStarts(plan, () => bench, none);
    expect([...replaced, ...compared]).toEqual([]);
  });

  it('stops when the plan is disposed of', async () => {
    const { bench, close, plan, replaced } = inUse(true);
    const done = replaceStarts(plan, () => bench, none);
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
