/** Keeps the network in step with the growth state: plans, folds, and what cannot be built. */
import { DeviceLostError, messageOf } from '../base/errors.ts';
import type { HostChange } from '../kasmina/host-changes.ts';
import type { GraftedSeed } from '../kasmina/kasmina-layer.ts';
import { foldSeed } from './fold-seeds.ts';
import { topologyOf } from './growth-sites.ts';
import type { LookMeasurements } from './look-measurements.ts';
import type { RunCore } from './run-core.ts';

/** What changes of the network cost: plans and kernels made while training stood still. */
export interface Rebuilds {
  count: number;
  totalMs: number;
  longestMs: number;
}

export class NetworkFollower {
  /** Text that stands for the network in force. */
  key = '';
  #run: RunCore;
  #measurements: LookMeasurements;
  /** Kernel variants that the log has: their tiles by key. */
  #tuned = new Map<string, string>();
  /** Changes of the network after its first plans, and how long training stood still for each. */
  readonly rebuilds: Rebuilds = { count: 0, totalMs: 0, longestMs: 0 };

  /** @param measurements Measure one topology, and are made anew for the next. */
  constructor(run: RunCore, measurements: LookMeasurements) {
    this.#run = run;
    this.#measurements = measurements;
  }

  /** Brings the network up to the growth state, where it is not yet. */
  async apply(): Promise<void> {
    const key = this.#run.growth.topologyKey();
    if (key === this.key && this.#run.state.growth === this.#run.growth.state) return;
    const { topology, groups } = this.#network();
    const { seeds } = topology;
    if (key !== this.key || this.#run.runtime.groups.length === 0) {
      this.#measurements.dispose();
      const isFirst = this.#run.runtime.groups.length === 0;
      const began = performance.now();
      try {
        await this.#run.runtime.setTopology(topology, groups);
      } catch (error) {
        if (!this.#dropUnbuildable(seeds, error)) throw error;
        return this.apply();
      }
      if (!isFirst) this.#count(performance.now() - began);
      this.key = key;
      if (this.#run.log.length > 0) this.logTuning();
    }
    this.#run.state.growth = this.#run.growth.state;
  }

  /** Logs the kernel variants of the plans in force, if the log has not these. */
  logTuning(): void {
    const record = this.#run.options.backend.tuning?.record();
    const fresh = Object.entries(this.#run.runtime.variants).filter(
      ([key, { tile }]) => this.#tuned.get(key) !== JSON.stringify(tile),
    );
    if (!record || fresh.length === 0) return;
    for (const [key, { tile }] of fresh) this.#tuned.set(key, JSON.stringify(tile));
    this.#run.emit({ type: 'tuning', ...record, choices: Object.fromEntries(fresh) });
  }

  #count(ms: number): void {
    this.rebuilds.count++;
    this.rebuilds.totalMs += ms;
    this.rebuilds.longestMs = Math.max(this.rebuilds.longestMs, ms);
  }

  /** The network of the growth state, with `changes` of its host besides, `without` one seed. */
  #network(changes: readonly HostChange[] = [], without?: string) {
    const { growth } = this.#run;
    const seeds = growth
      .seeds()
      .filter((s) => s.seedId !== without)
      .map((s, i) => ({ ...s, group: i + 1 }));
    return this.networkOf(seeds, [...growth.hostChanges, ...changes]);
  }

  /** The host, as `changes` made it, with seeds that need not be there yet. */
  networkOf(seeds: readonly GraftedSeed[], changes = this.#run.growth.hostChanges) {
    const { experiment, growth, options } = this.#run;
    const topology = topologyOf(experiment, options.dataset, seeds, changes);
    const groups = [
      { bornStep: 0 },
      ...seeds.map((s) => ({ bornStep: growth.record(s.layerId, s.slot).bornStep })),
    ];
    return { topology, groups };
  }

  /** Makes what fossilised part of the host's own tensors, where the experiment wants it. */
  async foldFossilized(): Promise<void> {
    if (this.#run.experiment.growth.fold !== 'auto') return;
    for (const record of this.#run.growth.unfolded()) {
      const { dataset } = this.#run.options;
      const task = {
        ...{ runtime: this.#run.runtime, growth: this.#run.growth, step: this.#run.state.step },
        ...{ optimizer: this.#run.experiment.optimizer, rows: dataset.validation.x },
        features: dataset.features,
        network: (changes: readonly HostChange[], without: string) =>
          this.#network(changes, without),
      };
      const event = await foldSeed(task, record);
      if (!event) continue;
      if (event.folded) {
        this.#measurements.dispose();
        this.key = this.#run.growth.topologyKey();
        this.#run.signals = this.#run.signals.filter((s) => s.seedId !== event.seedId);
      }
      this.#run.emit(event);
    }
  }

  /**
   * A seed that the adapter cannot run, because it is too large for it, must not end the run: those
   * that are new since the plan that works are taken out. False: nothing can be done.
   */
  #dropUnbuildable(seeds: readonly GraftedSeed[], error: unknown): boolean {
    if (error instanceof DeviceLostError || this.#run.runtime.groups.length === 0) return false;
    const built = this.#run.runtime.topology.seeds;
    const fresh = seeds.filter(
      (s) => !built.some((b) => b.seedId === s.seedId && b.stage === s.stage),
    );
    const cause = `its network could not be built: ${messageOf(error)}`;
    return this.#run.growth.cullSeeds(
      new Set(fresh.map((s) => s.seedId)),
      this.#run.state.step,
      cause,
    );
  }
}
