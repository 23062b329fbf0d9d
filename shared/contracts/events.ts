/**
 * The run's event log: append-only, one JSON object a line. Replay and resume read it; the digest
 * of a run covers `step`, `type` and the deterministic fields, never wall-clock times.
 */
import { z } from 'zod';
import { Decision } from './decision.ts';
import { Contribution, Landscape } from './graft.ts';
import { HealthSignal } from './health.ts';
import { PolicyKnowledge } from './knowledge.ts';
import { Numerics } from './numerics.ts';
import { BlendMode, PACED_CURVES, SeedStage } from './seed.ts';

/** A person's or a replayed log's intervention, applied between two steps. */
export const Command = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('germinate'),
    layerId: z.string(),
    slot: z.number().int().nonnegative(),
    blueprint: z.string(),
    blendMode: BlendMode.optional(),
  }),
  z.strictObject({
    kind: z.literal('cull'),
    layerId: z.string(),
    slot: z.number().int().nonnegative(),
  }),
  z.strictObject({
    kind: z.literal('advance'),
    layerId: z.string(),
    slot: z.number().int().nonnegative(),
  }),
  z.strictObject({
    kind: z.literal('fossilize'),
    layerId: z.string(),
    slot: z.number().int().nonnegative(),
  }),
  z.strictObject({
    kind: z.literal('setAlpha'),
    layerId: z.string(),
    slot: z.number().int().nonnegative(),
    alpha: z.number().min(0).max(1),
  }),
  z.strictObject({ kind: z.literal('setLearningRate'), learningRate: z.number().positive() }),
]);
export type Command = z.infer<typeof Command>;

/** What the governor changed after a rollback, so that the same fault does not come back. */
export const Remedy = z.discriminatedUnion('kind', [
  /** Live seeds are the first suspects: they go, the host stays as it was. */
  z.strictObject({ kind: z.literal('cull-seeds') }),
  /** A host that diverges by itself learns more slowly from here on. */
  z.strictObject({ kind: z.literal('slow-down'), factor: z.number().positive() }),
  /** The rows of one step are at fault: that step is left out. */
  z.strictObject({ kind: z.literal('skip-step'), step: z.number().int().nonnegative() }),
  z.strictObject({ kind: z.literal('give-up'), message: z.string() }),
]);
export type Remedy = z.infer<typeof Remedy>;

export const GateCheck = z.object({
  name: z.string(),
  passed: z.boolean(),
  /** Null: not measured; an unmeasured check never passes. */
  value: z.number().nullable(),
  threshold: z.number().nullable(),
});
export type GateCheck = z.infer<typeof GateCheck>;

const base = { seq: z.number().int().nonnegative(), step: z.number().int().nonnegative() };
/** Milliseconds since 1970; informative, outside every digest. */
const time = { time: z.number().optional() };

