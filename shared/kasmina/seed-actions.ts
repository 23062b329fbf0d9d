/** What can be done with a seed: each action asks its gate and takes its edge of the stage table. */
import { messageOf } from '../base/errors.ts';
import { probe } from '../blueprints/ir.ts';
import type { Blueprint } from '../contracts/blueprint.ts';
import type { SeedInitialisation } from '../contracts/decision.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { BlendMode } from '../contracts/seed.ts';
import { retarget } from './alpha-schedule.ts';
import { type GateResult, gateG0, gateG2, gateG3, gateG5 } from './gates.ts';
import type { GrowthControllerOptions, SlotRecord } from './growth-state.ts';
import type { SeedLoader } from './seed-loader.ts';
import * as slots from './seed-slot.ts';
import { refusal, type SlotJournal } from './slot-journal.ts';
import { gateParameters, type SlotRegistry } from './slot-registry.ts';

/** The seed that is asked for. */
export interface GerminateRequest {
  blueprint: string | null;
  blendMode?: BlendMode | undefined;
  initialise?: SeedInitialisation | undefined;
  cause: string;
}

/** An action on a slot. */
export interface SeedRequest extends GerminateRequest {
  action: 'germinate' | 'advance' | 'cull' | 'fossilize';
  layerId: string;
  slot: number;
}

export class SeedActions {
  #slots: SlotRegistry;
  #journal: SlotJournal;
  #loader: SeedLoader;
  #experiment: Experiment;
  #blueprintOf: (name: string) => Blueprint;

  constructor(
    registry: SlotRegistry,
    journal: SlotJournal,
    loader: SeedLoader,
    { blueprintOf, experiment }: Pick<GrowthControllerOptions, 'blueprintOf' | 'experiment'>,
  ) {
    this.#slots = registry;
    this.#journal = journal;
    this.#loader = loader;
    this.#experiment = experiment;
    this.#blueprintOf = blueprintOf;
  }

  /**
   * @param force A person asks: overrides the evidence of a gate, never the table.
   * @returns Why not, or null.
   * @throws {StageTransitionError} If the stage table has no such edge.
   */
  take(request: SeedRequest, step: number, force: boolean): string | null {
    const r = this.#slots.record(request.layerId, request.slot);
    switch (request.action) {
      case 'germinate':
        return this.#germinate(r, request, step, force);
      case 'cull':
        this.cull(r, step, request.cause);
        return null;
      case 'advance':
        return this.#advance(r, step, force, request.cause);
      case 'fossilize':
        return this.#fossilize(r, step, force, request.cause);
    }
  }

  #germinate(
    r: SlotRecord,
    request: GerminateRequest,
    step: number,
    force: boolean,
  ): string | null {
    const site = this.#slots.site(r.state.layerId);
    let blueprint: Blueprint | null = null;
    let reason: string | null = null;
    try {
      blueprint = this.#blueprintOf(request.blueprint ?? '');
    } catch (error) {
      reason = messageOf(error);
    }
    const budget = this.#slots.budget();
    const blendMode = request.blendMode ?? this.#experiment.growth.blendMode;
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
    this.#journal.gate(r, gate);
    if (!gate.passed || !blueprint) return reason ?? shapes?.reason ?? refusal(gate.checks);
    const seedId = `s${this.#slots.state.nextSeed++}`;
    this.#slots.state.germinated++;
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
      ...this.#graft(step),
      cause: request.cause,
    });
    this.#journal.move(r, change);
    this.#loader.request(r, step);
    return null;
  }

  /** The look at which a seed that germinates now joins the network, where that is not the next. */
  #graft(step: number): { graftStep?: number } {
    const { growth, intervalSteps } = this.#experiment;
    const lead = growth.forgeLead ?? 0;
    if (lead === 0) return {};
    return { graftStep: (Math.floor(step / intervalSteps) + 1 + lead) * intervalSteps };
  }

  #advance(r: SlotRecord, step: number, force: boolean, cause: string): string | null {
    const { growth } = this.#experiment;
    if (r.state.stage === 'BLENDING') {
      const gate = gateG3(r.state);
      this.#journal.gate(r, gate);
      if (!gate.passed) return refusal(gate.checks);
      this.#journal.move(r, slots.advance(r.state, step, cause));
      return null;
    }
    if (r.state.stage !== 'TRAINING') {
      // Refuses with the stage table's own message.
      slots.advance(r.state, step, cause);
      return null;
    }
    const gate = this.#gateG2(r, step, growth.alphaLandscape === 'gate');
    this.#journal.gate(r, gate);
    if (!gate.passed && !force) return refusal(gate.checks);
    r.ramp = {
      curve: growth.alphaCurve,
      from: 0,
      to: r.state.alphaTarget,
      startStep: step,
      steps: growth.alphaSteps,
    };
    this.#journal.move(r, slots.advance(r.state, step, cause));
    return null;
  }

  #gateG2(r: SlotRecord, step: number, withGraft: boolean): GateResult {
    const { growth } = this.#experiment;
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
    if (this.#experiment.growth.alphaLandscape === 'off') return false;
    return r.state.stage === 'TRAINING' && this.#gateG2(r, step, false).passed;
  }

  #fossilize(r: SlotRecord, step: number, force: boolean, cause: string): string | null {
    const { growth, policy } = this.#experiment;
    const gate = gateG5({
      step,
      stageSince: r.state.stageSince,
      minSteps: growth.holdingSteps,
      contribution: r.state.contribution,
      minContribution: 'settings' in policy ? policy.settings.fossilizeContribution : 0,
      signal: r.signal,
      faults: r.state.faults,
    });
    this.#journal.gate(r, gate);
    if (!gate.passed && !force) return refusal(gate.checks);
    // The network computes with full weight from here on: the committed seed must be what was held.
    if (r.state.alpha !== 1) {
      return `Cannot fossilise seed ${r.state.seedId}: alpha is ${r.state.alpha}, must be 1`;
    }
    const contribution = r.state.contribution;
    this.#journal.move(r, slots.fossilize(r.state, step, cause));
    this.#slots.state.fossilized++;
    this.#journal.outcome(r, 'fossilized', step, contribution);
    return null;
  }

  /** Takes a seed out of the network; its slot rests. */
  cull(r: SlotRecord, step: number, cause: string): void {
    const { embargoSteps } = this.#experiment.growth;
    const contribution = r.state.contribution;
    this.#journal.move(r, slots.cull(r.state, { step, cause, embargoSteps }));
    r.ramp = null;
    this.#journal.outcome(r, 'culled', step, contribution);
  }

  /** Sets where a blended seed's alpha goes. */
  setAlpha(r: SlotRecord, alpha: number, step: number): string | null {
    const { growth } = this.#experiment;
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
    this.#journal.move(r, change);
    return null;
  }
}
