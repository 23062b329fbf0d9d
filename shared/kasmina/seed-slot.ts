/**
 * One slot of a Kasmina layer as an immutable state machine: each function takes a state and gives
 * the next one, with a record of the transition if the stage changed. It applies the stage table
 * and keeps the numbers that belong to a stage honest (alpha 0 outside blending, stale evidence
 * forgotten). Whether a guarded edge may be taken is asked of gates.ts first; ramps are advanced
 * by alpha-schedule.ts; weights and buffers are the engine's.
 */
import { StageTransitionError } from '../base/errors.ts';
import {
  ALPHA_TOLERANCE,
  type BlendMode,
  type SeedSlotState,
  type SeedStage,
} from '../contracts/seed.ts';
import { isLive, nameOf, nextStage, type SeedTrigger } from './seed-stage.ts';

/** What the run log says of a stage change. */
export interface SlotTransition {
  from: SeedStage;
  to: SeedStage;
  cause: string;
}

export interface SlotChange {
  state: SeedSlotState;
  /** Null when the stage stayed. */
  transition: SlotTransition | null;
}

/** Unexpected faults in a row that take a seed out. */
export const MAX_FAULTS = 3;

/**
 * DORMANT to LOADING.
 *
 * @throws {StageTransitionError} If the slot is in use or under embargo.
 */
export function germinate(
  state: SeedSlotState,
  seed: {
    seedId: string;
    blueprint: string;
    blendMode: BlendMode;
    step: number;
    /** Step of the look at which it joins the network; absent: the next look. */
    graftStep?: number;
    cause?: string;
  },
): SlotChange {
  if (state.stage === 'DORMANT' && seed.step < state.embargoUntil) {
    throw new StageTransitionError(
      `Cannot apply "germinate" to ${nameOf(state)}: embargo lasts until step ` +
        `${state.embargoUntil}, current step is ${seed.step}`,
    );
  }
  return move(state, 'germinate', seed.step, seed.cause ?? `germinated ${seed.blueprint}`, {
    seedId: seed.seedId,
    blueprint: seed.blueprint,
    blendMode: seed.blendMode,
    alpha: 0,
    alphaTarget: 0,
    contribution: null,
    gradientRatio: null,
    faults: 0,
    ...(seed.graftStep === undefined ? {} : { graftStep: seed.graftStep }),
  });
}

/** Whether a seed in LOADING is to join the network at the look of this step. */
export function isDue({ graftStep, stageSince }: SeedSlotState, step: number): boolean {
  return step >= (graftStep ?? stageSince + 1);
}

/**
 * LOADING to TRAINING, or to BLENDING when the artifact brings trained weights. Alpha is 0 either
 * way: the host's function is what it was.
 */
export function placed(
  state: SeedSlotState,
  artifact: { step: number; parameters: number; trained?: boolean; alphaTarget?: number },
): SlotChange {
  const { step, parameters, trained = false } = artifact;
  if (!Number.isInteger(parameters) || parameters < 0) {
    throw new RangeError(`Cannot place ${nameOf(state)}: ${parameters} is no parameter count`);
  }
  const alphaTarget = checkAlpha(artifact.alphaTarget ?? 1);
  const cause = trained ? 'trained artifact placed' : 'artifact placed';
  return move(state, trained ? 'placeTrained' : 'place', step, cause, {
    parameters,
    alpha: 0,
    alphaTarget,
    faults: 0,
  });
}

/** LOADING back to DORMANT without penalty: not found, incompatible, or its circuit is open. */
export function abandon(state: SeedSlotState, step: number, cause: string): SlotChange {
  return move(state, 'abandon', step, cause, emptied);
}

/** TRAINING to BLENDING (after G2), or BLENDING to HOLDING (after G3). */
export function advance(state: SeedSlotState, step: number, cause?: string): SlotChange {
  if (state.stage === 'BLENDING') {
    if (Math.abs(state.alpha - state.alphaTarget) > ALPHA_TOLERANCE) {
      throw new StageTransitionError(
        `Cannot apply "advance" to ${nameOf(state)}: alpha is ${state.alpha}, ` +
          `must have reached its target ${state.alphaTarget}`,
      );
    }
    // A contribution measured on the way belongs to another alpha.
    const fixed = { alpha: state.alphaTarget, contribution: null };
    return move(state, 'advance', step, cause ?? 'alpha reached its target', fixed);
  }
  return move(state, 'advance', step, cause ?? 'training gate passed', { contribution: null });
}

/** HOLDING to FOSSILIZED (after G5), for good. */
export function fossilize(state: SeedSlotState, step: number, cause?: string): SlotChange {
  return move(state, 'fossilize', step, cause ?? 'contribution gate passed', { faults: 0 });
}