export const RunEvent = z.discriminatedUnion('type', [
  z.object({
    ...base,
    ...time,
    type: z.literal('run.started'),
    adapter: z.string(),
    shaderDigest: z.string(),
    configDigest: z.string(),
    resumed: z.boolean(),
    /** Numeric class of all products of the run. @default {'f32'} */
    numerics: Numerics.optional(),
    /** What the rows became: their digest, their classes in order, and the fitted scaling. */
    data: z
      .object({
        source: z.string(),
        classes: z.array(z.string()),
        /** x' = (x - offset) * factor, by feature. */
        scaling: z.object({
          kind: z.string(),
          offset: z.array(z.number()),
          factor: z.array(z.number()),
        }),
        /** Feature axes of one row: [features] or [height, width, channels]. */
        input: z.array(z.number().int().positive()).optional(),
      })
      .optional(),
  }),
  z.object({
    ...base,
    ...time,
    /** Which variant of each kernel the plans in force use; none of them changes a bit. */
    type: z.literal('tuning'),
    adapter: z.string(),
    shaderDigest: z.string(),
    /** By kernel and class of shapes. */
    choices: z.record(
      z.string(),
      z.object({
        tile: z.record(z.string(), z.union([z.number(), z.boolean()])),
        source: z.enum(['measured', 'stored', 'recorded', 'default']),
      }),
    ),
  }),
  z.object({
    ...base,
    ...time,
    type: z.literal('metrics'),
    /** Mean loss over the interval, one value a replica; null when not finite. */
    loss: z.array(z.number().nullable()),
    accuracy: z.array(z.number().nullable()),
  }),
  z.object({
    ...base,
    ...time,
    type: z.literal('evaluation'),
    split: z.enum(['train', 'validation', 'test']),
    loss: z.array(z.number().nullable()),
    accuracy: z.array(z.number().nullable()),
  }),
  z.object({ ...base, ...time, type: z.literal('health'), signals: z.array(HealthSignal) }),
  z.object({
    ...base,
    ...time,
    type: z.literal('decision'),
    decision: Decision,
    /**
     * Which copy of the policy answered, or that the answer was in the run's schedule; outside the
     * digest, since all give the same answer.
     */
    source: z.enum(['in-process', 'server', 'schedule']),
  }),
  z.object({
    ...base,
    ...time,
    type: z.literal('command'),
    command: Command,
    origin: z.enum(['person', 'policy', 'replay']),
    accepted: z.boolean(),
    /** Why it was refused. */
    reason: z.string().nullable(),
  }),
  z.object({
    ...base,
    ...time,
    type: z.literal('gate'),
    layerId: z.string(),
    slot: z.number().int().nonnegative(),
    gate: z.enum(['G0', 'G1', 'G2', 'G3', 'G5']),
    passed: z.boolean(),
    checks: z.array(GateCheck),
  }),
  z.object({
    ...base,
    ...time,
    type: z.literal('transition'),
    layerId: z.string(),
    slot: z.number().int().nonnegative(),
    seedId: z.string().nullable(),
    blueprint: z.string().nullable(),
    from: SeedStage,
    to: SeedStage,
    cause: z.string(),
    /** Trainable values of the whole network afterwards. */
    parameters: z.number().int().nonnegative(),
    /** Of a germination with `growth.forgeLead`: step of the look at which its seed is grafted. */
    graftStep: z.number().int().nonnegative().optional(),
  }),
  /** The kernels of a seed when it was due to join the network. Times are the machine's. */
  z.object({
    ...base,
    ...time,
    type: z.literal('artifact'),
    layerId: z.string(),
    slot: z.number().int().nonnegative(),
    seedId: z.string(),
    blueprint: z.string(),
    origin: z.enum(['memory', 'storage', 'urza', 'forge']),
    /** Step of the germination, or of the sitting that asked again after a resume. */
    requestedStep: z.number().int().nonnegative(),
    /** From the request until the kernels were there, milliseconds. */
    readyMs: z.number().nonnegative(),
    /** How long training stood still for them, milliseconds; 0: they were there in time. */
    waitedMs: z.number().nonnegative(),
  }),
  /** A paced ramp goes faster, slower, stands or goes on; see the `health` and `metrics` before. */
  z.object({
    ...base,
    ...time,
    type: z.literal('pace'),
    layerId: z.string(),
    slot: z.number().int().nonnegative(),
    seedId: z.string(),
    curve: z.enum(PACED_CURVES),
    alpha: z.number(),
    /** Share of the full pace, from now on; 0 stands. */
    rate: z.number(),
    /** What was compared; null: it was not measured. */
    value: z.number().nullable(),
    threshold: z.number(),
  }),
  /** What became of a fossilised seed with `growth.fold` on; once a seed. */
  z.object({
    ...base,
    ...time,
    type: z.literal('fold'),
    layerId: z.string(),
    slot: z.number().int().nonnegative(),
    seedId: z.string(),
    blueprint: z.string(),
    /** False: it stays a graft, for the reason given. */
    folded: z.boolean(),
    /** Where it went, or why it did not. */
    reason: z.string(),
    /** Largest change of a logit, relative to the largest logit; null: not measured. */
    deviation: z.number().nullable(),
    bound: z.number(),
    /** Trainable values of the whole network, and dispatches of a training step. */
    parametersBefore: z.number().int().nonnegative(),
    parametersAfter: z.number().int().nonnegative(),
    dispatchesBefore: z.number().int().nonnegative(),
    dispatchesAfter: z.number().int().nonnegative(),
  }),
  z.object({
    ...base,
    ...time,
    type: z.literal('alpha-landscape'),
    ...Landscape.shape,
  }),
  z.object({
    ...base,
    ...time,
    type: z.literal('policy-knowledge'),
    name: z.string(),
    /** SHA-256 of the knowledge's canonical JSON. */
    digest: z.string(),
    source: z.enum(['server', 'local', 'none']),
    /** All of it, so that the run can be repeated when the store has moved on. */
    knowledge: PolicyKnowledge,
  }),
  z.object({
    ...base,
    ...time,
    type: z.literal('policy-cost'),
    /** What a policy had measured besides what every look measures; verdicts charge it. */
    purpose: z.enum(['statistics', 'line-search', 'initialise', 'trials']),
    /** Rows that went forward through the whole network, and backward. */
    forwardRows: z.number().int().nonnegative(),
    backwardRows: z.number().int().nonnegative(),
    /** What it was spent on, in words. */
    detail: z.string(),
  }),
  z.object({ ...base, ...time, type: z.literal('contribution'), ...Contribution.shape }),
  z.object({
    ...base,
    ...time,
    type: z.literal('governor'),
    cause: z.string(),
    /** Step the run was taken back to. */
    restoredStep: z.number().int().nonnegative(),
    /** Absent in logs of earlier versions. */
    remedy: Remedy.optional(),
  }),
  /** What a seed was worth: the run beside its twin, the same run without that seed's germination. */
  z.object({
    ...base,
    ...time,
    type: z.literal('twin'),
    seedId: z.string(),
    blueprint: z.string(),
    /** Step at which the seed germinated, and steps that both were trained from there. */
    germinatedStep: z.number().int().nonnegative(),
    horizon: z.number().int().positive(),
    /** Mean validation loss and accuracy over the replicas; null: not finite. */
    loss: z.number().nullable(),
    accuracy: z.number().nullable(),
    twinLoss: z.number().nullable(),
    twinAccuracy: z.number().nullable(),
    /** Loss of the twin minus loss of the run: positive where the seed helped. */
    causal: z.number().nullable(),
    /** Loss without the seed minus loss with it, in the run at that step; null: cannot be taken out. */
    removal: z.number().nullable(),
  }),
  z.object({
    ...base,
    ...time,
    type: z.literal('checkpoint'),
    file: z.string(),
    digest: z.string(),
  }),
  z.object({
    ...base,
    ...time,
    type: z.literal('notice'),
    level: z.enum(['info', 'warning', 'error']),
    message: z.string(),
  }),
  z.object({
    ...base,
    ...time,
    type: z.literal('run.finished'),
    status: z.enum(['done', 'interrupted', 'failed']),
    steps: z.number().int().nonnegative(),
    trainAccuracy: z.number().nullable(),
    testAccuracy: z.number().nullable(),
    parameters: z.number().int().nonnegative(),
    seedsGerminated: z.number().int().nonnegative(),
    seedsFossilized: z.number().int().nonnegative(),
    digest: z.string(),
    seconds: z.number().nonnegative(),
    message: z.string().optional(),
  }),
]);
export type RunEvent = z.infer<typeof RunEvent>;
