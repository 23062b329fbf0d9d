/**
 * What a growth policy sees and what it answers. A policy is a pure function from Observation to
 * Decision[], so the in-process copy and the one behind POST /api/v1/analyze agree bit for bit.
 */
import { z } from 'zod';
import { HealthSignal } from './health.ts';
import { PolicyKnowledge } from './knowledge.ts';
import { HeuristicSettings, PolicySpec } from './policy.ts';
import { BlendMode, SeedSlotState } from './seed.ts';

export { HeuristicSettings };

/** Largest number of health signals a single analyze request may carry. */
export const MAX_SIGNALS = 2048;

/** A blueprint a layer can host, with what it would cost there. */
export const BlueprintOffer = z.object({
  blueprint: z.string(),
  parameters: z.number().int().nonnegative(),
});
export type BlueprintOffer = z.infer<typeof BlueprintOffer>;

export const LayerObservation = z.object({
  layerId: z.string().min(1).max(255),
  kind: z.enum(['linear', 'conv2d']),
  inFeatures: z.number().int().positive(),
  outFeatures: z.number().int().positive(),
  parameters: z.number().int().nonnegative(),
  slots: z.array(SeedSlotState).max(64),
  /** In order of preference. */
  offers: z.array(BlueprintOffer).max(64),
});
export type LayerObservation = z.infer<typeof LayerObservation>;

/** What became of earlier seeds, so that a stateless policy can learn from them. */
export const SeedOutcome = z.object({
  seedId: z.string(),
  layerId: z.string(),
  blueprint: z.string(),
  outcome: z.enum(['fossilized', 'culled']),
  step: z.number().int().nonnegative(),
  contribution: z.number().nullable(),
});
export type SeedOutcome = z.infer<typeof SeedOutcome>;

/** Loss and accuracy at one controller observation. */
export const MetricPoint = z.object({
  step: z.number().int().nonnegative(),
  /** Mean training loss since the previous observation; null when not finite. */
  loss: z.number().nullable(),
  /** Share of correct training predictions since the previous observation. */
  accuracy: z.number().nullable(),
});
export type MetricPoint = z.infer<typeof MetricPoint>;

/** How the weights of a new seed are chosen, where it is not by its blueprint. */
export const SeedInitialisation = z.enum(['gradmax', 'gradmax-optimised', 'tiny']);
export type SeedInitialisation = z.infer<typeof SeedInitialisation>;

/** What a gradient-guided policy measured of one place and blueprint. Null: not measured. */
export const SiteScore = z.object({
  layerId: z.string().min(1).max(255),
  slot: z.number().int().nonnegative(),
  blueprint: z.string(),
  parameters: z.number().int().nonnegative(),
  /** Units that get directions of their own; 0: there is none worth one. */
  units: z.number().int().nonnegative(),
  /** Sum of the squared singular values of those units. */
  score: z.number(),
  /** ||R||^2/N, what the layer's own weights leave of the wished change (TINY only). */
  bottleneck: z.number().nullable(),
  /** Amplitude with the lowest loss, 0 among those tried (line search only). */
  amplitude: z.number().nullable(),
  /** Loss at amplitude 0 and at the best one. */
  lossBefore: z.number().nullable(),
  lossAfter: z.number().nullable(),
  /** Why there is no score. */
  obstacle: z.string().nullable(),
});
export type SiteScore = z.infer<typeof SiteScore>;

/** How a trial branch with one candidate seed ended. */
export const TrialScore = z.object({
  layerId: z.string().min(1).max(255),
  slot: z.number().int().nonnegative(),
  blueprint: z.string(),
  parameters: z.number().int().nonnegative(),
  /** Steps it was trained. */
  steps: z.number().int().positive(),
  /** Validation loss after them, and that of the branch without a candidate. Null: not finite. */
  loss: z.number().nullable(),
  controlLoss: z.number().nullable(),
  /** Rounds of halving it took part in. */
  rounds: z.number().int().positive(),
});
export type TrialScore = z.infer<typeof TrialScore>;

