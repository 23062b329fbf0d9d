/** Measurements of grafts: alpha landscapes and contributions. Definitions: docs/policies.md. */
import { z } from 'zod';

const loss = z.number().nullable();
const slotOf = {
  layerId: z.string(),
  slot: z.number().int().nonnegative(),
  seedId: z.string(),
};
const cost = {
  /** Rows of the evaluation stream. */
  rows: z.number().int().positive(),
  /** Settings of the alphas that were evaluated on it. */
  evaluations: z.number().int().positive(),
};

/** Loss over a seed's alpha, the other seeds as they are. Null: not finite. */
export const Landscape = z.object({
  ...slotOf,
  alphas: z.array(z.number()),
  loss: z.array(loss),
  /** Alpha with the lowest loss; ties go to the smaller. */
  best: z.number().nullable(),
  /** Loss at alpha 0 minus loss at the seed's target. */
  benefit: z.number().nullable(),
  /** Largest rise above the loss at alpha 0 on the way. */
  barrier: z.number().nullable(),
  /** Jointly with another seed: loss[i][j] at this seed's alphas[i] and the other's alphas[j]. */
  pair: z
    .object({ ...slotOf, alphas: z.array(z.number()), loss: z.array(z.array(loss)) })
    .nullable(),
  ...cost,
});
export type Landscape = z.infer<typeof Landscape>;

/** What each active seed brings, in loss on the evaluation stream. */
export const Contribution = z.object({
  seeds: z.array(
    z.object({
      ...slotOf,
      /** Loss without this seed minus loss with all. */
      removal: loss,
      /** Its share of withNone - withAll, averaged over all orders of the seeds. */
      shapley: loss,
      /** Of `shapley`, over sampled orders; null when all orders were taken. */
      standardError: z.number().nullable(),
    }),
  ),
  method: z.enum(['exact', 'sampled']),
  withNone: loss,
  withAll: loss,
  ...cost,
});
export type Contribution = z.infer<typeof Contribution>;
