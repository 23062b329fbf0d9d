/**
 * Applies decisions and commands to the seed slots of a run, between two steps: asks the gates,
 * takes the edges of the stage table, fetches artifacts and records every step of it as events.
 * Its whole state is plain data, so that checkpoints and rollbacks are copies of it.
 */

import { messageOf, StageTransitionError } from '../base/errors.ts';
import { hostSeenBy, probe } from '../blueprints/ir.ts';
import { offersFor } from '../blueprints/library.ts';
import type { Blueprint, HostShape } from '../contracts/blueprint.ts';
import type {
  BlueprintOffer,
  Decision,
  LayerObservation,
  SeedInitialisation,
  SeedOutcome,
} from '../contracts/decision.ts';
import type { Command, GateCheck, RunEvent } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { HealthSignal } from '../contracts/health.ts';
import { type AlphaRamp, dormantSlot, type SeedSlotState } from '../contracts/seed.ts';
import { pace } from './alpha-pace.ts';
import { alphaAt, isPaced, retarget } from './alpha-schedule.ts';
import type { ArtifactSource, ProvidedArtifact } from './artifact-source.ts';
import { type GateResult, gateG0, gateG1, gateG2, gateG3, gateG5 } from './gates.ts';
import { alphasAt, graftedSeeds, seedNumber } from './grafted-seeds.ts';
import type { HostChange } from './host-changes.ts';
import type { GraftedSeed } from './kasmina-layer.ts';
import * as slots from './seed-slot.ts';
import { isLive } from './seed-stage.ts';

/** A slot with what the controller must remember of its seed. */
export interface SlotRecord {
  state: SeedSlotState;
  blueprint: Blueprint | null;
  ramp: AlphaRamp | null;
  /** Step at which the seed's parameters were born. */
  bornStep: number;
  /** (host loss - loss with the seed at full weight) / host loss, on one batch; null: unmeasured. */
  improvement: number | null;
  signal: HealthSignal | null;
  /** Loss at alpha 0 minus loss at the target when the seed last wanted to blend; null: unmeasured. */
  graftBenefit?: number | null;
  /** How its first weights are chosen; absent: as its blueprint says. */
  initialise?: SeedInitialisation;
  /** Last gate outcome logged, so that a standing refusal is logged once. */
  lastGate: string | null;
  /** Set once a fossilised seed was found to stay a graft for good; absent: not tried yet. */
  stays?: boolean;
}

export interface GrowthState {
  slots: SlotRecord[];
  nextSeed: number;
  germinated: number;
  fossilized: number;
  outcomes: SeedOutcome[];
  /** What folded seeds made of the host; absent: nothing. */
  hostChanges?: HostChange[];
}

export interface GrowableSite {
  layerId: string;
  kind: 'linear' | 'conv2d';
  host: HostShape;
  inFeatures: number;
  outFeatures: number;
  parameters: number;
}

type EventBody<E> = E extends RunEvent ? Omit<E, 'seq' | 'step' | 'time'> : never;
export type EmitEvent = (event: EventBody<RunEvent>) => void;

export interface GrowthControllerOptions {
  experiment: Experiment;
  /** Where seeds can grow on the host as it starts. */
  sites: readonly GrowableSite[];
  /** The same after changes that folding made. Absent: nothing is folded. */
  sitesAfter?(changes: readonly HostChange[]): readonly GrowableSite[];
  artifacts: ArtifactSource;
  emit: EmitEvent;
  blueprintOf(name: string): Blueprint;
  /** Trainable values of the whole network with the seeds of the current state. */
  hostParameters: number;
}