export const Observation = z.object({
  runId: z.string().min(1).max(128),
  step: z.number().int().nonnegative(),
  totalSteps: z.number().int().positive(),
  /** Oldest first. */
  history: z.array(MetricPoint).max(512),
  layers: z.array(LayerObservation).max(1024),
  signals: z.array(HealthSignal).max(MAX_SIGNALS),
  /** Oldest first. */
  outcomes: z.array(SeedOutcome).max(1024),
  budget: z.object({
    parametersLeft: z.number().int(),
    concurrentLeft: z.number().int(),
    seedsLeft: z.number().int(),
  }),
  blendMode: BlendMode,
  /** How live seeds are cared for, and when a policy that waits for a plateau grows. */
  settings: HeuristicSettings,
  /** Who decides; absent: the heuristic. */
  policy: PolicySpec.optional(),
  /** Seed of the run: what a policy draws follows from it and the step. Absent: 0. */
  seed: z.number().int().min(0).max(0xffffffff).optional(),
  /** Steps between two looks; what is decided now takes effect that much later. Absent: 1. */
  intervalSteps: z.number().int().positive().optional(),
  /** Seeds germinated so far. Absent: those whose outcome is known and those alive. */
  germinated: z.number().int().nonnegative().optional(),
  /** What GradMax or TINY measured at this look; absent: it was not asked, or grows later. */
  siteScores: z.array(SiteScore).max(1024).optional(),
  /** Trials run at this look; absent: none were. */
  trials: z.array(TrialScore).max(16).optional(),
  /** What the bandit knows; absent: it was not asked. */
  knowledge: PolicyKnowledge.optional(),
});
export type Observation = z.infer<typeof Observation>;

/** One measured fact a decision rests on. */
export const Evidence = z.object({
  name: z.string(),
  /** Null: the fact was looked for and had not been measured. */
  value: z.number().nullable(),
  threshold: z.number().nullable(),
  comparison: z.enum(['<', '<=', '>', '>=', '=']).nullable(),
  holds: z.boolean(),
});
export type Evidence = z.infer<typeof Evidence>;

export const DecisionAction = z.enum(['wait', 'germinate', 'advance', 'cull', 'fossilize']);
export type DecisionAction = z.infer<typeof DecisionAction>;

/** One answer of a policy, with its why. */
export const Decision = z.object({
  /** Digest of step, action and target: the same observation gives the same id. */
  id: z.string(),
  step: z.number().int().nonnegative(),
  action: DecisionAction,
  layerId: z.string().nullable(),
  slot: z.number().int().nonnegative().nullable(),
  blueprint: z.string().nullable(),
  /** How a germinated seed will be blended; absent: as the experiment says. */
  blendMode: BlendMode.optional(),
  /** How its first weights are chosen; absent: as its blueprint says. */
  initialise: SeedInitialisation.optional(),
  /** Identifier of the rule that fired, for example `plateau`. */
  rule: z.string(),
  /** A plain sentence for people. */
  reason: z.string(),
  evidence: z.array(Evidence),
  /** How sure the rule is, [0, 1]. */
  confidence: z.number().min(0).max(1),
  /** How soon it should happen, [0, 1]. */
  urgency: z.number().min(0).max(1),
});
export type Decision = z.infer<typeof Decision>;

export const AnalyzeRequest = z.object({ observation: Observation });
export type AnalyzeRequest = z.infer<typeof AnalyzeRequest>;
export const AnalyzeResponse = z.object({
  decision_id: z.string(),
  decisions: z.array(Decision),
  /** Digest of the policy's rules and settings. */
  policy_digest: z.string(),
  /** True when the answer was made without something the policy normally uses. */
  degraded: z.boolean(),
  latency_ms: z.number(),
});
export type AnalyzeResponse = z.infer<typeof AnalyzeResponse>;
