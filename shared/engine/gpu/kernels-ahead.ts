/** Compiles the kernels of plans to come, with the tiles that are known, and makes nothing else. */
import { loweringOf } from '../kernels/catalog.ts';
import type { KernelCall, LoweringContext } from '../kernels/kernel-call.ts';
import type { KernelsAhead, KernelTally, PlanBindings } from '../plan/backend.ts';
import type { Plan } from '../plan/plan.ts';
import type { PipelineCache } from './pipeline-cache.ts';
import { beginnings } from './plan-kernels.ts';
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
  #held = 0;
  #isOver = false;
  #calm: (() => void)[] = [];

  constructor(maker: KernelMaker) {
    this.#maker = maker;
  }

  async missing(
    plan: Plan,
    schedule: Schedule,
    tally: KernelTally,
    own = false,
  ): Promise<(() => Promise<void>)[]> {
    const { pipelines, tuner } = this.#maker;
    const context = this.#maker.contextOf(plan, schedule);
    const tiles = (await tuner?.knownTiles?.(plan.dispatches, context)) ?? {};
    const { dispatches } = plan;
    const meant = dispatches.map((d) => loweringOf(d.op)(d, { ...context, tiles }));
    const beginsSmall = tuner?.improve !== undefined && !own;
    const how = { dispatches, context: { ...context, tiles }, pipelines };
    const calls = beginsSmall ? beginnings(how, meant) : meant;
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

  hold(): () => void {
    let isHeld = true;
    this.#held++;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      if (--this.#held > 0) return;
      for (const go of this.#calm.splice(0)) go();
    };
  }

  /** Nobody waits in `calm` any more: the device is being closed. */
  end(): void {
    this.#isOver = true;
    for (const go of this.#calm.splice(0)) go();
  }

  /** Resolves when nothing more urgent is being made. */
  async calm(): Promise<void> {
    while (this.#held > 0 && !this.#isOver)
      await new Promise<void>((resolve) => this.#calm.push(resolve));
  }

  async timeNext(): Promise<boolean> {
    const { device, pipelines, tuner } = this.#maker;
    return (await tuner?.timeNext?.(device, pipelines)) ?? false;
  }

  async quiet(): Promise<void> {
    await this.#maker.tuner?.quiet?.();
  }
}
