/** How an experiment may grow: where, how many seeds, and how each one is blended in. */
import { z } from 'zod';
import { Blueprint } from './blueprint.ts';
import { AlphaCurve, BlendMode } from './seed.ts';

const count = z.number().int().positive();

export const GrowthSpec = z
  .strictObject({
    enabled: z.boolean().default(true),
    layers: z
      .array(z.string())
      .optional()
      .describe('Names of the layers that get slots (fc1, conv2, ...); absent: all'),
    /**
     * What a seed reads: its layer's input, or with `span` the input of the Linear layer before it,
     * so that it goes around a bottleneck (a widened hidden layer is such a seed).
     */
    reach: z
      .enum(['layer', 'span'])
      .default('layer')
      .describe("what a seed reads: its layer's input, or the input of the Linear layer before it"),
    slotsPerLayer: z.number().int().min(1).max(16).default(1),
    blueprints: z
      .array(z.string())
      .min(1)
      .optional()
      .describe(
        'Blueprints a policy may choose from, in order of preference: names, or files ending in .json; absent: all',
      ),
    ownBlueprints: z
      .array(Blueprint)
      .min(1)
      .max(32)
      .optional()
      .describe('Blueprints of your own, which "blueprints" names; files named there are put here'),
    blendMode: BlendMode.default('add'),
    alphaCurve: AlphaCurve.default('cosine'),
    alphaSteps: count.default(200).describe('Steps of the ramp that blends a seed in'),
    fold: z
      .enum(['auto', 'off'])
      .optional()
      .describe(
        "auto: a fossilised seed becomes part of its host's own tensors where algebra allows; off, or absent: it stays a graft",
      ),
    incubation: z
      .enum(['shadow', 'straight-through'])
      .default('shadow')
      .describe('How a seed learns before it blends; docs/kasmina.md compares them'),
    trainingSteps: count.default(200).describe('Steps a seed trains before it may blend'),
    holdingSteps: count.default(100).describe('Steps a seed is held before it may fossilise'),
    forgeLead: z
      .number()
      .int()
      .min(0)
      .max(64)
      .optional()
      .describe(
        'Looks, beyond the next one, between a germination and the look at which its seed joins the network: time for its kernels to compile while training goes on. Absent: 0',
      ),
    stageTimeoutSteps: count
      .default(4000)
      .describe('Longest stay in TRAINING or HOLDING before the seed is culled'),
    minGradientRatio: z
      .number()
      .nonnegative()
      .default(0.01)
      .describe('Smallest seed/host gradient ratio that counts as learning'),
    alphaLandscape: z
      .enum(['off', 'show', 'gate'])
      .optional()
      .describe(
        'Measure the loss over alpha when a seed wants to blend; gate: refuse a graft that does not lower it. Absent: show',
      ),
    minGraftBenefit: z
      .number()
      .optional()
      .describe(
        'Smallest drop of the validation loss from alpha 0 to the target (gate only); absent: 0',
      ),
    maxConcurrent: z.number().int().min(1).max(16).default(1).describe('Live seeds at a time'),
    maxSeeds: z.number().int().min(0).max(256).default(4).describe('Seeds in the whole run'),
    parameterBudget: count.default(1_000_000).describe('Trainable values growth may add'),
    embargoSteps: z
      .number()
      .int()
      .nonnegative()
      .default(200)
      .describe('Steps a slot rests after a cull'),
  })
  .prefault({});
export type GrowthSpec = z.infer<typeof GrowthSpec>;
