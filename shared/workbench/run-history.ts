/** A run in storage, read whole: its experiment, its events and where it can be taken up again. */
import { CorruptDataError, InputError } from '../base/errors.ts';
import type { RunEvent } from '../contracts/events.ts';
import { Experiment } from '../contracts/experiment.ts';
import { Lineage, RunSchedule } from '../contracts/lineage.ts';
import type { TuningRecord } from '../engine/plan/backend.ts';
import type { BlobStorage, RunStorage } from '../platform/platform.ts';
import { type Checkpoint, readCheckpoint } from '../tolaria/checkpoint.ts';
import { keptCheckpoints } from '../tolaria/kept-checkpoints.ts';
import { parseEvent } from '../tolaria/run-log.ts';
import {
  CHECKPOINT,
  EXPERIMENT_FILE,
  PREVIOUS_CHECKPOINT,
  SCHEDULE_FILE,
} from '../tolaria/trainer.ts';

/** Where a fork came from; a run that was not forked has none. */
export const LINEAGE_FILE = 'lineage.json';

export interface RunHistory {
  experiment: Experiment;
  /** Up to the newest checkpoint where the run has not ended: what a resumed run would have. */
  events: RunEvent[];
  /** The same, as they are stored. */
  lines: string[];
  schedule: RunSchedule | null;
  lineage: Lineage | null;
  /** Actions of the schedule that lie behind the newest event. */
  scheduled: number;
  /** Whether the run has made all its steps. */
  done: boolean;
}

/** @throws {InputError | CorruptDataError} If there is no run, or it cannot be read. */
export async function readHistory(storage: RunStorage): Promise<RunHistory> {
  const { blobs } = storage;
  const bytes = await blobs.read(EXPERIMENT_FILE);
  if (!bytes) throw new InputError(`Cannot read the run: its ${EXPERIMENT_FILE} is missing`);
  const experiment = parseBlob(bytes, EXPERIMENT_FILE, Experiment);
  const all = await storage.events.readAll();
  let events = all.map(parseEvent);
  events.forEach((event, i) => {
    if (event.seq === i) return;
    throw new CorruptDataError(
      `Cannot read event log line ${i + 1}: it is event ${event.seq} and must be event ${i}; a line is missing or was moved`,
    );
  });
  const last = events.findLast((e) => e.type !== 'twin' && e.type !== 'checkpoint');
  const done = last?.type === 'run.finished' && last.status !== 'interrupted';
  let scheduled = 0;
  for (const { checkpoint } of await storedCheckpoints(blobs, [CHECKPOINT, PREVIOUS_CHECKPOINT])) {
    if (!done && checkpoint.state.events < events.length) {
      events = events.slice(0, checkpoint.state.events);
    }
    scheduled = checkpoint.state.scheduled;
    break;
  }
  return {
    experiment,
    events,
    lines: all.slice(0, events.length),
    schedule: await optional(blobs, SCHEDULE_FILE, RunSchedule),
    lineage: await optional(blobs, LINEAGE_FILE, Lineage),
    scheduled,
    done: last?.type === 'run.finished' && last.status === 'done',
  };
}

/** Kernel variants that a run was made with, all of them together; null: none is recorded. */
export function recordedTuning(events: readonly RunEvent[]): TuningRecord | null {
  const records = events.filter((e) => e.type === 'tuning');
  const last = records.at(-1);
  if (!last) return null;
  const choices = Object.assign({}, ...records.map((r) => r.choices)) as TuningRecord['choices'];
  return { adapter: last.adapter, shaderDigest: last.shaderDigest, choices };
}

export interface StoredCheckpoint {
  key: string;
  checkpoint: Checkpoint;
}

/** Those of the given blobs that are there and can be read; damaged ones are left out. */
async function storedCheckpoints(
  blobs: BlobStorage,
  keys: readonly string[],
): Promise<StoredCheckpoint[]> {
  const found: StoredCheckpoint[] = [];
  for (const key of keys) {
    const bytes = await blobs.read(key);
    if (!bytes) continue;
    try {
      found.push({ key, checkpoint: await readCheckpoint(bytes, key) });
    } catch (error) {
      if (!(error instanceof CorruptDataError)) throw error;
    }
  }
  return found;
}

/** Keys of all checkpoints a run holds, the latest step first. */
export async function checkpointKeys(blobs: BlobStorage): Promise<string[]> {
  const kept = (await keptCheckpoints(blobs)).map((k) => k.key).reverse();
  return [CHECKPOINT, PREVIOUS_CHECKPOINT, ...kept];
}

/**
 * The latest checkpoint from which a step can be reached, given that nothing after event
 * `beforeEvent` may have happened to it yet; null: only from the start.
 */
export async function checkpointBefore(
  blobs: BlobStorage,
  events: readonly RunEvent[],
  limits: { step: number; beforeEvent: number },
): Promise<StoredCheckpoint | null> {
  let best: StoredCheckpoint | null = null;
  for (const key of await checkpointKeys(blobs)) {
    const [found] = await storedCheckpoints(blobs, [key]);
    if (!found) continue;
    const { state } = found.checkpoint;
    const undone = events
      .slice(state.events)
      .some((e) => e.type === 'governor' && e.restoredStep < state.step);
    const fits = state.step <= limits.step && state.events <= limits.beforeEvent && !undone;
    if (fits && (!best || state.step > best.checkpoint.state.step)) best = found;
  }
  return best;
}

async function optional<T>(
  blobs: BlobStorage,
  key: string,
  schema: { parse(value: unknown): T },
): Promise<T | null> {
  const bytes = await blobs.read(key);
  return bytes ? parseBlob(bytes, key, schema) : null;
}

function parseBlob<T>(bytes: Uint8Array, key: string, schema: { parse(value: unknown): T }): T {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    throw new CorruptDataError(`Cannot read "${key}" of the run: it is damaged or of another kind`);
  }
}
