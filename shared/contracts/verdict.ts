/**
 * A verdict: the file that asks for one (the protocol, fixed before the first run) and the report
 * that answers it. docs/verdict.md explains every key, arm and rule.
 */
import { z } from 'zod';
import { type Experiment, Experiment as ExperimentSchema } from './experiment.ts';
import { ScheduledAction } from './policy.ts';

/** The networks that are compared. `growth` is the experiment as it stands; the others are controls. */
export const ArmName = z.enum([
  'growth',
  'static-small',
  'static-equal-size',
  'static-equal-compute',
  'random',
  'uniform',
  'replay',
]);
export type ArmName = z.infer<typeof ArmName>;
export type ControlName = Exclude<ArmName, 'growth'>;

export const VerdictFile = z
  .strictObject({
    $schema: z.string().optional().describe('Where an editor finds the schema'),
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/i, 'letters, digits, dot, dash, underscore; at most 64')
      .describe('Letters, digits, dot, dash, underscore; at most 64'),
    description: z.string().max(2000).optional(),
    experiment: z
      .union([z.string().min(1), z.record(z.string(), z.unknown())])
      .describe(
        'The experiment that grows: a file (relative to this one), a preset, or the experiment itself',
      ),
    seeds: z
      .number()
      .int()
      .min(2)
      .max(200)
      .default(10)
      .describe('Consecutive seeds; all are paired'),
    firstSeed: z.number().int().min(0).max(0xffff0000).default(1),
    data: z
      .enum(['per-seed', 'shared'])
      .default('per-seed')
      .describe(
        'per-seed: generated rows and splits are drawn anew for each seed; shared: all seeds see the rows of the first, which lets static networks train together',
      ),
    arms: z
      .array(ArmName)
      .min(1)
      .default([...ArmName.options])
      .describe('Which networks to train; growth is always one of them'),
    metric: z
      .enum(['accuracy', 'area'])
      .default('accuracy')
      .describe(
        'accuracy: on the test rows at the end; area: mean test accuracy over the compute that growth spent',
      ),
    margin: z
      .number()
      .gt(0)
      .max(1)
      .default(0.01)
      .describe('Differences smaller than this, a share of one, count as no difference'),
    alpha: z
      .number()
      .gt(0)
      .max(0.5)
      .default(0.05)
      .describe('Chance of a false finding over all comparisons together'),
  })
  .describe('An Esper Workbench verdict: growth against its matched controls');
export type VerdictFile = z.infer<typeof VerdictFile>;

/** A verdict file with its experiment read and completed; what the hash covers. */
export interface Protocol extends Omit<VerdictFile, '$schema' | 'description' | 'experiment'> {
  experiment: Experiment;
}

export const ProtocolRecord = z.object({
  version: z.literal(1),
  /** SHA-256 of the canonical JSON of everything below. */
  hash: z.string(),
  protocol: z.object({
    name: z.string(),
    experiment: ExperimentSchema,
    seeds: z.number(),
    firstSeed: z.number(),
    data: z.enum(['per-seed', 'shared']),
    arms: z.array(ArmName),
    metric: z.enum(['accuracy', 'area']),
    margin: z.number(),
    alpha: z.number(),
  }),
  /** What the rows of the first seed are, with their digest; paths are not part of the hash. */
  data: z.string(),
  adapter: z.string(),
  /** SHA-256 over the shader sources and over the program's own; null: not known, in the page. */
  shaders: z.string(),
  code: z.string().nullable(),
});
export type ProtocolRecord = z.infer<typeof ProtocolRecord>;

/** Test accuracy after so many floating-point operations of this run. */
export const CurvePoint = z.object({
  step: z.number().int().nonnegative(),
  flops: z.number().nonnegative(),
  accuracy: z.number().nullable(),
});
export type CurvePoint = z.infer<typeof CurvePoint>;

/** What grew in a run, and when: what random, uniform and replayed growth are made of. */
export const GrowthHistory = z.object({
  seeds: z.array(
    z.object({
      step: z.number(),
      layerId: z.string(),
      blueprint: z.string(),
      size: z.number().nullable(),
    }),
  ),
  actions: z.array(ScheduledAction),
  germinateRate: z.number(),
  cullRate: z.number(),
});
export type GrowthHistory = z.infer<typeof GrowthHistory>;

