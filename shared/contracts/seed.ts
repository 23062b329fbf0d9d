/**
 * Words shared by everything that speaks of seeds: stages, blend modes, alpha curves, and the
 * public state of one seed slot. The rules (which stage follows which) live in kasmina.
 */
import { z } from 'zod';

/** Lifecycle stages of a seed slot, in the order a healthy seed passes them. */
export const SEED_STAGES = [
  'DORMANT',
  'LOADING',
  'TRAINING',
  'BLENDING',
  'HOLDING',
  'FOSSILIZED',
  'CULLED',
  'ERROR_RECOVERY',
] as const;
export const SeedStage = z.enum(SEED_STAGES);
export type SeedStage = z.infer<typeof SeedStage>;

/** How a seed's output s joins its host's output z; formulas in docs/kasmina.md. */
export const BlendMode = z.enum(['add', 'replace', 'multiply', 'gate']);
export type BlendMode = z.infer<typeof BlendMode>;

/** Alpha curves whose pace follows a signal measured at each look; docs/kasmina.md defines them. */
export const PACED_CURVES = ['performance-linked', 'drift-controlled', 'gradient-gated'] as const;

/** Shape of the alpha ramp between its start and its target. */
export const AlphaCurve = z.enum(['linear', 'cosine', 'sigmoid', ...PACED_CURVES]);
export type AlphaCurve = z.infer<typeof AlphaCurve>;

/**
 * One ramp of a seed's blend weight: `from` at `startStep`, `to` at `startStep + steps`. The value
 * between is kasmina/alpha-schedule.ts `alphaAt()`.
 */
export const AlphaRamp = z.strictObject({
  curve: AlphaCurve,
  from: z.number().min(0).max(1),
  to: z.number().min(0).max(1),
  startStep: z.number().int().nonnegative(),
  /** Training steps the ramp takes, a paced one at its full pace; 0 jumps. */
  steps: z.number().int().nonnegative(),
  /** Of a paced curve, as set at the last look; absent: at full pace since the start. */
  pace: z
    .strictObject({
      /** Share of the way gone at step `since`. */
      progress: z.number().min(0).max(1),
      since: z.number().int().nonnegative(),
      /** Share of the full pace, from then on; 0 stands. */
      rate: z.number().min(0).max(1),
      /** What the next measurement is compared with; null: there was none yet. */
      reference: z.number().nullable(),
    })
    .optional(),
});
export type AlphaRamp = z.infer<typeof AlphaRamp>;

/** Distance to its target at which alpha counts as arrived; covers a float32 round trip. */
export const ALPHA_TOLERANCE = 1e-6;

/** Public state of one slot of one layer, as shown in the page and given to a policy. */
export const SeedSlotState = z.object({
  /** Name of the Kasmina layer, for example `fc1`. */
  layerId: z.string(),
  /** Index of the slot in its layer, from 0. */
  slot: z.number().int().nonnegative(),
  stage: SeedStage,
  /** Unique in a run, `s1`, `s2`, … in order of germination; null while the slot is dormant. */
  seedId: z.string().nullable(),
  blueprint: z.string().nullable(),
  blendMode: BlendMode.nullable(),
  /** Blend weight in [0, 1]. */
  alpha: z.number().min(0).max(1),
  alphaTarget: z.number().min(0).max(1),
  /** Step at which the slot entered its stage. */
  stageSince: z.number().int().nonnegative(),
  /** Number of trainable values of the seed, without padding; 0 while dormant. */
  parameters: z.number().int().nonnegative(),
  /** Loss without the seed minus loss with it, on the validation stream; null: unmeasured. */
  contribution: z.number().nullable(),
  /** (|g_seed| / |g_host|) * sqrt(P_host / P_seed); null: unmeasured. */
  gradientRatio: z.number().nullable(),
  /** Step of the look at which a seed in LOADING joins the network; absent: the next look. */
  graftStep: z.number().int().nonnegative().optional(),
  /** First step at which the slot may be used again after a cull. */
  embargoUntil: z.number().int().nonnegative(),
  /** True of a fossilised seed that is now a part of its host's own tensors. */
  folded: z.boolean().optional(),
  /** Unexpected faults in a row; the third enters ERROR_RECOVERY. */
  faults: z.number().int().nonnegative(),
});
export type SeedSlotState = z.infer<typeof SeedSlotState>;

/** An empty slot. */
export function dormantSlot(layerId: string, slot: number): SeedSlotState {
  return {
    layerId,
    slot,
    stage: 'DORMANT',
    seedId: null,
    blueprint: null,
    blendMode: null,
    alpha: 0,
    alphaTarget: 0,
    stageSince: 0,
    parameters: 0,
    contribution: null,
    gradientRatio: null,
    embargoUntil: 0,
    faults: 0,
  };
}
