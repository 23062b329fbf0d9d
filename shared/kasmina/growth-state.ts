/** The plain data of a run's growth, and what a growth controller is made of. */
import type { Blueprint, HostShape } from '../contracts/blueprint.ts';
import type { SeedInitialisation, SeedOutcome } from '../contracts/decision.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { HealthSignal } from '../contracts/health.ts';
import type { AlphaRamp, SeedSlotState } from '../contracts/seed.ts';
import type { ArtifactSource } from './artifact-source.ts';
import type { HostChange } from './host-changes.ts';

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
  /** Milliseconds of a clock that goes on, for what training waits. Absent: nothing is timed. */
  now?(): number;
  blueprintOf(name: string): Blueprint;
  /** Trainable values of the whole network with the seeds of the current state. */
  hostParameters: number;
}