/**
 * TRAINING, BLENDING or HOLDING to CULLED. The seed's name stays readable until the embargo ends;
 * its weight in the host is 0 at once.
 *
 * @param options.embargoSteps Steps from now in which the slot may not be used again.
 */
export function cull(
  state: SeedSlotState,
  options: { step: number; cause: string; embargoSteps: number },
): SlotChange {
  return move(state, 'cull', options.step, options.cause, {
    alpha: 0,
    alphaTarget: 0,
    parameters: 0,
    embargoUntil: options.step + options.embargoSteps,
    faults: 0,
  });
}

/**
 * CULLED to DORMANT.
 *
 * @throws {StageTransitionError} If the embargo has not passed.
 */
export function embargoOver(state: SeedSlotState, step: number): SlotChange {
  if (state.stage === 'CULLED' && step < state.embargoUntil) {
    throw new StageTransitionError(
      `Cannot apply "endEmbargo" to ${nameOf(state)}: embargo lasts until step ` +
        `${state.embargoUntil}, current step is ${step}`,
    );
  }
  return move(state, 'endEmbargo', step, 'embargo passed', emptied);
}

/**
 * Counts an unexpected fault of a live seed; the third in a row enters ERROR_RECOVERY with alpha 0,
 * after which the host computes what it would without the seed.
 */
export function fault(state: SeedSlotState, step: number, cause: string): SlotChange {
  const faults = state.faults + 1;
  // Also the check that a seed is there to fail.
  nextStage(state.stage, 'fail', state);
  if (faults < MAX_FAULTS) return { state: { ...state, faults }, transition: null };
  return move(state, 'fail', step, `${faults} faults in a row, the last: ${cause}`, {
    alpha: 0,
    alphaTarget: 0,
    parameters: 0,
    faults,
  });
}

/** ERROR_RECOVERY to DORMANT, with an embargo where one is wanted. */
export function recover(state: SeedSlotState, step: number, embargoSteps = 0): SlotChange {
  const embargoUntil = step + embargoSteps;
  return move(state, 'recover', step, 'seed removed', { ...emptied, embargoUntil });
}

/**
 * Sets where alpha shall go. In HOLDING a new target takes the seed back to BLENDING; in TRAINING
 * it is remembered for the blending to come. The caller starts the ramp.
 *
 * @throws {StageTransitionError} If there is no seed whose alpha may change.
 * @throws {RangeError} If `alphaTarget` is outside [0, 1].
 */
export function setAlphaTarget(
  state: SeedSlotState,
  alphaTarget: number,
  step: number,
  cause = 'alpha target set',
): SlotChange {
  checkAlpha(alphaTarget);
  if (state.stage === 'TRAINING' || state.stage === 'BLENDING') {
    return { state: { ...state, alphaTarget }, transition: null };
  }
  if (state.stage === 'HOLDING' && state.alphaTarget === alphaTarget) {
    return { state, transition: null };
  }
  return move(state, 'retarget', step, cause, { alphaTarget, contribution: null });
}

/**
 * The slot with the alpha its ramp gives now.
 *
 * @throws {StageTransitionError} Outside BLENDING, the only stage in which alpha moves.
 */
export function withAlpha(state: SeedSlotState, alpha: number): SeedSlotState {
  checkAlpha(alpha);
  if (state.stage !== 'BLENDING') {
    throw new StageTransitionError(
      `Cannot move alpha of ${nameOf(state)}: stage is ${state.stage}, must be BLENDING`,
    );
  }
  return { ...state, alpha };
}

/** The slot with fresh measurements; what is not finite was not measured. */
export function measured(
  state: SeedSlotState,
  values: { contribution?: number | null; gradientRatio?: number | null },
): SeedSlotState {
  if (!isLive(state.stage)) return state;
  const next = { ...state };
  if (values.contribution !== undefined) next.contribution = finite(values.contribution);
  if (values.gradientRatio !== undefined) next.gradientRatio = finite(values.gradientRatio);
  return next;
}

const emptied: Partial<SeedSlotState> = {
  seedId: null,
  blueprint: null,
  blendMode: null,
  alpha: 0,
  alphaTarget: 0,
  parameters: 0,
  contribution: null,
  gradientRatio: null,
  faults: 0,
};

function move(
  state: SeedSlotState,
  trigger: SeedTrigger,
  step: number,
  cause: string,
  changes: Partial<SeedSlotState>,
): SlotChange {
  const to = nextStage(state.stage, trigger, state);
  const next = { ...state, ...changes, stage: to, stageSince: step };
  if (to !== 'LOADING') delete next.graftStep;
  return { state: next, transition: { from: state.stage, to, cause } };
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

function checkAlpha(alpha: number): number {
  if (!(alpha >= 0 && alpha <= 1)) {
    throw new RangeError(`Cannot set alpha to ${alpha}: it must be in [0, 1]`);
  }
  return alpha;
}