export class GrowthController {
  state: GrowthState;
  #o: GrowthControllerOptions;
  #sites: readonly GrowableSite[];
  #offers = new Map<string, BlueprintOffer[]>();
  /** Of the look under way: what paced ramps follow. */
  #layerSignals = new Map<string, HealthSignal>();
  #loading = new Map<string, Promise<ProvidedArtifact>>();

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
  #followHost(): void {
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
    this.#followHost();
  }

  /** Replaces the state (resume, rollback) and asks again for artifacts that were on their way. */
  restore(state: GrowthState): void {
    this.state = state;
    this.#loading.clear();
    this.#followHost();
    for (const r of state.slots) {
      if (r.state.stage === 'LOADING') this.#request(r);
    }
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

  #expected({ blueprint, state }: SlotRecord): number {
    const { host } = this.#site(state.layerId);
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
    this.#layerSignals = new Map(
      signals.filter((s) => s.seedId === null).map((s) => [s.layerId, s]),
    );
    for (const r of this.state.slots) {
      const id = r.state.seedId;
      if (!id) continue;
      r.signal = signals.find((s) => s.seedId === id) ?? null;
      r.improvement = r.state.stage === 'TRAINING' ? improvement : null;
      r.state = slots.measured(r.state, {
        gradientRatio: r.signal?.gradientRatio ?? null,
        ...(contributions.has(id) ? { contribution: contributions.get(id)! } : {}),
      });
    }
  }

  /** What happens by itself at a look: alphas, placements, ends of embargo, time-outs. */
  async settle(step: number, loss: number | null = null): Promise<void> {
    const { growth } = this.#o.experiment;
    for (const r of this.state.slots) {
      switch (r.state.stage) {
        case 'LOADING':
          if (step > r.state.stageSince) await this.#place(r, step);
          break;
        case 'BLENDING': {
          r.state = slots.withAlpha(r.state, r.ramp ? alphaAt(r.ramp, step) : r.state.alpha);
          const gate = gateG3(r.state);
          if (gate.passed) {
            this.#logGate(r, gate);
            this.#move(r, slots.advance(r.state, step), step);
          } else if (r.ramp && isPaced(r.ramp.curve)) {
            // Only such a ramp may stand for ever.
            if (step - r.state.stageSince < growth.stageTimeoutSteps) this.#pace(r, step, loss);
            else this.#cull(r, step, 'BLENDING gate timed out');
          }
          break;
        }
        case 'CULLED':
          if (step >= r.state.embargoUntil) this.#move(r, slots.embargoOver(r.state, step), step);
          break;
        case 'ERROR_RECOVERY':
          this.#move(r, slots.recover(r.state, step, growth.embargoSteps), step);
          break;
        case 'TRAINING':
        case 'HOLDING':
          if (step - r.state.stageSince >= growth.stageTimeoutSteps) {
            this.#cull(r, step, `${r.state.stage} gate timed out`);
          }
          break;
        default:
          break;
      }
    }
  }

  #pace(r: SlotRecord, step: number, loss: number | null): void {
    const before = r.ramp!;
    const layer = this.#layerSignals.get(r.state.layerId) ?? null;
    const { ramp, threshold, value } = pace(before, step, { loss, layer });
    r.ramp = ramp;
    const rate = ramp.pace!.rate;
    // As long as it goes at the same pace there is nothing to tell.
    if (rate === (before.pace?.rate ?? 1) || !isPaced(ramp.curve)) return;
    this.#o.emit({
      type: 'pace',
      layerId: r.state.layerId,
      slot: r.state.slot,
      seedId: r.state.seedId!,
      curve: ramp.curve,
      ...{ alpha: r.state.alpha, rate, value, threshold },
    });
  }

  /** Applies one decision of a policy; returns why not, if it was refused. */
  applyDecision(decision: Decision, step: number): string | null {
    const { action, blendMode, blueprint, initialise, layerId, slot } = decision;
    if (action === 'wait' || layerId === null || slot === null) return null;
    const cause = `${decision.rule}: ${decision.reason}`;
    return this.#apply(
      { action, layerId, slot, blueprint, blendMode, initialise, cause },
      step,
      false,
    );
  }

  /** Applies a person's command; it overrides the evidence a gate asks for, never the table. */
  applyCommand(command: Command, step: number): string | null {
    if (command.kind === 'setLearningRate') return null;
    const { kind, layerId, slot } = command;
    try {
      if (kind === 'setAlpha')
        return this.#setAlpha(this.record(layerId, slot), command.alpha, step);
      if (kind === 'germinate') {
        const { blendMode, blueprint } = command;
        const cause = 'asked for by hand';
        return this.#apply(
          { action: kind, layerId, slot, blueprint, blendMode, cause },
          step,
          true,
        );
      }
      const cause = 'asked for by hand';
      return this.#apply({ action: kind, layerId, slot, blueprint: null, cause }, step, true);
    } catch (error) {
      return messageOf(error);
    }
  }

  /** Takes the named seeds out; false if none of them is in a stage that can be culled. */
  cullSeeds(seedIds: ReadonlySet<string>, step: number, cause: string): boolean {
    const doomed = this.state.slots.filter(
      ({ state }) =>
        state.seedId !== null &&
        seedIds.has(state.seedId) &&
        isLive(state.stage) &&
        state.stage !== 'LOADING',
    );
    for (const r of doomed) this.#cull(r, step, cause);
    return doomed.length > 0;
  }

  /** Takes all live seeds out after a rollback. */
  cullLive(step: number, cause: string): boolean {
    let any = false;
    for (const r of this.state.slots) {
      if (!isLive(r.state.stage)) continue;
      any = true;
      if (r.state.stage === 'LOADING') {
        this.#loading.delete(r.state.seedId!);
        this.#move(r, slots.abandon(r.state, step, cause), step);
      } else {
        this.#cull(r, step, cause);
      }
    }
    return any;
  }

  #apply(
    request: {
      action: 'germinate' | 'advance' | 'cull' | 'fossilize';
      layerId: string;
      slot: number;
      blueprint: string | null;
      blendMode?: SeedSlotState['blendMode'] | undefined;
      initialise?: SeedInitialisation | undefined;
      cause: string;
    },
    step: number,
    force: boolean,
  ): string | null {
    try {
      const r = this.record(request.layerId, request.slot);
      switch (request.action) {
        case 'germinate':
          return this.#germinate(r, request, step, force);
        case 'cull':
          this.#cull(r, step, request.cause);
          return null;
        case 'advance':
          return this.#advance(r, step, force, request.cause);
        case 'fossilize':
          return this.#fossilize(r, step, force, request.cause);
      }
    } catch (error) {
      if (error instanceof StageTransitionError || error instanceof RangeError) {
        return error.message;
      }
      throw error;
    }
  }

  #germinate(
    r: SlotRecord,
    request: {
      blueprint: string | null;
      blendMode?: SeedSlotState['blendMode'] | undefined;
      initialise?: SeedInitialisation | undefined;
      cause: string;
    },
    step: number,
    force: boolean,
  ): string | null {
    const site = this.#site(r.state.layerId);
    let blueprint: Blueprint | null = null;
    let reason: string | null = null;
    try {
      blueprint = this.#o.blueprintOf(request.blueprint ?? '');
    } catch (error) {
      reason = messageOf(error);
    }
    const budget = this.budget();
    const blendMode = request.blendMode ?? this.#o.experiment.growth.blendMode;
    const shapes = blueprint ? probe(blueprint, site.host) : null;
    const cost = shapes?.compatible
      ? shapes.parameters + gateParameters(blendMode, site.host)
      : null;
    const gate = gateG0({
      slot: r.state,
      step,
      blueprintKnown: blueprint !== null,
      probe: shapes && { compatible: shapes.compatible, parameters: cost },
      ...budget,
      // A person may plant more than the policy's budget of seeds; memory and slots still bound it.
      ...(force ? { seedsLeft: 1, concurrentLeft: 1 } : {}),
    });
    this.#logGate(r, gate);
    if (!gate.passed || !blueprint) return reason ?? shapes?.reason ?? refusal(gate.checks);
    const seedId = `s${this.state.nextSeed++}`;
    this.state.germinated++;
    r.blueprint = blueprint;
    if (request.initialise) r.initialise = request.initialise;
    else delete r.initialise;
    r.improvement = null;
    r.signal = null;
    const change = slots.germinate(r.state, {
      seedId,
      blueprint: blueprint.name,
      blendMode,
      step,
      cause: request.cause,
    });
    this.#move(r, change, step);
    this.#request(r);
    return null;
  }

  #request(r: SlotRecord): void {
    const site = this.#site(r.state.layerId);
    const blueprint = r.blueprint!;
    const promise = this.#o.artifacts.provide(blueprint, hostSeenBy(blueprint, site.host));
    // It is awaited one look later; until then a rejection has no other reader.
    promise.catch(() => {});
    this.#loading.set(r.state.seedId!, promise);
  }

  async #place(r: SlotRecord, step: number): Promise<void> {
    const id = r.state.seedId!;
    let artifact: ProvidedArtifact;
    try {
      artifact = await this.#loading.get(id)!;
    } catch (error) {
      const change = slots.fault(r.state, step, messageOf(error));
      this.#notice(
        'warning',
        `Could not load blueprint "${r.state.blueprint}": ${messageOf(error)}`,
      );
      this.#move(r, change, step);
      if (change.state.stage === 'LOADING') this.#request(r);
      return;
    }
    this.#loading.delete(id);
    const gate = gateG1({
      artifactValidated: artifact.validated,
      digestMatches: artifact.digestMatches,
      placed: true,
    });
    this.#logGate(r, gate);
    if (!gate.passed) {
      const why = artifact.reason ?? refusal(gate.checks);
      this.#move(r, slots.abandon(r.state, step, why), step);
      return;
    }
    r.bornStep = step;
    const extra = gateParameters(r.state.blendMode, this.#site(r.state.layerId).host);
    this.#move(r, slots.placed(r.state, { step, parameters: artifact.parameters + extra }), step);
  }

  #advance(r: SlotRecord, step: number, force: boolean, cause: string): string | null {
    const { growth } = this.#o.experiment;
    if (r.state.stage === 'BLENDING') {
      const gate = gateG3(r.state);
      this.#logGate(r, gate);
      if (!gate.passed) return refusal(gate.checks);
      this.#move(r, slots.advance(r.state, step, cause), step);
      return null;
    }
    if (r.state.stage !== 'TRAINING') {
      // Refuses with the stage table's own message.
      slots.advance(r.state, step, cause);
      return null;
    }
    const gate = this.#gateG2(r, step, growth.alphaLandscape === 'gate');
    this.#logGate(r, gate);
    if (!gate.passed && !force) return refusal(gate.checks);
    r.ramp = {
      curve: growth.alphaCurve,
      from: 0,
      to: r.state.alphaTarget,
      startStep: step,
      steps: growth.alphaSteps,
    };
    this.#move(r, slots.advance(r.state, step, cause), step);
    return null;
  }

  #gateG2(r: SlotRecord, step: number, withGraft: boolean): GateResult {
    const { growth } = this.#o.experiment;
    const graft = { benefit: r.graftBenefit ?? null, minBenefit: growth.minGraftBenefit ?? 0 };
    return gateG2({
      step,
      stageSince: r.state.stageSince,
      minSteps: growth.trainingSteps,
      gradientNorm: r.signal?.gradientNorm ?? null,
      gradientRatio: r.state.gradientRatio,
      minGradientRatio: growth.minGradientRatio,
      improvement: r.improvement,
      ...(withGraft ? { graft } : {}),
    });
  }

  /** Whether the seed would blend in now, but for what its landscape may say. */
  wantsLandscape(r: SlotRecord, step: number): boolean {
    if (this.#o.experiment.growth.alphaLandscape === 'off') return false;
    return r.state.stage === 'TRAINING' && this.#gateG2(r, step, false).passed;
  }

  /** Keeps what gate G2 looks at. */
  recordLandscape(r: SlotRecord, landscape: { benefit: number | null }): void {
    r.graftBenefit = landscape.benefit;
  }

  #fossilize(r: SlotRecord, step: number, force: boolean, cause: string): string | null {
    const { growth, policy } = this.#o.experiment;
    const gate = gateG5({
      step,
      stageSince: r.state.stageSince,
      minSteps: growth.holdingSteps,
      contribution: r.state.contribution,
      minContribution: 'settings' in policy ? policy.settings.fossilizeContribution : 0,
      signal: r.signal,
      faults: r.state.faults,
    });
    this.#logGate(r, gate);
    if (!gate.passed && !force) return refusal(gate.checks);
    // The network computes with full weight from here on: the committed seed must be what was held.
    if (r.state.alpha !== 1) {
      return `Cannot fossilise seed ${r.state.seedId}: alpha is ${r.state.alpha}, must be 1`;
    }
    const contribution = r.state.contribution;
    this.#move(r, slots.fossilize(r.state, step, cause), step);
    this.state.fossilized++;
    this.#outcome(r, 'fossilized', step, contribution);
    return null;
  }

  #cull(r: SlotRecord, step: number, cause: string): void {
    const { embargoSteps } = this.#o.experiment.growth;
    const contribution = r.state.contribution;
    this.#move(r, slots.cull(r.state, { step, cause, embargoSteps }), step);
    r.ramp = null;
    this.#outcome(r, 'culled', step, contribution);
  }

  #setAlpha(r: SlotRecord, alpha: number, step: number): string | null {
    const { growth } = this.#o.experiment;
    const before = r.ramp;
    const change = slots.setAlphaTarget(r.state, alpha, step, 'set by hand');
    if (change.state.stage === 'BLENDING') {
      const from = before ?? {
        curve: growth.alphaCurve,
        from: r.state.alpha,
        to: r.state.alpha,
        startStep: step,
        steps: 0,
      };
      r.ramp = retarget(from, step, alpha, Math.min(growth.alphaSteps, 50));
    }
    this.#move(r, change, step);
    return null;
  }

  #site(layerId: string): GrowableSite {
    const site = this.#sites.find((s) => s.layerId === layerId);
    if (!site)
      throw new StageTransitionError(`Cannot find layer "${layerId}" among the growable ones`);
    return site;
  }

  #outcome(
    r: SlotRecord,
    outcome: SeedOutcome['outcome'],
    step: number,
    contribution: number | null,
  ) {
    const { blueprint, layerId, seedId } = r.state;
    this.state.outcomes.push({
      seedId: seedId!,
      layerId,
      blueprint: blueprint!,
      outcome,
      step,
      contribution,
    });
  }

  #move(r: SlotRecord, change: slots.SlotChange, _step: number): void {
    const { seedId, blueprint } = r.state;
    r.state = change.state;
    if (!change.transition) return;
    r.lastGate = null;
    if (change.state.stage === 'DORMANT') {
      r.blueprint = null;
      r.ramp = null;
      r.signal = null;
      r.improvement = null;
    }
    delete r.graftBenefit;
    this.#o.emit({
      type: 'transition',
      layerId: r.state.layerId,
      slot: r.state.slot,
      seedId: r.state.seedId ?? seedId,
      blueprint: r.state.blueprint ?? blueprint,
      from: change.transition.from,
      to: change.transition.to,
      cause: change.transition.cause,
      parameters: this.parameters(),
    });
  }

  #logGate(r: SlotRecord, gate: GateResult): void {
    const key = JSON.stringify([gate.gate, gate.passed, gate.checks.map((c) => c.passed)]);
    if (key === r.lastGate) return;
    r.lastGate = key;
    this.#o.emit({
      type: 'gate',
      layerId: r.state.layerId,
      slot: r.state.slot,
      gate: gate.gate,
      passed: gate.passed,
      checks: gate.checks,
    });
  }

  #notice(level: 'info' | 'warning' | 'error', message: string): void {
    this.#o.emit({ type: 'notice', level, message });
  }
}

/** Weights and bias of a blend gate: one logit from the features, or channels, a seed reads. */
function gateParameters(mode: SeedSlotState['blendMode'], host: HostShape): number {
  return mode === 'gate' ? host.input.at(-1)! + 1 : 0;
}

function refusal(checks: readonly GateCheck[]): string {
  return checks
    .filter((c) => !c.passed)
    .map((c) => `${c.name} is ${c.value ?? 'unmeasured'}, must meet ${c.threshold ?? 'true'}`)
    .join('; ');
}
