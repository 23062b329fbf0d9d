/**
 * The life of a seed as a table: which stage follows which, on what trigger, behind which gate.
 * Everything that knows stages reads this table; docs/kasmina.md prints it. What a transition does
 * to a slot is in seed-slot.ts, what a gate asks for in gates.ts.
 */
import { StageTransitionError } from '../base/errors.ts';
import type { RunEvent } from '../contracts/events.ts';
import { SEED_STAGES, type SeedStage } from '../contracts/seed.ts';

/** Name of a quality gate, as logged. G4 went with the shadowing stage it guarded. */
export type GateName = Extract<RunEvent, { type: 'gate' }>['gate'];

/** What can happen to a slot between two training steps. */
export type SeedTrigger =
  | 'germinate'
  | 'place'
  | 'placeTrained'
  | 'abandon'
  | 'advance'
  | 'fossilize'
  | 'retarget'
  | 'cull'
  | 'endEmbargo'
  | 'fail'
  | 'recover';

/** One edge of the lifecycle. */
export interface StageTransition {
  from: SeedStage;
  to: SeedStage;
  trigger: SeedTrigger;
  /** Gate that must pass first; null: none. */
  gate: GateName | null;
  description: string;
}

const CULL = 'prune decision, gate timeout or governor rollback; the cause is recorded';
const FAIL = 'third unexpected fault in a row; the host output falls back exactly';

/** The whole lifecycle. No stage has two edges with the same trigger. */
export const STAGE_TRANSITIONS: readonly StageTransition[] = [
  {
    from: 'DORMANT',
    to: 'LOADING',
    trigger: 'germinate',
    gate: 'G0',
    description: 'germinate command accepted',
  },
  {
    from: 'LOADING',
    to: 'TRAINING',
    trigger: 'place',
    gate: 'G1',
    description: 'artifact verified and placed',
  },
  {
    from: 'LOADING',
    to: 'BLENDING',
    trigger: 'placeTrained',
    gate: 'G1',
    description: 'artifact verified and placed, and it brings trained weights',
  },
  {
    from: 'LOADING',
    to: 'DORMANT',
    trigger: 'abandon',
    gate: null,
    description: 'not found, incompatible or circuit open; no penalty',
  },
  { from: 'LOADING', to: 'ERROR_RECOVERY', trigger: 'fail', gate: null, description: FAIL },
  {
    from: 'TRAINING',
    to: 'BLENDING',
    trigger: 'advance',
    gate: 'G2',
    description: 'the seed has learned behind the host',
  },
  { from: 'TRAINING', to: 'CULLED', trigger: 'cull', gate: null, description: CULL },
  { from: 'TRAINING', to: 'ERROR_RECOVERY', trigger: 'fail', gate: null, description: FAIL },
  {
    from: 'BLENDING',
    to: 'HOLDING',
    trigger: 'advance',
    gate: 'G3',
    description: 'alpha reached its target',
  },
  { from: 'BLENDING', to: 'CULLED', trigger: 'cull', gate: null, description: CULL },
  { from: 'BLENDING', to: 'ERROR_RECOVERY', trigger: 'fail', gate: null, description: FAIL },
  {
    from: 'HOLDING',
    to: 'FOSSILIZED',
    trigger: 'fossilize',
    gate: 'G5',
    description: 'the measured contribution is worth keeping',
  },
  {
    from: 'HOLDING',
    to: 'BLENDING',
    trigger: 'retarget',
    gate: null,
    description: 'a new alpha target was set',
  },
  { from: 'HOLDING', to: 'CULLED', trigger: 'cull', gate: null, description: CULL },
  { from: 'HOLDING', to: 'ERROR_RECOVERY', trigger: 'fail', gate: null, description: FAIL },
  {
    from: 'CULLED',
    to: 'DORMANT',
    trigger: 'endEmbargo',
    gate: null,
    description: 'the embargo has passed',
  },
  {
    from: 'ERROR_RECOVERY',
    to: 'DORMANT',
    trigger: 'recover',
    gate: null,
    description: 'the seed was removed',
  },
];

/** Whose transition it is, for the message of an error. */
export interface TransitionSubject {
  seedId: string | null;
  layerId: string;
  slot: number;
}

const byStage = new Map<SeedStage, readonly StageTransition[]>(
  SEED_STAGES.map((stage) => [stage, STAGE_TRANSITIONS.filter((edge) => edge.from === stage)]),
);

/** Edges that leave `stage`, in table order; none for FOSSILIZED. */
export function allowedTransitions(stage: SeedStage): readonly StageTransition[] {
  return byStage.get(stage) ?? [];
}

/** True while a seed occupies the slot and its future is open. */
export function isLive(stage: SeedStage): boolean {
  return stage === 'LOADING' || stage === 'TRAINING' || stage === 'BLENDING' || stage === 'HOLDING';
}

/** True when the seed's output reaches the host's output, so the host's dispatch list has it. */
export function isActive(stage: SeedStage): boolean {
  return stage === 'BLENDING' || stage === 'HOLDING' || stage === 'FOSSILIZED';
}

/**
 * The edge that `trigger` takes from `from`.
 *
 * @throws {StageTransitionError} If the table has no such edge:
 *   `Cannot apply "fossilize" to seed s1 of layer "fc1": stage is TRAINING, must be HOLDING`
 */
export function transitionOf(
  from: SeedStage,
  trigger: SeedTrigger,
  subject?: TransitionSubject,
): StageTransition {
  const edge = allowedTransitions(from).find((candidate) => candidate.trigger === trigger);
  if (edge) return edge;
  const required = STAGE_TRANSITIONS.filter((e) => e.trigger === trigger).map((e) => e.from);
  throw new StageTransitionError(
    `Cannot apply "${trigger}" to ${nameOf(subject)}: stage is ${from}, ` +
      `must be ${required.join(' or ')}`,
  );
}

/**
 * Stage a seed enters when `trigger` reaches it. Pure: the trainer applies the result between two
 * steps, never inside one.
 *
 * @throws {StageTransitionError} If the table has no such edge; see {@link transitionOf}.
 */
export function nextStage(
  from: SeedStage,
  trigger: SeedTrigger,
  subject?: TransitionSubject,
): SeedStage {
  return transitionOf(from, trigger, subject).to;
}

/** `seed s1 of layer "fc1"`, or the slot where it holds no seed. */
export function nameOf(subject?: TransitionSubject): string {
  if (!subject) return 'a seed';
  const { seedId, layerId, slot } = subject;
  return seedId ? `seed ${seedId} of layer "${layerId}"` : `slot ${slot} of layer "${layerId}"`;
}
