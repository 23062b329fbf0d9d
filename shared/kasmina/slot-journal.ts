/** Takes slots from state to state, and tells the event log of it. */
import type { SeedOutcome } from '../contracts/decision.ts';
import type { GateCheck } from '../contracts/events.ts';
import type { GateResult } from './gates.ts';
import type { EmitEvent, SlotRecord } from './growth-state.ts';
import type { SlotChange } from './seed-slot.ts';
import type { SlotRegistry } from './slot-registry.ts';

export class SlotJournal {
  #slots: SlotRegistry;
  readonly emit: EmitEvent;

  constructor(slots: SlotRegistry, emit: EmitEvent) {
    this.#slots = slots;
    this.emit = emit;
  }

  /** Makes a change of the stage machine the slot's state. */
  move(r: SlotRecord, change: SlotChange): void {
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
    this.emit({
      type: 'transition',
      layerId: r.state.layerId,
      slot: r.state.slot,
      seedId: r.state.seedId ?? seedId,
      blueprint: r.state.blueprint ?? blueprint,
      from: change.transition.from,
      to: change.transition.to,
      cause: change.transition.cause,
      parameters: this.#slots.parameters(),
      ...(change.state.graftStep === undefined ? {} : { graftStep: change.state.graftStep }),
    });
  }

  /** Logs what a gate said, unless it said the same before. */
  gate(r: SlotRecord, result: GateResult): void {
    const key = JSON.stringify([result.gate, result.passed, result.checks.map((c) => c.passed)]);
    if (key === r.lastGate) return;
    r.lastGate = key;
    this.emit({
      type: 'gate',
      layerId: r.state.layerId,
      slot: r.state.slot,
      gate: result.gate,
      passed: result.passed,
      checks: result.checks,
    });
  }

  /** Keeps what became of a seed, for policies that learn from it. */
  outcome(
    r: SlotRecord,
    outcome: SeedOutcome['outcome'],
    step: number,
    contribution: number | null,
  ) {
    const { blueprint, layerId, seedId } = r.state;
    this.#slots.state.outcomes.push({
      seedId: seedId!,
      layerId,
      blueprint: blueprint!,
      outcome,
      step,
      contribution,
    });
  }

  notice(level: 'info' | 'warning' | 'error', message: string): void {
    this.emit({ type: 'notice', level, message });
  }
}

/** Why a gate said no, in words. */
export function refusal(checks: readonly GateCheck[]): string {
  return checks
    .filter((c) => !c.passed)
    .map((c) => `${c.name} is ${c.value ?? 'unmeasured'}, must meet ${c.threshold ?? 'true'}`)
    .join('; ');
}
