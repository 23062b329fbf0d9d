/**
 * A tiered start: a plan begins with the kernels that compile fastest, and those it is meant to have take
 * their place between two of its runs. Every tile of a kernel gives the same bits, so it does not
 * matter when that is; a tile that this adapter was not yet seen to compute alike is compared with the
 * one in use first, bit by bit. Nothing is compiled or made within a step.
 */
import { loweringOf } from '../kernels/catalog.ts';
import type { KernelCall, LoweringContext } from '../kernels/kernel-call.ts';
import { MAX_GROUPS } from '../kernels/kernel-call.ts';
import { isShorter } from '../kernels/start-tiles.ts';
import type { Tile } from '../kernels/tiles.ts';
import type { Dispatch } from '../plan/plan.ts';
import { sameWords } from './measure-tiles.ts';
import type { PipelineCache } from './pipeline-cache.ts';
import type { Workbench } from './tuning-workbench.ts';

/** A plan that runs, and whose kernels may be replaced between two runs. */
export interface PlanInUse {
  dispatches: readonly Dispatch[];
  /** With the tiles that the plan is meant to have. */
  context: LoweringContext;
  /** Tiles that it began with instead, by key. */
  starts: Readonly<Record<string, Tile>>;
  device: GPUDevice;
  pipelines: PipelineCache;
  /** False once it is disposed of: nothing is to be replaced any more. */
  isOpen(): boolean;
  /** True once the device is to be closed: what is under way is left unfinished. */
  isEnding(): boolean;
  /** Compiles a tile and puts it in the place of the one with the key. */
  replace(key: string, tile: Tile): Promise<void>;
  /** Does work while the device does nothing else: what others read from it is held back. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

/** Tiles to begin with, by key, where one is much shorter than the one in `calls`. */
export function startTiles(
  dispatches: readonly Dispatch[],
  calls: readonly KernelCall[],
  context: LoweringContext,
): Record<string, Tile> {
  const starts: Record<string, Tile> = {};
  const unfit = new Set<string>();
  calls.forEach(({ choice }, i) => {
    if (!choice || !isShorter(choice.start, choice.tile)) return;
    const { key, start } = choice;
    const d = dispatches[i]!;
    const call = loweringOf(d.op)(d, { ...context, tiles: { ...context.tiles, [key]: start } });
    // Smaller tiles are more workgroups, and may be too many.
    if (call.grid.some((n) => n > MAX_GROUPS)) unfit.add(key);
    starts[key] = start;
  });
  for (const key of unfit) delete starts[key];
  return starts;
}

export interface StartOptions {
  /** Whether a tile was seen to give the default's bits on this adapter. */
  shown(key: string, tile: Tile): boolean;
  /** Told of a tile that gives other bits than the start, which stays. */
  refused(key: string, start: Tile): void;
}

/** Puts the tiles of its context in the place of the plan's starts, the heaviest kernels first. */
export async function replaceStarts(
  plan: PlanInUse,
  open: () => Workbench,
  { refused, shown }: StartOptions,
): Promise<void> {
  const { context, dispatches, starts } = plan;
  const lower = (d: Dispatch, tiles: LoweringContext['tiles'] = context.tiles) =>
    loweringOf(d.op)(d, { ...context, tiles: tiles ?? {} });
  const left = dispatches.flatMap((dispatch) => {
    const { choice } = lower(dispatch);
    return choice && starts[choice.key] ? [{ dispatch, ...choice }] : [];
  });
  left.sort((a, b) => b.work - a.work);
  const done = new Set<string>();
  const bench = open();
  try {
    for (const { dispatch, key, tile } of left) {
      if (!plan.isOpen()) return;
      if (done.has(key)) continue;
      done.add(key);
      const start = starts[key]!;
      const begun = lower(dispatch, { ...context.tiles, [key]: start });
      const alike =
        (shown(key, start) && shown(key, tile)) || (await agree(bench, begun, lower(dispatch)));
      if (!plan.isOpen()) return;
      if (alike) await plan.replace(key, tile);
      else refused(key, start);
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
