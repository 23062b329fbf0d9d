/** The slots of a run and the places they are at: what is there now, and what there is room for. */
import { StageTransitionError } from '../base/errors.ts';
import { probe } from '../blueprints/ir.ts';
import { offersFor } from '../blueprints/library.ts';
import type { HostShape } from '../contracts/blueprint.ts';
import type { BlueprintOffer, LayerObservation } from '../contracts/decision.ts';
import type { HealthSignal } from '../contracts/health.ts';
import { dormantSlot, type SeedSlotState } from '../contracts/seed.ts';
import { alphasAt, graftedSeeds, seedNumber } from './grafted-seeds.ts';
import type {
  GrowableSite,
  GrowthControllerOptions,
  GrowthState,
  SlotRecord,
} from './growth-state.ts';
import type { HostChange } from './host-changes.ts';
import type { GraftedSeed } from './kasmina-layer.ts';
import { measured } from './seed-slot.ts';
import { isLive } from './seed-stage.ts';

export class SlotRegistry {
  state: GrowthState;
  /** By layer, as measured at the look under way: what paced ramps follow. */
  layerSignals: ReadonlyMap<string, HealthSignal> = new Map();
  #o: GrowthControllerOptions;
  #sites: readonly GrowableSite[];
  #offers = new Map<string, BlueprintOffer[]>();

  constructor(options: GrowthControllerOptions) {
    this.#o = options;
    const { growth } = options.experiment;
    this.state = { slots: [], nextSeed: 1, germinated: 0, fossilized: 0, outcomes: [] };
    this.#sites = options.sites;
    this.#offerBlueprints();
    for (const site of options.sites) {
      for (let s = 0; s < growth.slotsPerLayer; s++) {
        this.state.slots.push({
          state: dormantSlot(site.layerId, s),
          blueprint: null,
          ramp: null,
          bornStep: 0,
          improvement: null,
          signal: null,
          lastGate: null,
        });
      }
    }
  }

