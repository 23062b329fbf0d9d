/** Tamiyo's log over HTTP: decisions that were given, and what became of them. */
import { z } from 'zod';
import { Decision } from './decision.ts';

export const DecisionId = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be the decision_id of an answer');

/** What growing, or not growing, led to. Null: not measured. */
export const DecisionOutcome = z.strictObject({
  outcome: z.enum(['fossilized', 'culled', 'no-change', 'failed']),
  step: z.number().int().nonnegative(),
  /** Change of the loss that is put down to it, loss units; above 0 is better. */
  contribution: z.number().nullable().default(null),
  note: z.string().max(500).default(''),
});
export type DecisionOutcome = z.infer<typeof DecisionOutcome>;

export const DecisionRecord = z.object({
  decision_id: DecisionId,
  run_id: z.string(),
  step: z.number().int().nonnegative(),
  policy_digest: z.string(),
  decisions: z.array(Decision),
  degraded: z.boolean(),
  created_at: z.number().int().nonnegative(),
  outcome: DecisionOutcome.nullable(),
});
export type DecisionRecord = z.infer<typeof DecisionRecord>;

export const DecisionQuery = z.object({
  /** Only decisions for this run. */
  run: z.string().max(128).optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export const DecisionPage = z.object({
  items: z.array(DecisionRecord),
  next: z.string().nullable(),
});

/** Header that makes POST repeatable: `run:epoch:state-digest`. */
export const IdempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 printable characters without spaces');
