/**
 * A tiered start: a plan begins with kernels for any shape where its own are not compiled, and its own take
 * their place between two of its runs. All give the same bits, so it does not matter when that is; each is
 * compared first, bit by bit, with the one in use. Nothing is compiled or made within a step.
 */
import type { KernelCall, LoweringContext } from '../kernels/kernel-call.ts';
import type { Tile } from '../kernels/tiles.ts';
import type { Dispatch } from '../plan/plan.ts';
import { sourceOf } from './kernel-source.ts';
import { sameWords } from './measure-tiles.ts';
import type { PipelineCache } from './pipeline-cache.ts';
import type { Workbench } from './tuning-workbench.ts';

/** What one dispatch of a plan begins with, and what it is meant to have. */
export interface Begun {
  /** Number of the dispatch. */
  at: number;
  call: KernelCall;
  own: KernelCall;
}

/** A plan that runs, and whose kernels may be replaced between two runs. */
export interface PlanInUse {
  dispatches: readonly Dispatch[];
  /** With the tiles that the plan is meant to have. */
  context: LoweringContext;
  begun: readonly Begun[];
  /** Whether variants may be timed for it. */
  measures: boolean;
  device: GPUDevice;
  pipelines: PipelineCache;
  /** False once it is disposed of: nothing is to be replaced any more. */
  isOpen(): boolean;
  /** True once the device is to be closed: what is under way is left unfinished. */
  isEnding(): boolean;
  /** Waits for what is more urgent, before each kernel. */
  pause(): Promise<void>;
  /** Compiles a tile and puts it in the place of the one with the key. */
  replace(key: string, tile: Tile): Promise<void>;
  /** Compiles what dispatches are meant to have and puts it in its place. */
  replaceBegun(begun: readonly Begun[]): Promise<void>;
  /** Does work while the device does nothing else: what others read from it is held back. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * Shaders that read where to read: on the numbers of a comparison they would leave their buffers, and
 * what they find there is not defined. They copy, and compute nothing.
 */
const BY_INDEX = new Set(['gather_batch']);

/**
 * Puts the plan's own kernels in the place of what it began with, the heaviest first.
 *
 * @param refused Told of a kernel that gives other bits than the one begun with, which stays.
 */
export async function replaceStarts(
  plan: PlanInUse,
  open: () => Workbench,
  refused: (begun: Begun) => void,
): Promise<void> {
  const kernels = new Map<string, Begun[]>();
  for (const begun of plan.begun) {
    if (plan.pipelines.isPinned(begun.own.shader)) continue;
    const key = begun.own.choice?.key ?? sourceOf(begun.own).key;
    kernels.set(key, [...(kernels.get(key) ?? []), begun]);
  }
  const work = (group: readonly Begun[]) => group[0]!.own.choice?.work ?? 0;
  const left = [...kernels.values()].sort((a, b) => work(b) - work(a));
  const bench = open();
  try {
    for (const group of left) {
      await plan.pause();
      if (!plan.isOpen()) return;
      const { call, own } = group[0]!;
      const alike = BY_INDEX.has(own.shader) || (await agree(bench, call, own));
      if (!plan.isOpen()) return;
      if (alike) await plan.replaceBegun(group);
      else refused(group[0]!);
    }
  } finally {
    bench.dispose();
  }
}

/** Whether two calls of one dispatch write the same words, from the same numbers. */
async function agree(bench: Workbench, a: KernelCall, b: KernelCall): Promise<boolean> {
  bench.open(a);
  try {
    const calls = [await bench.prepare(a), await bench.prepare(b)];
    const [first, second] = await bench.results(calls);
    return sameWords(first!, second!);
  } finally {
    bench.close();
  }
}