  #offerBlueprints(): void {
    const { blueprints } = this.#o.experiment.growth;
    for (const site of this.#sites) {
      this.#offers.set(site.layerId, offersFor(site.host, blueprints, this.#o.blueprintOf));
    }
  }

  /** Brings the sites up to the host of the current state. */
  protected followHost(): void {
    const changes = this.hostChanges;
    const { sites, sitesAfter } = this.#o;
    const now = changes.length > 0 && sitesAfter ? sitesAfter(changes) : sites;
    if (now === this.#sites) return;
    this.#sites = now;
    this.#offerBlueprints();
  }

  /** Where seeds can grow now. */
  get sites(): readonly GrowableSite[] {
    return this.#sites;
  }

  get hostChanges(): readonly HostChange[] {
    return this.state.hostChanges ?? [];
  }

  /** Fossilised seeds that may still be folded into their host, oldest first. */
  unfolded(): SlotRecord[] {
    return this.state.slots
      .filter((r) => r.state.stage === 'FOSSILIZED' && !r.state.folded && !r.stays)
      .sort((a, b) => seedNumber(a) - seedNumber(b));
  }

  /** Whether a layer has a seed, or one on its way, that is not part of the host's own tensors. */
  hasGraft(layerId: string): boolean {
    return this.state.slots.some(
      ({ state }) =>
        state.layerId === layerId &&
        (isLive(state.stage) || (state.stage === 'FOSSILIZED' && !state.folded)),
    );
  }

  /**
   * Takes a fossilised seed off the graft list: its host computes it now.
   *
   * @param added Trainable values that the host has more than before.
   */
  markFolded(r: SlotRecord, changes: readonly HostChange[], added: number): void {
    r.state = { ...r.state, folded: true, parameters: added };
    r.signal = null;
    if (changes.length > 0) this.state.hostChanges = [...this.hostChanges, ...changes];
    this.followHost();
  }

  /** Seeds that are part of the network now, oldest first. */
  seeds(): GraftedSeed[] {
    return graftedSeeds(this.state);
  }

  /** Alphas by schedule column at a step. */
  alphas(step: number): number[] {
    return alphasAt(this.state, step);
  }

  /** Text that differs exactly when the network's plan must be made anew. */
  topologyKey(): string {
    return JSON.stringify([
      ...this.seeds().map((s) => [
        s.seedId,
        s.stage === 'HOLDING' ? 'BLENDING' : s.stage,
        s.blendMode,
      ]),
      ...this.hostChanges,
    ]);
  }

  record(layerId: string, slot: number): SlotRecord {
    const r = this.state.slots.find((x) => x.state.layerId === layerId && x.state.slot === slot);
    if (!r) {
      throw new StageTransitionError(
        `Cannot find slot ${slot} of layer "${layerId}": the run has ${this.state.slots
          .map((x) => `${x.state.layerId}:${x.state.slot}`)
          .join(', ')}`,
      );
    }
    return r;
  }

  /** The slot, or null where there is none. */
  find(layerId: string | null, slot: number | null): SlotRecord | null {
    const isIt = ({ state }: SlotRecord) => state.layerId === layerId && state.slot === slot;
    return this.state.slots.find(isIt) ?? null;
  }

  parameters(): number {
    return this.state.slots.reduce((n, r) => n + r.state.parameters, this.#o.hostParameters);
  }

  budget() {
    const { growth } = this.#o.experiment;
    // A seed on its way has no parameters yet, but what it will have is spoken for.
    const grown = this.state.slots.reduce(
      (n, r) => n + (r.state.stage === 'LOADING' ? this.#expected(r) : r.state.parameters),
      0,
    );
    const live = this.state.slots.filter((r) => isLive(r.state.stage)).length;
    return {
      parametersLeft: growth.parameterBudget - grown,
      concurrentLeft: growth.maxConcurrent - live,
      seedsLeft: growth.maxSeeds - this.state.germinated,
    };
  }

  /** Trainable values that a seed on its way will have. */
  #expected({ blueprint, state }: SlotRecord): number {
    const { host } = this.site(state.layerId);
    const own = (blueprint && probe(blueprint, host).parameters) ?? 0;
    return own + gateParameters(state.blendMode, host);
  }

  layerObservations(): LayerObservation[] {
    return this.#sites.map((site) => ({
      layerId: site.layerId,
      kind: site.kind,
      inFeatures: site.inFeatures,
      outFeatures: site.outFeatures,
      parameters: site.parameters,
      slots: this.state.slots.filter((r) => r.state.layerId === site.layerId).map((r) => r.state),
      offers: this.#offers.get(site.layerId) ?? [],
    }));
  }

  /** Stores what was measured at this look; seeds that were not measured lose their numbers. */
  recordMeasurements(
    signals: readonly HealthSignal[],
    improvement: number | null,
    contributions: ReadonlyMap<string, number | null>,
  ): void {
    this.layerSignals = new Map(
      signals.filter((s) => s.seedId === null).map((s) => [s.layerId, s]),
    );
    for (const r of this.state.slots) {
      const id = r.state.seedId;
      if (!id) continue;
      r.signal = signals.find((s) => s.seedId === id) ?? null;
      r.improvement = r.state.stage === 'TRAINING' ? improvement : null;
      r.state = measured(r.state, {
        gradientRatio: r.signal?.gradientRatio ?? null,
        ...(contributions.has(id) ? { contribution: contributions.get(id)! } : {}),
      });
    }
  }

  /** @throws {StageTransitionError} If no seed can grow there. */
  site(layerId: string): GrowableSite {
    const site = this.#sites.find((s) => s.layerId === layerId);
    if (!site)
      throw new StageTransitionError(`Cannot find layer "${layerId}" among the growable ones`);
    return site;
  }
}

/** Weights and bias of a blend gate: one logit from the features, or channels, a seed reads. */
export function gateParameters(mode: SeedSlotState['blendMode'], host: HostShape): number {
  return mode === 'gate' ? host.input.at(-1)! + 1 : 0;
}
