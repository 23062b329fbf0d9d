/** A run in its storage: experiment, schedule, weights it starts from, log and checkpoints. */
import { CorruptDataError, InputError, StorageFullError } from '../base/errors.ts';
import { RunSchedule } from '../contracts/lineage.ts';
import type { BlobStorage, RunStorage } from '../platform/platform.ts';
import { type Checkpoint, networkDigest, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { INITIAL_WEIGHTS } from './initial-weights.ts';
import { dropKeptAfter, keepCheckpoint, MAX_KEPT, MAX_KEPT_BYTES } from './kept-checkpoints.ts';
import type { RunCore } from './run-core.ts';

/** Name of the newest checkpoint in a run's storage, and of the one before it. */
export const CHECKPOINT = 'checkpoint.safetensors';
export const PREVIOUS_CHECKPOINT = 'checkpoint.previous.safetensors';
/** A checkpoint that could not be read, kept for whoever wants to look. */
const DAMAGED_CHECKPOINT = 'damaged.safetensors';
export const EXPERIMENT_FILE = 'experiment.json';
/** What is done to the run and when, where that was fixed beforehand. */
export const SCHEDULE_FILE = 'schedule.json';

export class RunFiles {
  #run: RunCore;
  #configDigest: string;
  #full = false;
  /** Step and event count of the newest checkpoint: the same state needs no second one. */
  #saved = '';

  /** @param configDigest Of experiment, data and first weights: what a checkpoint belongs to. */
  constructor(run: RunCore, configDigest: string) {
    this.#run = run;
    this.#configDigest = configDigest;
  }

  get #storage(): RunStorage | null {
    return this.#run.options.storage;
  }

  /** Clears what an older run of this name left, and writes what the new one depends on. */
  async begin(): Promise<void> {
    const { initialWeights, schedule = null } = this.#run.options;
    const storage = this.#storage;
    if (!storage) return;
    await this.#storing(async () => {
      await storage.events.truncate(0);
      await dropKeptAfter(storage.blobs, -1);
      if (schedule) {
        const bytes = new TextEncoder().encode(JSON.stringify(schedule));
        await storage.blobs.write(SCHEDULE_FILE, bytes);
      } else await storage.blobs.remove(SCHEDULE_FILE);
      if (initialWeights) await storage.blobs.write(INITIAL_WEIGHTS, initialWeights.bytes);
      else await storage.blobs.remove(INITIAL_WEIGHTS);
      const text = `${JSON.stringify(this.#run.experiment, null, 2)}\n`;
      await storage.blobs.write(EXPERIMENT_FILE, new TextEncoder().encode(text));
    });
  }

  async flush(): Promise<void> {
    await this.#storing(() => this.#run.log.flush());
  }

  /** Drops the checkpoints after a step that was taken back. */
  async dropAfter(step: number): Promise<void> {
    const storage = this.#storage;
    if (storage) await this.#storing(() => dropKeptAfter(storage.blobs, step));
  }

  /** Runs `work` on storage; a full one is reported once and not used again. */
  async #storing(work: () => Promise<void>): Promise<void> {
    if (this.#full) return;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof StorageFullError) || !this.#run.options.onStorageFull) throw error;
      this.#full = true;
      this.#run.options.onStorageFull(error);
    }
  }

  /**
   * Hands the newest readable checkpoint to `take`.
   *
   * @throws {InputError} If there is none, or it is another experiment's.
   * @throws {CorruptDataError} If none can be read.
   */
  async resume(take: (checkpoint: Checkpoint) => Promise<void>): Promise<void> {
    const storage = this.#storage!;
    const problems: string[] = [];
    for (const key of [CHECKPOINT, PREVIOUS_CHECKPOINT]) {
      const bytes = await storage.blobs.read(key);
      if (!bytes) continue;
      try {
        await take(await this.#read(key, bytes));
      } catch (error) {
        if (!(error instanceof CorruptDataError)) throw error;
        problems.push(error.message);
        continue;
      }
      if (problems.length > 0) {
        // Out of the way: the next save copies what bears this name over the good one before.
        const damaged = await storage.blobs.read(CHECKPOINT);
        if (damaged) await storage.blobs.write(DAMAGED_CHECKPOINT, damaged);
        await storage.blobs.remove(CHECKPOINT);
        const message = `${problems[0]}; went on from step ${this.#run.state.step} of the one before`;
        this.#run.emit({ type: 'notice', level: 'warning', message });
      }
      await this.flush();
      return;
    }
    if (problems.length === 0) {
      throw new InputError('Cannot resume: the run has no checkpoint yet; start it anew');
    }
    throw new CorruptDataError(
      `${problems.join('; ')}; no checkpoint is left, restore one from a copy or start the run anew`,
    );
  }

  async #read(key: string, bytes: Uint8Array): Promise<Checkpoint> {
    const checkpoint = await readCheckpoint(bytes, key);
    if (checkpoint.configDigest !== this.#configDigest) {
      throw new InputError(
        `Cannot resume from "${key}": it belongs to another experiment or other data; start anew or restore the experiment file`,
      );
    }
    return checkpoint;
  }

  /**
   * Saves a checkpoint; the one before is kept beside it until the next save.
   *
   * @param keep Keeps it longer, for rewinding; see kept-checkpoints.ts.
   */
  async save(keep = false): Promise<void> {
    const run = this.#run;
    const storage = this.#storage;
    if (!storage || this.isSaved) return;
    await this.#storing(async () => {
      const tensors = await run.runtime.exportTensors();
      const digest = await networkDigest(tensors, run.state.step);
      run.emit({ type: 'checkpoint', file: CHECKPOINT, digest });
      await run.log.flush();
      const state = { ...run.state, growth: run.growth.state, events: run.log.length };
      const configDigest = this.#configDigest;
      const kept = run.snapshot;
      const snapshot =
        kept && kept.step !== state.step
          ? { state: kept, tensors: await run.runtime.arena.exportTensors('snapshot') }
          : null;
      const bytes = await writeCheckpoint({ configDigest, snapshot, state, tensors });
      await roomFor(storage.blobs, async () => {
        const before = await storage.blobs.read(CHECKPOINT);
        if (before) await storage.blobs.write(PREVIOUS_CHECKPOINT, before);
        await storage.blobs.write(CHECKPOINT, bytes);
      });
      if (keep) {
        const limits = { count: MAX_KEPT, bytes: run.options.historyBytes ?? MAX_KEPT_BYTES };
        await keepCheckpoint(storage.blobs, state.step, bytes, limits);
      }
      this.markSaved();
    });
  }

  /** Whether the newest checkpoint holds everything up to here. */
  get isSaved(): boolean {
    return this.#saved === this.#mark();
  }

  /** Says that nothing which came since the last save needs another one. */
  markSaved(): void {
    this.#saved = this.#mark();
  }

  /** Changes with everything that a checkpoint keeps. */
  #mark(): string {
    return `${this.#run.state.step}/${this.#run.log.length}`;
  }
}

/** Writes; where there is no room, what is kept for rewinding goes first. */
async function roomFor(blobs: BlobStorage, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!(error instanceof StorageFullError)) throw error;
    await dropKeptAfter(blobs, -1);
    await write();
  }
}

/** @throws {CorruptDataError} If the run has a schedule that cannot be read. */
export async function storedSchedule({ blobs }: RunStorage): Promise<RunSchedule | null> {
  const bytes = await blobs.read(SCHEDULE_FILE);
  if (!bytes) return null;
  try {
    return RunSchedule.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    throw new CorruptDataError(
      `Cannot read "${SCHEDULE_FILE}": it is not a valid schedule; restore it from a copy`,
    );
  }
}
