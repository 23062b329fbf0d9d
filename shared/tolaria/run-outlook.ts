/**
 * Which networks a run will have next, and which it may have: read off its state, its pending
 * decisions and its schedule. Whoever has time makes their kernels; the run itself asks nothing.
 */
import type { Blueprint } from '../contracts/blueprint.ts';
import type { BlendMode } from '../contracts/seed.ts';
import type { KernelTally } from '../engine/plan/backend.ts';
import { type ImaginedSlot, seedsAfter } from '../kasmina/imagined-seeds.ts';
import type { GraftedSeed } from '../kasmina/kasmina-layer.ts';
import { isDue } from '../kasmina/seed-slot.ts';
import { type CompileKernel, type KernelScope, kernelsAhead } from './kernels-ahead.ts';
import type { NetworkFollower } from './network-follower.ts';
import type { RunActions } from './run-actions.ts';
import type { RunCore } from './run-core.ts';

/** A network that may come. */
export interface Outlook {
  /** The same for networks with the same kernels. */
  key: string;
  seeds: GraftedSeed[];
}

/** A seed that may be planted. */
export interface Planting {
  layerId: string;
  slot: number;
  blueprint: string;
}

export class RunOutlook {
  #run: RunCore;
  #network: NetworkFollower;
  #actions: RunActions;
  #looking: Promise<unknown> | null = null;

  constructor(run: RunCore, network: NetworkFollower, actions: RunActions) {
    this.#run = run;
    this.#network = network;
    this.#actions = actions;
  }

  /** Waits for a look of the trainer, which measures times; never rejects. */
  async notLooking(): Promise<void> {
    while (this.#looking) await this.#looking;
  }

  /** Tells of a look while it lasts. */
  async whileLooking(look: Promise<void>): Promise<void> {
    const quiet = look.catch(() => undefined);
    this.#looking = quiet;
    try {
      await look;
    } finally {
      if (this.#looking === quiet) this.#looking = null;
    }
  }

  /** Whether a policy, and not a schedule alone, decides from now on. */
  get hasPolicy(): boolean {
    return this.#actions.hasPolicy;
  }

  /** Seeds that a schedule plants from now on, soonest first. */
  scheduled(): Planting[] {
    return this.#actions.plantings();
  }

  /**
   * The network in force, that of the next look, and those that follow it for sure or almost: with
   * what germinates at that look, and with each seed in TRAINING blended.
   */
  next(): Outlook[] {
    const now = this.#changesNow();
    const germinating = this.#run.state.pending.flatMap(
      ({ action, blendMode, blueprint, layerId, slot }) =>
        action === 'germinate' && layerId !== null && slot !== null && blueprint !== null
          ? this.#planted({ layerId, slot, blueprint }, blendMode)
          : [],
    );
    const later = this.#loading(false);
    const sets = [[], now, [...now, ...later, ...germinating]];
    const training = seedsAfter(this.#run.growth.state, now).filter((s) => s.stage === 'TRAINING');
    for (const { layerId, slot } of training) {
      sets.push([...now, { layerId, slot, stage: 'BLENDING' }]);
    }
    return this.#distinct(sets.map((changes) => this.#outlook(changes)));
  }

  /** The network of the next look with one more seed; null where the slot is taken. */
  with(planting: Planting): Outlook | null {
    const planted = this.#planted(planting);
    return planted.length > 0 ? this.#outlook([...this.#changesNow(), ...planted]) : null;
  }

  /** See {@link kernelsAhead}. */
  kernels(
    { seeds }: Outlook,
    scope: KernelScope,
    tally: KernelTally,
  ): AsyncGenerator<CompileKernel[]> {
    return kernelsAhead(this.#run, this.#network.networkOf(seeds), scope, tally);
  }

  /** What changes at the next look. */
  #changesNow(): ImaginedSlot[] {
    const decided = this.#run.state.pending.flatMap(({ action, layerId, slot }): ImaginedSlot[] => {
      const record = this.#run.growth.find(layerId, slot);
      if (!record || layerId === null || slot === null) return [];
      if (action === 'cull') return [{ layerId, slot, stage: 'CULLED' }];
      if (action !== 'advance' || record.state.stage !== 'TRAINING') return [];
      return [{ layerId, slot, stage: 'BLENDING' }];
    });
    return [...this.#loading(true), ...decided];
  }

  /** Seeds on their way that are placed at the next look, or after it. */
  #loading(atNextLook: boolean): ImaginedSlot[] {
    const { intervalSteps } = this.#run.experiment;
    const nextLook = (Math.floor(this.#run.state.step / intervalSteps) + 1) * intervalSteps;
    return this.#run.growth.state.slots
      .filter(({ state }) => state.stage === 'LOADING' && isDue(state, nextLook) === atNextLook)
      .map(({ state: { layerId, slot } }) => ({ layerId, slot, stage: 'TRAINING' }));
  }

  #planted({ blueprint: name, layerId, slot }: Planting, mode?: BlendMode): ImaginedSlot[] {
    const record = this.#run.growth.find(layerId, slot);
    const stage = record?.state.stage;
    if (stage !== 'DORMANT' && stage !== 'CULLED') return [];
    let blueprint: Blueprint;
    try {
      blueprint = this.#run.options.blueprintOf(name);
    } catch {
      // The germination will be refused with the reason.
      return [];
    }
    const blendMode = mode ?? this.#run.experiment.growth.blendMode;
    return [{ layerId, slot, stage: 'TRAINING', planted: { blueprint, blendMode } }];
  }

  #outlook(changes: readonly ImaginedSlot[]): Outlook {
    const { hostChanges, state } = this.#run.growth;
    const seeds = seedsAfter(state, changes);
    const key = JSON.stringify([
      hostChanges.length,
      ...seeds.map((s) => [s.layerId, s.blueprint.name, kindOf(s), s.blendMode]),
    ]);
    return { key, seeds };
  }

  #distinct(outlooks: readonly Outlook[]): Outlook[] {
    return [...new Map(outlooks.map((o) => [o.key, o])).values()];
  }
}

/** A seed that holds runs the kernels of one that blends; one that stays needs no alpha. */
function kindOf({ stage }: GraftedSeed): string {
  return stage === 'HOLDING' ? 'BLENDING' : stage;
}
