/**
 * Applies decisions and commands to the seed slots of a run, between two steps: asks the gates,
 * takes the edges of the stage table, fetches artifacts and records every step of it as events.
 * Its whole state is plain data, so that checkpoints and rollbacks are copies of it.
 */

import { messageOf, StageTransitionError } from '../base/errors.ts';
import type { Decision } from '../contracts/decision.ts';
import type { Command } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import { pace } from './alpha-pace.ts';
import { alphaAt, isPaced } from './alpha-schedule.ts';
import { gateG3 } from './gates.ts';
import type { GrowthControllerOptions, GrowthState, SlotRecord } from './growth-state.ts';
import { SeedActions, type SeedRequest } from './seed-actions.ts';
import { type Placements, SeedLoader } from './seed-loader.ts';
import * as slots from './seed-slot.ts';
import { isLive } from './seed-stage.ts';
import { SlotJournal } from './slot-journal.ts';
import { SlotRegistry } from './slot-registry.ts';

export type {
  EmitEvent,
  GrowableSite,
  GrowthControllerOptions,
  GrowthState,
  SlotRecord,
} from './growth-state.ts';

export class GrowthController extends SlotRegistry {
  #experiment: Experiment;
  #journal: SlotJournal;
  #loader: SeedLoader;
  #actions: SeedActions;

  constructor(options: GrowthControllerOptions) {
    super(options);
    this.#experiment = options.experiment;
    this.#journal = new SlotJournal(this, options.emit);
    this.#loader = new SeedLoader(this, this.#journal, options);
    this.#actions = new SeedActions(this, this.#journal, this.#loader, options);
  }

  /** Replaces the state (resume, rollback) and asks again for artifacts that were on their way. */
  restore(state: GrowthState, step = 0): void {
    this.state = state;
    this.followHost();
    this.#loader.restart(step);
  }

  /** What happens by itself at a look: alphas, placements, ends of embargo, time-outs. */
  async settle(step: number, loss: number | null = null): Promise<void> {
    const { growth } = this.#experiment;
    for (const r of this.state.slots) {
      switch (r.state.stage) {
        case 'LOADING':
          if (slots.isDue(r.state, step)) await this.#loader.place(r, step);
          break;
        case 'BLENDING': {
          r.state = slots.withAlpha(r.state, r.ramp ? alphaAt(r.ramp, step) : r.state.alpha);
          const gate = gateG3(r.state);
          if (gate.passed) {
            this.#journal.gate(r, gate);
            this.#journal.move(r, slots.advance(r.state, step));
          } else if (r.ramp && isPaced(r.ramp.curve)) {
            // Only such a ramp may stand for ever.
            if (step - r.state.stageSince < growth.stageTimeoutSteps) this.#pace(r, step, loss);
            else this.#actions.cull(r, step, 'BLENDING gate timed out');
          }
          break;
        }
        case 'CULLED':
          if (step >= r.state.embargoUntil) this.#journal.move(r, slots.embargoOver(r.state, step));
          break;
        case 'ERROR_RECOVERY':
          this.#journal.move(r, slots.recover(r.state, step, growth.embargoSteps));
          break;
        case 'TRAINING':
        case 'HOLDING':
          if (step - r.state.stageSince >= growth.stageTimeoutSteps) {
            this.#actions.cull(r, step, `${r.state.stage} gate timed out`);
          }
          break;
        default:
          break;
      }
    }
  }

  #pace(r: SlotRecord, step: number, loss: number | null): void {
    const before = r.ramp!;
    const layer = this.layerSignals.get(r.state.layerId) ?? null;
    const { ramp, threshold, value } = pace(before, step, { loss, layer });
    r.ramp = ramp;
    const rate = ramp.pace!.rate;
    // As long as it goes at the same pace there is nothing to tell.
    if (rate === (before.pace?.rate ?? 1) || !isPaced(ramp.curve)) return;
    this.#journal.emit({
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
        return this.#actions.setAlpha(this.record(layerId, slot), command.alpha, step);
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
    for (const r of doomed) this.#actions.cull(r, step, cause);
    return doomed.length > 0;
  }

  /** Takes all live seeds out after a rollback. */
  cullLive(step: number, cause: string): boolean {
    let any = false;
    for (const r of this.state.slots) {
      if (!isLive(r.state.stage)) continue;
      any = true;
      if (r.state.stage === 'LOADING') {
        this.#loader.drop(r.state.seedId!);
        this.#journal.move(r, slots.abandon(r.state, step, cause));
      } else {
        this.#actions.cull(r, step, cause);
      }
    }
    return any;
  }

  #apply(request: SeedRequest, step: number, force: boolean): string | null {
    try {
      return this.#actions.take(request, step, force);
    } catch (error) {
      if (error instanceof StageTransitionError || error instanceof RangeError) {
        return error.message;
      }
      throw error;
    }
  }

  /** How the kernels of seeds came, in this sitting. */
  get placements(): Placements {
    return this.#loader.placements;
  }

  /** Whether the seed would blend in now, but for what its landscape may say. */
  wantsLandscape(r: SlotRecord, step: number): boolean {
    return this.#actions.wantsLandscape(r, step);
  }

  /** Keeps what gate G2 looks at. */
  recordLandscape(r: SlotRecord, landscape: { benefit: number | null }): void {
    r.graftBenefit = landscape.benefit;
  }
}
