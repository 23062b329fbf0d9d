/**
 * Quality gates: what must be true before a slot takes a guarded edge of the stage table. A gate
 * looks at measurements handed to it and answers with every check it made. A check whose value was
 * not measured (null, or not finite) never passes.
 */
import type { GateCheck } from '../contracts/events.ts';
import type { HealthSignal } from '../contracts/health.ts';
import { ALPHA_TOLERANCE, type SeedSlotState } from '../contracts/seed.ts';
import type { GateName } from './seed-stage.ts';

export interface GateResult {
  gate: GateName;
  passed: boolean;
  /** Every check made, in a fixed order; all passed exactly when the gate passed. */
  checks: GateCheck[];
}

/** Relative improvement of the seed's own loss that counts as having learned. */
export const MIN_IMPROVEMENT = 0.005;
/** Largest share of dead units of a healthy seed. */
export const MAX_DEAD_UNIT_RATIO = 0.9;

/** What gate G0 looks at: may this blueprint germinate in this slot now? */
export interface GerminationRequest {
  slot: SeedSlotState;
  /** Current training step. */
  step: number;
  blueprintKnown: boolean;
  /** Answer of blueprints/ir.ts `probe()`; null: shapes were not probed. */
  probe: { compatible: boolean; parameters: number | null } | null;
  /** Trainable values that may still be added. */
  parametersLeft: number;
  /** Seeds that may still be live beside those that are. */
  concurrentLeft: number;
  /** Seeds that may still be germinated in this run. */
  seedsLeft: number;
}

/** G0, DORMANT to LOADING. */
export function gateG0(request: GerminationRequest): GateResult {
  const { slot, step, probe } = request;
  return result('G0', [
    isTrue('slot-dormant', slot.stage === 'DORMANT'),
    atLeast('embargo-passed', step, slot.embargoUntil),
    isTrue('blueprint-known', request.blueprintKnown),
    isTrue('shapes-compatible', probe?.compatible ?? null),
    atMost('parameters-in-budget', probe?.parameters ?? null, request.parametersLeft),
    atLeast('concurrent-seeds-left', request.concurrentLeft, 1),
    atLeast('seeds-left', request.seedsLeft, 1),
  ]);
}

/** What gate G1 looks at. Null: the check was not made. */
export interface PlacementReport {
  /** The forge found every check of the artifact passed. */
  artifactValidated: boolean | null;
  /** The bytes match the digest the artifact was asked for by. */
  digestMatches: boolean | null;
  /** Weights are in the arena and the plan with the seed compiled. */
  placed: boolean | null;
}

/** G1, LOADING to TRAINING (or to BLENDING with trained weights). */
export function gateG1(report: PlacementReport): GateResult {
  return result('G1', [
    isTrue('artifact-validated', report.artifactValidated),
    isTrue('digest-matches', report.digestMatches),
    isTrue('placed', report.placed),
  ]);
}

/** What gate G2 looks at: has the seed learned anything behind the host? */
export interface TrainingReport {
  step: number;
  /** Step at which the seed entered TRAINING. */
  stageSince: number;
  /** Least number of steps in TRAINING. */
  minSteps: number;
  /** L2 norm of the seed's gradient. */
  gradientNorm: number | null;
  /** (|g_seed| / |g_host|) * sqrt(P_host / P_seed). */
  gradientRatio: number | null;
  minGradientRatio: number;
  /** Relative drop of the seed's shadow loss since the stage began. */
  improvement: number | null;
  /** @default {MIN_IMPROVEMENT} */
  minImprovement?: number;
  /**
   * Loss at alpha 0 minus loss at the target, on the validation stream, where the experiment asks
   * for it; absent: it does not.
   */
  graft?: { benefit: number | null; minBenefit: number };
}

/**
 * G2, TRAINING to BLENDING. Time and finite gradients are required; besides, one of two kinds of
 * evidence: the seed's own loss fell, or its gradient is not negligible beside its host's. The one
 * that carries the gate is listed; where neither does, both are.
 */
export function gateG2(report: TrainingReport): GateResult {
  const improvement = atLeast(
    'improvement',
    report.improvement,
    report.minImprovement ?? MIN_IMPROVEMENT,
  );
  const ratio = atLeast('gradient-ratio', report.gradientRatio, report.minGradientRatio);
  const evidence = improvement.passed
    ? [improvement]
    : ratio.passed
      ? [ratio]
      : [improvement, ratio];
  return result('G2', [
    atLeast('steps-in-stage', report.step - report.stageSince, report.minSteps),
    atLeast('gradient-norm-finite', report.gradientNorm, 0),
    ...evidence,
    ...(report.graft
      ? [atLeast('graft-benefit', report.graft.benefit, report.graft.minBenefit)]
      : []),
  ]);
}

/** G3, BLENDING to HOLDING: alpha stands at its target. */
export function gateG3(slot: Pick<SeedSlotState, 'alpha' | 'alphaTarget'>): GateResult {
  const { alpha, alphaTarget } = slot;
  const check = atMost('alpha-at-target', Math.abs(alpha - alphaTarget), ALPHA_TOLERANCE);
  return result('G3', [{ ...check, value: finite(alpha), threshold: finite(alphaTarget) }]);
}

/** What gate G5 looks at: is the seed worth keeping for ever? */
export interface HoldingReport {
  step: number;
  /** Step at which the seed entered HOLDING. */
  stageSince: number;
  /** Least number of steps in HOLDING. */
  minSteps: number;
  /** Loss without the seed minus loss with it, on the validation stream. */
  contribution: number | null;
  minContribution: number;
  /** The seed's own latest signal; null: none was read. */
  signal: Pick<HealthSignal, 'gradientNorm' | 'deadUnitRatio'> | null;
  /** Unexpected faults in a row. */
  faults: number;
}

/** G5, HOLDING to FOSSILIZED. */
export function gateG5(report: HoldingReport): GateResult {
  return result('G5', [
    atLeast('steps-in-stage', report.step - report.stageSince, report.minSteps),
    atLeast('contribution', report.contribution, report.minContribution),
    atLeast('gradient-norm-finite', report.signal?.gradientNorm ?? null, 0),
    atMost('dead-unit-ratio', report.signal?.deadUnitRatio ?? null, MAX_DEAD_UNIT_RATIO),
    atMost('faults', report.faults, 0),
  ]);
}

function result(gate: GateName, checks: GateCheck[]): GateResult {
  return { gate, passed: checks.every((check) => check.passed), checks };
}

/** NaN and infinities are not measurements. */
function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

function atLeast(name: string, raw: number | null, threshold: number): GateCheck {
  const value = finite(raw);
  return { name, passed: value !== null && value >= threshold, value, threshold };
}

function atMost(name: string, raw: number | null, threshold: number): GateCheck {
  const value = finite(raw);
  return { name, passed: value !== null && value <= threshold, value, threshold };
}

/** A yes-or-no fact as 1 or 0 against 1. */
function isTrue(name: string, fact: boolean | null): GateCheck {
  return atLeast(name, fact === null ? null : Number(fact), 1);
}
