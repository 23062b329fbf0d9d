/** Compiles the kernels of plans to come, with the tiles that are known, and makes nothing else. */
import { loweringOf } from '../kernels/catalog.ts';
import type { KernelCall, LoweringContext } from '../kernels/kernel-call.ts';
import type { KernelsAhead, KernelTally, PlanBindings } from '../plan/backend.ts';
import type { Plan } from '../plan/plan.ts';
import type { PipelineCache } from './pipeline-cache.ts';
import type { TileSource } from './tile-source.ts';

/** What of a backend decides which kernels a plan has. */
export interface KernelMaker {
  readonly device: GPUDevice;
  readonly pipelines: PipelineCache;
  readonly tuner: TileSource | null;
  contextOf(plan: Plan, schedule: Schedule): LoweringContext;
}

type Schedule = Pick<PlanBindings, 'scheduleBase' | 'scheduleColumns'>;

export class GpuKernelsAhead implements KernelsAhead {
  #maker: KernelMaker;

  constructor(maker: KernelMaker) {
    this.#maker = maker;
  }

  async missing(
    plan: Plan,
    schedule: Schedule,
    tally: KernelTally,
  ): Promise<(() => Promise<void>)[]> {
    const { pipelines, tuner } = this.#maker;
    const context = this.#maker.contextOf(plan, schedule);
    const tiles = (await tuner?.knownTiles?.(plan.dispatches, context)) ?? {};
    const calls = plan.dispatches.map((d) => loweringOf(d.op)(d, { ...context, tiles }));
    return this.#absent(calls).map((call) => () => pipelines.prepare(call, tally));
  }

  variants(tally: KernelTally): (() => Promise<void>)[] {
    const { pipelines, tuner } = this.#maker;
    const calls = tuner?.waitingVariants?.() ?? [];
    return this.#absent(calls).map((call) => () => pipelines.prepare(call, tally));
  }

  /** A kernel that comes again is not there yet either; the second time nothing is left to do. */
  #absent(calls: readonly KernelCall[]): KernelCall[] {
    return calls.filter((call) => !this.#maker.pipelines.has(call));
  }

  async timeNext(): Promise<boolean> {
    const { device, pipelines, tuner } = this.#maker;
    return (await tuner?.timeNext?.(device, pipelines)) ?? false;
  }

  async quiet(): Promise<void> {
    await this.#maker.tuner?.quiet?.();
  }
}
