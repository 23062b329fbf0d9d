/**
 * Checkpoints: everything needed to go on bit for bit, in one safetensors file. Tensors are the
 * parameters and moments of all replicas; the trainer's state is JSON in the metadata, with a
 * digest over both.
 */
import { canonicalJson, sha256Hex } from '../base/canonical.ts';
import { CorruptDataError } from '../base/errors.ts';
import { readSafetensors, writeSafetensors } from '../base/safetensors.ts';
import type { Decision, MetricPoint } from '../contracts/decision.ts';
import type { GrowthState } from '../kasmina/growth-controller.ts';
import type { NamedTensors } from './training-arena.ts';

/** Sums since the last look of the controller; float64, so that JSON keeps them exactly. */
export interface IntervalSums {
  steps: number;
  loss: number[];
  correct: number[];
  count: number[];
}

/** What the governor remembers from look to look. */
export interface LossWatch {
  /** Loss of the run's first look. */
  first: number | null;

  diverging: number;
  collapsed: number;
  rollbacks: number;
}

export interface TrainerState {
  step: number;
  growth: GrowthState;
  /** Decided at the last look, to take effect at the next. */
  pending: Decision[];
  /** Rule of the wait that was logged last, while it stands. */
  lastWait: string | null;
  history: MetricPoint[];
  interval: IntervalSums;
  learningRateScale: number;
  /** Absolute learning rate a person set; null: the experiment's. */
  learningRateOverride: number | null;
  rollbacks: number;
  /** Steps that the governor leaves out, because their rows are at fault. */
  skipped: number[];
  /** Looks in a row that the governor did not like, and rollbacks it ordered for such looks. */
  watch: LossWatch;
  /** Actions of the run's schedule that were taken. */
  scheduled: number;
  /** Events written when the checkpoint was taken: a resumed log is cut there. */
  events: number;
  /** Training time so far, seconds. */
  seconds: number;
}

export function noWatch(): LossWatch {
  return { first: null, diverging: 0, collapsed: 0, rollbacks: 0 };
}

export interface Checkpoint {
  configDigest: string;
  state: TrainerState;
  tensors: NamedTensors;
  /**
   * Where a rollback goes; null: to this very step. Kept, so that a fault after a resume takes the
   * run to the same place as without the interruption.
   */
  snapshot: { state: TrainerState; tensors: NamedTensors } | null;
}

/** Prefix of a snapshot's tensors. */
const SNAPSHOT = 'snapshot/';

const VERSION = '1';

export async function writeCheckpoint(c: Checkpoint): Promise<Uint8Array<ArrayBuffer>> {
  const metadata = {
    format: 'esper-checkpoint',
    version: VERSION,
    configDigest: c.configDigest,
    state: canonicalJson(c.state),
    ...(c.snapshot ? { snapshot: canonicalJson(c.snapshot.state) } : {}),
  };
  const tensors: NamedTensors = new Map(c.tensors);
  for (const [name, tensor] of c.snapshot?.tensors ?? []) tensors.set(SNAPSHOT + name, tensor);
  const digest = await contentDigest(tensors, metadata);
  return writeSafetensors({ tensors, metadata: { ...metadata, digest } });
}

/** @throws {CorruptDataError} If the file is damaged, of another kind, or of a newer version. */
export async function readCheckpoint(bytes: Uint8Array, source: string): Promise<Checkpoint> {
  const { tensors, metadata } = readSafetensors(bytes, source);
  const { digest, ...rest } = metadata;
  if (rest['format'] !== 'esper-checkpoint') {
    throw new CorruptDataError(`Cannot resume from "${source}": it is no checkpoint of a run`);
  }
  if (rest['version'] !== VERSION) {
    throw new CorruptDataError(
      `Cannot resume from "${source}": its version is ${rest['version']}, this program reads ${VERSION}`,
    );
  }
  if ((await contentDigest(tensors, rest)) !== digest) {
    throw new CorruptDataError(
      `Cannot resume from "${source}": its contents do not match its digest`,
    );
  }
  const live: NamedTensors = new Map();
  const kept: NamedTensors = new Map();
  for (const [name, tensor] of tensors) {
    if (name.startsWith(SNAPSHOT)) kept.set(name.slice(SNAPSHOT.length), tensor);
    else live.set(name, tensor);
  }
  // Earlier versions had no schedule and no watch; nothing is lost by starting both anew.
  const added = { skipped: [], watch: noWatch(), scheduled: 0 };
  const parse = (text: string) => ({ ...added, ...(JSON.parse(text) as TrainerState) });
  const snapshot = rest['snapshot'];
  return {
    configDigest: rest['configDigest']!,
    state: parse(rest['state']!),
    tensors: live,
    snapshot: snapshot === undefined ? null : { state: parse(snapshot), tensors: kept },
  };
}

function contentDigest(tensors: NamedTensors, metadata: Record<string, string>): Promise<string> {
  return sha256Hex(writeSafetensors({ tensors, metadata: { canonical: canonicalJson(metadata) } }));
}

/**
 * Digest of a run's result: names, shapes and exact values of all parameters and moments. Two runs
 * with the same digest hold the same network bit for bit.
 */
export async function networkDigest(tensors: NamedTensors, step: number): Promise<string> {
  const bytes = writeSafetensors({ tensors, metadata: { step: String(step) } });
  return `sha256:${await sha256Hex(bytes)}`;
}