export const ArmRun = z.object({
  arm: ArmName,
  seed: z.number().int().nonnegative(),
  status: z.enum(['done', 'failed']),
  /** Why it failed, and what it could not do on the way. */
  problems: z.array(z.string()),
  /** Test accuracy at the end; null: the run failed. */
  accuracy: z.number().nullable(),
  parameters: z.number().int().nonnegative(),
  steps: z.number().int().nonnegative(),
  germinated: z.number().int().nonnegative(),
  fossilized: z.number().int().nonnegative(),
  culled: z.number().int().nonnegative(),
  /** Floating-point operations: of the training steps, and of all that decisions were based on. */
  flops: z.object({ training: z.number(), decisions: z.number() }),
  curve: z.array(CurvePoint),
  history: GrowthHistory,
  /** Hidden widths of a static network that was sized to match; null: the host's own. */
  widths: z.array(z.number().int()).nullable(),
  digest: z.string(),
  /** Wall time of the dispatches this run was part of, divided by the runs in them. */
  seconds: z.number().nonnegative(),
});
export type ArmRun = z.infer<typeof ArmRun>;

export const Outcome = z.enum(['better', 'equivalent', 'worse', 'undecided']);
export type Outcome = z.infer<typeof Outcome>;

/** Growth minus one control, over the seeds for which both runs ended. */
export const Comparison = z.object({
  control: ArmName,
  seeds: z.array(z.number()),
  differences: z.array(z.number()),
  mean: z.number(),
  sd: z.number(),
  /** Bootstrap interval of the mean difference at 1 - alpha. */
  interval: z.object({ low: z.number(), high: z.number() }),
  /** Signed-rank test, and the same after Holm's correction over all comparisons. */
  p: z.number(),
  pAdjusted: z.number(),
  /** Paired t test, for readers who expect it; no rule uses it. */
  pStudent: z.number(),
  /** Two one-sided tests against the margin. */
  pEquivalence: z.number(),
  effectSize: z.number().nullable(),
  rankBiserial: z.number(),
  /** Smallest mean difference this many seeds find with 80 % power. */
  detectable: z.number(),
  outcome: Outcome,
});
export type Comparison = z.infer<typeof Comparison>;

export const VerdictOutcome = z.enum([
  'paid',
  'no-difference',
  'hurt',
  'undecided',
  'did-not-grow',
]);
export type VerdictOutcome = z.infer<typeof VerdictOutcome>;

export const ArmSummary = z.object({
  arm: ArmName,
  runs: z.array(ArmRun),
  /** Why the arm could not be run, for some seeds or for all; null: it was. */
  notRun: z.string().nullable(),
  /** By run, in the order of `runs`: the protocol's metric. */
  metric: z.array(z.number().nullable()),
});
export type ArmSummary = z.infer<typeof ArmSummary>;

export const VerdictReport = z.object({
  type: z.literal('verdict.finished'),
  version: z.literal(1),
  status: z.enum(['done', 'interrupted']),
  protocol: ProtocolRecord,
  arms: z.array(ArmSummary),
  comparisons: z.array(Comparison),
  verdict: z.object({
    outcome: VerdictOutcome,
    /** The answer in one sentence, then what it rests on. */
    sentence: z.string(),
    details: z.array(z.string()),
  }),
  /** Everything that failed, was refused or left out. */
  problems: z.array(z.string()),
  seconds: z.number().nonnegative(),
});
export type VerdictReport = z.infer<typeof VerdictReport>;

/** How far a verdict has got. */
export interface VerdictProgress {
  arm: ArmName;
  seeds: readonly number[];
  /** Optimizer steps made and wanted, over all runs; the total is an estimate until growth ended. */
  done: number;
  total: number;
}

/** A published experiment, reproduced: tables beside the source's figures, and bars met or not. */
export interface SuiteResult {
  type: 'suite.finished';
  name: string;
  title: string;
  status: 'done' | 'interrupted';
  adapter: string;
  /** Where the data came from, and what is not as in the source. */
  notes: string[];
  tables: { title: string; head: string[]; rows: string[][] }[];
  /** What would have to be seen, and whether it was. */
  bars: { text: string; met: boolean }[];
  seconds: number;
}

export const SuiteName = z.enum(['p1', 'p3', 'p6']);
export type SuiteName = z.infer<typeof SuiteName>;

/** What the page asks the worker that runs verdicts. */
export type VerdictRequest =
  | {
      kind: 'run';
      /** A shipped verdict by name, or the settings of the page. */
      what: { shipped: string } | { experiment: Experiment };
      /** Replace the file's; the shipped ones have their own margin. */
      seeds: number;
      arms: ArmName[];
      /** Dropped files that the data source reads. */
      files: { name: string; bytes: ArrayBuffer }[];
    }
  /** A published experiment, on the worker's adapter and with the built-in data. */
  | { kind: 'suite'; name: SuiteName; seeds: number }
  | { kind: 'stop' }
  /** Checks a stored report and renders it. */
  | { kind: 'open'; text: string };

export type VerdictMessage =
  | { kind: 'note'; message: string }
  | { kind: 'progress'; progress: VerdictProgress }
  | { kind: 'suite-progress'; share: number; label: string }
  | { kind: 'suite'; result: SuiteResult }
  | { kind: 'report'; report: VerdictReport; html: string }
  | { kind: 'failed'; message: string };
