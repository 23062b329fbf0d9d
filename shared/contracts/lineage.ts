/**
 * Where a run comes from: a schedule of what is done to it and when, and, for a fork, the run and
 * the change it was made from. Both are plain data and live beside the run's checkpoints.
 */
import { z } from 'zod';
import { Decision } from './decision.ts';
import { Command, Remedy } from './events.ts';

const step = z.number().int().nonnegative();

/** Something that happened to a run, to be done again at the same step. */
export const RunAction = z.discriminatedUnion('kind', [
  /** A policy's decision; its gates are asked again. */
  z.strictObject({ kind: z.literal('decision'), step, decision: Decision }),
  /** A person's command; it overrides the evidence a gate asks for. */
  z.strictObject({ kind: z.literal('command'), step, command: Command }),
  /** The governor's remedy after a rollback to `step`. */
  z.strictObject({ kind: z.literal('remedy'), step, cause: z.string(), remedy: Remedy }),
]);
export type RunAction = z.infer<typeof RunAction>;

export const RunSchedule = z.strictObject({
  /** In the order in which they are applied; steps never fall. */
  actions: z.array(RunAction).max(100_000),
  /** First look at which the experiment's policy decides again; null: it never does. */
  policyFrom: step.nullable(),
});
export type RunSchedule = z.infer<typeof RunSchedule>;

/** What makes a fork differ from the run it was made from. */
export const ForkChange = z.strictObject({
  /** Number of the event that was left out, with a line that says what it was. */
  without: z.strictObject({ seq: step, text: z.string() }).nullable(),
  /** Commands that were added. */
  added: z.array(z.strictObject({ step, command: Command })).max(1000),
});
export type ForkChange = z.infer<typeof ForkChange>;

export const Lineage = z.strictObject({
  /** Id, or folder as it was typed, of the run that was forked. */
  parent: z.string().min(1),
  /** The fork has everything the parent had up to here. */
  step,
  change: ForkChange,
  schedule: RunSchedule,
});
export type Lineage = z.infer<typeof Lineage>;
