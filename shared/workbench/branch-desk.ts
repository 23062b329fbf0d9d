/**
 * The part of a sitting that looks back: lists stored runs, rewinds, forks, replays and compares
 * them. One piece of long work at a time, which a person can stop.
 */
import { InputError } from '../base/errors.ts';
import type {
  BranchRequest,
  ReplayResult,
  StoredRunRow,
  StoredRunView,
  WorkReport,
} from '../contracts/branch-protocol.ts';
import type { EngineMessage } from '../contracts/engine-protocol.ts';
import type { Experiment } from '../contracts/experiment.ts';
import { NamedFiles } from '../platform/memory.ts';
import type { RunStorage } from '../platform/platform.ts';
import { branchRun, copyRun, decidedText, findDecided, NO_CHANGE } from './branch-run.ts';
import { openCapsule } from './capsule.ts';
import type { OpenRun, Workbench } from './open-run.ts';
import { replayRun } from './replay-run.ts';
import { FILE_PREFIX, storedFiles } from './run-files.ts';
import { readHistory } from './run-history.ts';
import { storedRunRow, storedRunView } from './stored-views.ts';
import { measureTwin } from './twin-run.ts';
import { storeTwin } from './twins.ts';

/** Runs kept in a browser; beyond them the oldest go. */
export const MAX_STORED_RUNS = 24;

/** Where stored runs are. */
export interface RunShelf {
  storageOf(runId: string): RunStorage | null;
  listRuns(): Promise<string[]>;
  /** @returns False when another tab shows the run, and it stays. */
  removeRun(runId: string): Promise<boolean>;
}

/** What the desk needs of the sitting it belongs to. */
export interface Sitting {
  bench(files: NamedFiles): Promise<Workbench>;
  /** The open run, saved and standing still. @throws {InputError} If there is none. */
  settled(): Promise<{ runId: string; storage: RunStorage | null; run: OpenRun }>;
  isRunning(): boolean;
  /** The id of the open run; empty when there is none. */
  runId(): string;
  newRunId(experiment: Experiment): string;
  close(): Promise<void>;
  openStored(runId: string): Promise<boolean>;
  /** Tells the page what was logged. */
  flush(): void;
}

export class BranchDesk {
  #shelf: RunShelf;
  #emit: (message: EngineMessage) => void;
  #stop: (() => void) | null = null;

  constructor(shelf: RunShelf, emit: (message: EngineMessage) => void) {
    this.#shelf = shelf;
    this.#emit = emit;
  }

  /** Requests that change which run is open; they wait for each other. */
  static opens(request: BranchRequest): boolean {
    return ['rewind', 'fork', 'open-capsule', 'replay', 'twin'].includes(request.kind);
  }

  async handle(request: BranchRequest, sitting: Sitting): Promise<unknown> {
    switch (request.kind) {
      case 'list-runs':
        return this.#list();
      case 'view-run':
        return this.#view(request, sitting);
      case 'remove-run':
        return this.#remove(request.runId, sitting);
      case 'stop-work':
        this.#stop?.();
        return undefined;
      case 'rewind':
        return this.#rewind(request.step, sitting);
      case 'fork':
        return this.#fork(request, sitting);
      case 'replay':
        return this.#replay(sitting);
      case 'twin':
        return this.#twin(request.seedId, sitting);
      case 'open-capsule':
        return this.#openCapsule(request, sitting);
    }
  }

  /** Removes the oldest runs beyond the bound; the open one and those of other tabs stay. */
  async makeRoom(openRunId: string): Promise<void> {
    const ids = await this.#shelf.listRuns();
    if (ids.length <= MAX_STORED_RUNS) return;
    const rows = await this.#list();
    for (const row of rows.slice(MAX_STORED_RUNS)) {
      if (row.runId !== openRunId) await this.#shelf.removeRun(row.runId);
    }
  }

  async #list(): Promise<StoredRunRow[]> {
    const rows: StoredRunRow[] = [];
    for (const runId of await this.#shelf.listRuns()) {
      rows.push(await storedRunRow(runId, this.#need(runId)));
    }
    return rows.sort((a, b) => (b.time ?? 0) - (a.time ?? 0));
  }

  #need(runId: string): RunStorage {
    const storage = this.#shelf.storageOf(runId);
    if (!storage) throw new InputError('Cannot look into stored runs: this browser keeps nothing');
    return storage;
  }

