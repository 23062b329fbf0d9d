/**
 * Health signals: what the reduction kernels measure on real activations and gradients.
 * A value that was not measured is null, never a healthy-looking default.
 */
import { z } from 'zod';

const measured = z.number().nullable();

/** One layer's, or one seed's, signals at one step. Definitions: docs/kasmina.md. */
export const HealthSignal = z.object({
  layerId: z.string().min(1).max(255),
  /** Null for the host layer itself. */
  seedId: z.string().max(64).nullable(),
  step: z.number().int().nonnegative(),
  /** Mean over units of the variance over the batch. */
  activationVariance: measured,
  /** Share of units whose |activation| stays under 1e-6 over the whole batch, in [0, 1]. */
  deadUnitRatio: measured,
  /** Mean Pearson correlation of neighbouring units over the batch, in [-1, 1]. */
  meanCorrelation: measured,
  /** L2 norm of the gradient of the layer's (or seed's) parameters. */
  gradientNorm: measured,
  /** Population variance of those gradients over parameters. */
  gradientVariance: measured,
  /** (|g_seed| / |g_host|) * sqrt(P_host / P_seed); null for a host layer. */
  gradientRatio: measured,
  /**
   * ||R||^2 / N: what of the change wished for at a layer's output its own weights cannot make; null
   * for seeds and where it is not measured. Absent in records from before it existed.
   */
  expressivityBottleneck: measured.optional(),
  /**
   * Shares of the layer's inputs, outputs and positions that the bottleneck was measured on, in
   * (0, 1]; absent: on all of them.
   */
  bottleneckSample: z
    .object({ inputs: z.number(), outputs: z.number(), positions: z.number() })
    .optional(),
  /** Wall time per training step attributed to the layer, milliseconds; null where unmeasured. */
  latencyMs: measured,
});
export type HealthSignal = z.infer<typeof HealthSignal>;
