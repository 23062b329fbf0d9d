/**
 * Who decides on growth, as an experiment file says it: one `kind` with its settings.
 * docs/policies.md has the rule, the formula, the source and the cost of each.
 */
import { z } from 'zod';
import { KnowledgeName } from './knowledge.ts';
import { BlendMode } from './seed.ts';

/**
 * When a policy that waits for a plateau grows, and how every policy cares for live seeds: what is
 * kept, what is taken out.
 */
export const HeuristicSettings = z
  .strictObject({
    /**
     * Consecutive observations with an improvement below `plateauImprovement` before growing, and
     * the window, in observations, of the moving average that improvement is measured on.
     */
    plateauPatience: z.number().int().min(1).max(1000).default(2),
    /** Relative improvement of the averaged loss per observation that still counts as progress. */
    plateauImprovement: z.number().min(0).max(1).default(0.03),
    /** No growth before this step. */
    warmupSteps: z.number().int().nonnegative().default(100),
    /** No growth after this share of the run's steps: a seed needs time to settle. */
    growUntilShare: z.number().min(0).max(1).default(0.75),
    /** Growth stops once training accuracy reaches this value. */
    targetAccuracy: z.number().min(0).max(1).default(0.995),
    /** Loss increase, relative, over the value at the stage's start, that culls a live seed. */
    cullRegression: z.number().min(0).max(100).default(0.5),
    /** Contribution (loss units) at or above which a held seed is fossilised. */
    fossilizeContribution: z.number().default(0.0),
  })
  .prefault({});
export type HeuristicSettings = z.infer<typeof HeuristicSettings>;

const step = z.number().int().nonnegative();
const rate = z.number().min(0).max(1);

/** One entry of a schedule. `step` is the step at which it takes effect, at the nearest look. */
export const ScheduledAction = z.strictObject({
  step: step.describe('Step at which it takes effect: at the first look from there on'),
  action: z.enum(['germinate', 'advance', 'cull', 'fossilize']).default('germinate'),
  layer: z.string().min(1).max(255).describe('Name of the layer, for example fc1'),
  slot: z.number().int().nonnegative().default(0),
  blueprint: z.string().min(1).optional().describe('What to germinate; only for that action'),
  blendMode: BlendMode.optional().describe('How it blends; absent: growth.blendMode'),
});
export type ScheduledAction = z.infer<typeof ScheduledAction>;

const settings = HeuristicSettings;

export const RandomPolicy = z.strictObject({
  kind: z.literal('random'),
  germinateRate: rate
    .default(0.1)
    .describe('Chance to germinate at a look, between warm-up and growUntilShare'),
  cullRate: rate.default(0).describe('Chance of each live seed to be taken out at a look'),
  at: z
    .array(step)
    .max(256)
    .optional()
    .describe('Germinate at these steps instead of by chance: the times of another run'),
  sizes: z
    .array(z.number().int().positive())
    .max(256)
    .optional()
    .describe('Trainable values of each seed of "at", nearest offer taken: the sizes of that run'),
  settings,
});

export const UniformPolicy = z.strictObject({
  kind: z.literal('uniform'),
  seeds: z
    .number()
    .int()
    .min(1)
    .max(256)
    .optional()
    .describe('How many seeds; absent: growth.maxSeeds'),
  from: step.optional().describe('Step of the first; absent: settings.warmupSteps'),
  until: step.optional().describe('Step of the last; absent: settings.growUntilShare of the steps'),
  blueprint: z
    .string()
    .min(1)
    .optional()
    .describe('What all seeds become; absent: the first that fits the layer'),
  settings,
});

export const SchedulePolicy = z.strictObject({
  kind: z.literal('schedule'),
  schedule: z.array(ScheduledAction).max(1024),
  live: z
    .enum(['rules', 'schedule'])
    .default('rules')
    .describe('Who moves live seeds on: the rules of the heuristic, or only the schedule'),
  settings,
});

const statisticsRows = z
  .number()
  .int()
  .min(8)
  .max(4096)
  .default(512)
  .describe('Training rows that gradients and activations are summed over');

export const GradMaxPolicy = z.strictObject({
  kind: z.literal('gradmax'),
  rows: statisticsRows,
  variant: z
    .enum(['closed-form', 'optimised'])
    .optional()
    .describe(
      'How fan-out is found: singular vectors, or an ascent from random directions (GradMaxOpt); absent: closed-form',
    ),
  ascentSteps: z
    .number()
    .int()
    .min(0)
    .max(10_000)
    .optional()
    .describe('Steps of the ascent (optimised only); absent: 100'),
  settings,
});

export const TinyPolicy = z.strictObject({
  kind: z.literal('tiny'),
  rows: statisticsRows,
  sites: z
    .number()
    .int()
    .min(1)
    .max(16)
    .default(3)
    .describe('Layers whose best units are tried in a line search, best first'),
  minBenefit: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Smallest relative drop of the loss at the best amplitude; below it: do not grow'),
  settings,
});

export const ProbePolicy = z.strictObject({
  kind: z.literal('probe'),
  candidates: z
    .number()
    .int()
    .min(1)
    .max(16)
    .default(8)
    .describe('Places and blueprints tried side by side: the preferred of each layer first'),
  firstSteps: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(30)
    .describe('Steps of the first round of trials; each later one has twice as many'),
  everyLooks: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(4)
    .describe('Trials are run only at every n-th look, since they are what costs'),
  minBenefit: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Smallest relative drop of the loss against the branch without a seed'),
  settings,
});

export const BanditPolicy = z.strictObject({
  kind: z.literal('bandit'),
  knowledge: KnowledgeName.default('default').describe(
    'Name of what is known: read before the run, added to after it',
  ),
  exploration: z
    .number()
    .min(0)
    .max(10)
    .default(0.5)
    .describe('Widths of the confidence bound that are added to an expected reward'),
  ridge: z
    .number()
    .gt(0)
    .max(1e6)
    .default(1)
    .describe('Strength of the prior that every reward is 0'),
  rent: z
    .number()
    .min(0)
    .max(10)
    .default(0.1)
    .describe("Taken off a seed's reward, times its share of the network's parameters"),
  learn: z.boolean().default(true).describe('Add what this run taught'),
  settings,
});

export const PolicySpec = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('none') }),
    z.strictObject({ kind: z.literal('manual') }),
    z.strictObject({ kind: z.literal('heuristic'), settings }),
    RandomPolicy,
    UniformPolicy,
    SchedulePolicy,
    GradMaxPolicy,
    TinyPolicy,
    ProbePolicy,
    BanditPolicy,
  ])
  .prefault({ kind: 'heuristic' });
export type PolicySpec = z.infer<typeof PolicySpec>;
export type PolicyKind = PolicySpec['kind'];
export type PolicyOf<K extends PolicyKind> = Extract<PolicySpec, { kind: K }>;

/** Settings of the plateau rule and of the care for live seeds; defaults where a policy has none. */
export function heuristicSettingsOf(policy: PolicySpec): HeuristicSettings {
  return 'settings' in policy ? policy.settings : HeuristicSettings.parse({});
}