  async #view(
    { resolution, runId }: Extract<BranchRequest, { kind: 'view-run' }>,
    sitting: Sitting,
  ): Promise<StoredRunView> {
    // The open run is shown as it stands; while it trains, as it was saved last.
    if (sitting.runId() === runId && !sitting.isRunning()) await sitting.settled();
    const storage = this.#need(runId);
    const bench = await benchFor(storage, sitting);
    return storedRunView(bench, runId, storage, resolution);
  }

  async #remove(runId: string, sitting: Sitting): Promise<void> {
    if (sitting.runId() === runId) {
      throw new InputError('Cannot remove the run that is open: open another one first');
    }
    if (await this.#shelf.removeRun(runId)) return;
    throw new InputError('Cannot remove a run that is open in another tab: close that tab first');
  }

  async #rewind(step: number, sitting: Sitting): Promise<boolean> {
    const { run, runId, storage } = await this.#settled(sitting);
    const branch = await this.#work('rewind', async (report, stop) =>
      branchRun(await benchFor(storage, sitting), storage, {
        ...{ at: step, change: NO_CHANGE, future: 'own', parent: null, dataset: run.dataset, stop },
        onStep: (at) => report(at / Math.max(1, step)),
      }),
    );
    if (!branch) return false;
    await sitting.close();
    await copyRun(branch, storage);
    await sitting.openStored(runId);
    return true;
  }

  async #fork(
    request: Extract<BranchRequest, { kind: 'fork' }>,
    sitting: Sitting,
  ): Promise<string | null> {
    const { run, runId, storage } = await this.#settled(sitting);
    const { events, experiment } = await readHistory(storage);
    const gone = request.without === null ? null : findDecided(events, String(request.without));
    const { added, future } = request;
    const end = events.reduce((n, e) => Math.max(n, e.step), 0);
    const at = request.step ?? Math.min(gone?.step ?? end, ...added.map((a) => a.step));
    const change = { without: gone && { seq: gone.seq, text: decidedText(gone) }, added };
    const branch = await this.#work('fork', async (report, stop) =>
      branchRun(await benchFor(storage, sitting), storage, {
        ...{ at, change, future, parent: runId, dataset: run.dataset, stop },
        onStep: (step) => report(step / Math.max(1, at)),
      }),
    );
    if (!branch) return null;
    for (const key of await storage.blobs.list(FILE_PREFIX)) {
      await branch.blobs.write(key, (await storage.blobs.read(key))!);
    }
    return this.#keep(branch, experiment, sitting);
  }

  async #replay(sitting: Sitting): Promise<ReplayResult> {
    const { run, storage } = await this.#settled(sitting);
    const report = await this.#work('replay', async (progress, stop) =>
      replayRun(await benchFor(storage, sitting), storage, {
        ...{ dataset: run.dataset, tolerance: REPLAY_TOLERANCE, stop },
        onStep: (step, total) => progress(step / Math.max(1, total)),
      }),
    );
    const { comparison, difference, digests, events, status, steps } = report;
    return { comparison, difference, digests, events, status, steps };
  }

  async #twin(seedId: string, sitting: Sitting): Promise<boolean> {
    const { run, storage } = await this.#settled(sitting);
    const twin = await this.#work('twin', async (onProgress, stop) =>
      measureTwin(await benchFor(storage, sitting), storage, {
        ...{ seedId, horizon: null, dataset: run.dataset, onProgress, stop },
      }),
    );
    if (!twin) return false;
    await storeTwin(storage, twin, null);
    await run.trainer.record(twin);
    sitting.flush();
    return true;
  }

  async #openCapsule(
    { bytes, name }: Extract<BranchRequest, { kind: 'open-capsule' }>,
    sitting: Sitting,
  ): Promise<string> {
    const { storage } = await this.#work('capsule', async () =>
      openCapsule(new Uint8Array(bytes), name),
    );
    const { experiment } = await readHistory(storage);
    return this.#keep(storage, experiment, sitting);
  }

  /** Keeps a run under a new id and opens it. What does not fit is removed again. */
  async #keep(from: RunStorage, experiment: Experiment, sitting: Sitting): Promise<string> {
    const runId = sitting.newRunId(experiment);
    try {
      await copyRun(from, this.#need(runId));
    } catch (error) {
      await this.#shelf.removeRun(runId);
      throw error;
    }
    await sitting.openStored(runId);
    await this.makeRoom(runId);
    return runId;
  }

  async #settled(sitting: Sitting) {
    const { run, runId, storage } = await sitting.settled();
    if (!storage) throw new InputError('Cannot look back: this browser keeps nothing of the run');
    return { run, runId, storage };
  }

  /** @throws {InputError} If there is other work. */
  async #work<T>(
    what: WorkReport['what'],
    work: (report: (done: number) => void, stop: () => boolean) => Promise<T>,
  ): Promise<T> {
    if (this.#stop) throw new InputError('Cannot begin: other work on stored runs is going on');
    let stopped = false;
    this.#stop = () => {
      stopped = true;
    };
    let shown = -1;
    const report = (done: number): void => {
      // A percent at a time: more would only be messages.
      const percent = Math.floor(Math.min(1, done) * 100);
      if (percent === shown) return;
      shown = percent;
      this.#emit({ kind: 'work', work: { what, done: percent / 100 } });
    };
    report(0);
    try {
      return await work(report, () => stopped);
    } finally {
      this.#stop = null;
      this.#emit({ kind: 'work', work: null });
    }
  }
}

/** Of losses, where a capsule comes from another adapter. */
const REPLAY_TOLERANCE = 0.05;

/** A workbench that finds the files of a run where the run keeps them. */
async function benchFor(storage: RunStorage, sitting: Sitting): Promise<Workbench> {
  const files = (await storedFiles(storage)).map((f) => [f.name, new Uint8Array(f.bytes)] as const);
  return { ...(await sitting.bench(new NamedFiles(files))), services: null };
}
