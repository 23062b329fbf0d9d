/**
 * One person's sitting with the engine: takes the page's requests, trains in slices between them,
 * and reports what happens. Runs in the page's worker; what differs by host arrives as arguments.
 */
import { DeviceLostError, InputError, messageOf } from '../base/errors.ts';
import type {
  DroppedFile,
  EngineMessage,
  EngineRequest,
  EngineSnapshot,
  ExportedFile,
  NoticeCode,
} from '../contracts/engine-protocol.ts';
import type { RunEvent } from '../contracts/events.ts';
import { Experiment } from '../contracts/experiment.ts';
import type { KernelTimes } from '../contracts/kernel-times.ts';
import type { Backend } from '../engine/plan/backend.ts';
import { NamedFiles } from '../platform/memory.ts';
import type { Clock, RunStorage } from '../platform/platform.ts';
import type { StepMetrics } from '../tolaria/network-runtime.ts';
import { EXPERIMENT_FILE } from '../tolaria/trainer.ts';
import {
  BranchDesk,
  FILE_PREFIX,
  type RunShelf,
  type Sitting,
  storedFiles,
} from './branch-desk.ts';
import { exportRun } from './export-run.ts';
import { type OpenRun, openRun, type Workbench } from './open-run.ts';
import { adapterReport, dataReport, evaluationMessage, networkReport } from './reports.ts';
import { SeriesRecorder } from './series-recorder.ts';
import type { Services } from './services.ts';
import { taskView, taskViewInterval } from './task-view.ts';

/** Milliseconds between two snapshots while training. */
const SNAPSHOT_MS = 100;
/** Milliseconds of training between two saves, beside those the experiment asks for. */
const SAVE_MS = 4000;
/** Room for checkpoints along the way of one run: a browser keeps up to two dozen runs. */
const HISTORY_BYTES = 24 * 2 ** 20;
/** Device losses within this time after which the slow lane is taken. */
const LOSS_WINDOW_MS = 120_000;
const MAX_LOSSES = 3;

export interface SessionHost extends RunShelf {
  clock: Clock;
  /** A fresh backend: the GPU's, or the reference engine with a note why. */
  openBackend(avoidGpu: boolean): Promise<{ backend: Backend; note?: string }>;
  /** Everything else a run needs, for a backend. */
  openWorkbench(backend: Backend, files: NamedFiles): Promise<Workbench>;
  /** Cache figures for the page. */
  cacheStats(): EngineSnapshot['cache'];
}

type Emit = (message: EngineMessage) => void;
type Status = EngineSnapshot['status'];

export class WorkbenchSession {
  #host: SessionHost;
  #emit: Emit;
  #desk: BranchDesk;
  #bench: Workbench | null = null;
  #run: OpenRun | null = null;
  #runId = '';
  #experiment: Experiment | null = null;
  #files: DroppedFile[] = [];
  #storage: RunStorage | null = null;
  #status: Status = 'idle';
  #message: string | null = null;
  /** Train up to here, then pause; null: to the end. */
  #until: number | null = null;
  #stepsPerSecond: number | null = null;
  #resolution = 0;
  #series = new SeriesRecorder();
  #events: RunEvent[] = [];
  #lastSnapshot = 0;
  #lastView = Number.NEGATIVE_INFINITY;
  #lastSave = 0;
  #losses: number[] = [];
  #pumping: Promise<void> | null = null;
  /** What is done to the network, slices of training among it. */
  #quiet: Promise<void> = Promise.resolve();
  /** Requests that build or drop a run wait for each other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(host: SessionHost, emit: Emit) {
    this.#host = host;
    this.#emit = emit;
    this.#desk = new BranchDesk(host, emit);
  }

  /** Finds the adapter and says that nothing runs yet. Call once, before the first request. */
  async open(): Promise<void> {
    await this.#ensureBench(new NamedFiles([]));
    this.#snapshot();
  }

  async handle(request: EngineRequest): Promise<unknown> {
    switch (request.kind) {
      case 'start':
        return this.#inTurn(async () => {
          const { experiment, files = [], paused = false } = request;
          await this.#begin(Experiment.parse(experiment), files, paused);
        });
      case 'resume-stored':
        return this.#inTurn(() => this.#resumeStored(request.runId));
      case 'reset':
        return this.#inTurn(async () => {
          this.#need();
          const { seed = this.#experiment!.seed } = request;
          await this.#begin({ ...this.#experiment!, seed }, this.#files, true);
        });
      case 'pause':
        await this.#pause();
        return undefined;
      case 'continue':
        this.#until = null;
        this.#go();
        return undefined;
      case 'step':
        this.#until = this.#need().trainer.step + request.steps;
        this.#go();
        return undefined;
      case 'speed':
        this.#stepsPerSecond = request.stepsPerSecond;
        return undefined;
      case 'command':
        this.#need().trainer.command(request.command);
        // While paused a command should show at once, not at the next step.
        if (this.#status === 'paused') await this.#settleCommands();
        return undefined;
      case 'trip-breaker':
        this.#services().trip(request.service);
        this.#snapshot();
        return undefined;
      case 'reset-breaker':
        this.#services().reset(request.service);
        this.#snapshot();
        return undefined;
      case 'boundary':
        this.#resolution = request.resolution;
        if (this.#run && this.#status !== 'running') await this.#inQuiet(() => this.#showTask());
        return undefined;
      case 'kernel-times':
        return this.#inQuiet(() => this.#kernelTimes());
      case 'export':
        return this.#inQuiet(() => this.#export(request.format));
      default:
        return BranchDesk.opens(request)
          ? this.#inTurn(() => this.#desk.handle(request, this.#sitting()))
          : this.#desk.handle(request, this.#sitting());
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #need(): OpenRun {
    if (!this.#run) throw new InputError('Cannot do this without a run: start one first');
    return this.#run;
  }

  #services() {
    const services = this.#bench?.services;
    if (!services)
      throw new InputError('Cannot reach services: this page was opened without a server');
    return services;
  }

  async #begin(experiment: Experiment, files: DroppedFile[], paused: boolean): Promise<void> {
    await this.#stopTraining();
    const runId = this.#newRunId(experiment);
    await this.#open(runId, experiment, files, false);
    const storage = this.#storage;
    if (storage) {
      try {
        for (const f of files) {
          await storage.blobs.write(FILE_PREFIX + f.name, new Uint8Array(f.bytes));
        }
      } catch (error) {
        this.#notice('warning', 'storage-full', messageOf(error));
      }
    }
    await this.#desk.makeRoom(runId);
    this.#until = null;
    if (paused) this.#setStatus('paused');
    else this.#go();
    await this.#afterOpen();
  }

  #newRunId({ name, seed }: Experiment): string {
    return `${name}-${seed}-${Math.floor(this.#host.clock.wallTime()).toString(36)}`;
  }

  /** What the desk for stored runs may do with this sitting. */
  #sitting(): Sitting {
    return {
      bench: async (files) => ({
        ...(this.#bench ?? (await this.#ensureBench(new NamedFiles([])))),
        files,
      }),
      settled: async () => {
        this.#need();
        await this.#pause();
        const run = this.#need();
        // A finished run is saved already, and its log ends with its end.
        if (!this.#isStatus('finished')) await this.#inQuiet(() => run.trainer.save());
        return { runId: this.#runId, storage: this.#storage, run };
      },
      isRunning: () => this.#isStatus('running'),
      runId: () => this.#runId,
      newRunId: (experiment) => this.#newRunId(experiment),
      close: async () => {
        await this.#quiet;
        await this.#closeRun();
      },
      openStored: (runId) => this.#resumeStored(runId),
      flush: () => this.#flush(),
    };
  }

  async #resumeStored(runId: string): Promise<boolean> {
    const storage = this.#host.storageOf(runId);
    const bytes = await storage?.blobs.read(EXPERIMENT_FILE);
    if (!storage || !bytes) return false;
    await this.#stopTraining();
    const experiment = Experiment.parse(JSON.parse(new TextDecoder().decode(bytes)));
    const files = await storedFiles(storage);
    const saved = (await storage.blobs.list('checkpoint')).length > 0;
    await this.#open(runId, experiment, files, saved);
    this.#replay();
    this.#until = null;
    if (this.#need().trainer.step >= experiment.steps) await this.#finishAgain();
    else this.#setStatus('paused');
    await this.#afterOpen();
    return true;
  }

  /** Closes the run before and opens this one; the status is `preparing` until the caller sets it. */
  async #open(
    runId: string,
    experiment: Experiment,
    files: DroppedFile[],
    resume: boolean,
  ): Promise<void> {
    await this.#closeRun();
    this.#runId = runId;
    this.#experiment = experiment;
    this.#files = files;
    this.#setStatus('preparing', 'finding an adapter, loading data, compiling shaders');
    this.#emit({ kind: 'cleared', runId });
    this.#emit({ kind: 'experiment', runId, experiment });
    this.#series = new SeriesRecorder();
    this.#events = [];
    try {
      const named = new NamedFiles(files.map((f) => [f.name, new Uint8Array(f.bytes)]));
      const bench = await this.#ensureBench(named);
      this.#storage = this.#host.storageOf(runId);
      this.#run = await openRun(bench, {
        runId,
        experiment,
        storage: this.#storage,
        resume,
        historyBytes: HISTORY_BYTES,
        onEvent: (event) => {
          if (isShown(event)) this.#events.push(event);
        },
        onSteps: (first, metrics) => this.#series.add(first, metrics as readonly StepMetrics[]),
        onEvaluation: (step, split, loss, accuracy) =>
          this.#emit({ kind: 'evaluation', step, split, loss, accuracy }),
        onStorageFull: (error) =>
          this.#notice(
            'warning',
            'storage-full',
            `${error.message}. Training goes on without saving`,
          ),
      });
      this.#emit({ kind: 'data', data: dataReport(this.#run.dataset) });
    } catch (error) {
      this.#setStatus('failed', messageOf(error));
      throw error;
    }
  }

  /** Tells the page what earlier sittings of a resumed run had told it. */
  #replay(): void {
    const { earlier } = this.#need();
    this.#series.replay(earlier);
    // Before what the resumed run has logged since: the page sorts by number.
    this.#events.unshift(...earlier.filter(isShown));
    for (const e of earlier) {
      if (e.type === 'evaluation') this.#emit(evaluationMessage(e));
    }
  }

  async #afterOpen(): Promise<void> {
    this.#lastSave = this.#host.clock.now();
    this.#flush();
    if (this.#status !== 'running') await this.#showTask();
  }

  async #ensureBench(files: NamedFiles): Promise<Workbench> {
    if (this.#bench) {
      this.#bench = { ...this.#bench, files };
      return this.#bench;
    }
    const recent = this.#losses.filter((t) => this.#host.clock.now() - t < LOSS_WINDOW_MS);
    const { backend, note } = await this.#host.openBackend(recent.length >= MAX_LOSSES);
    this.#emit({ kind: 'adapter', adapter: adapterReport(backend.adapter, note) });
    if (backend.adapter.kind === 'reference') {
      const code = recent.length > 0 ? 'other' : 'no-webgpu';
      this.#notice('warning', code, note ?? 'The slow reference engine computes');
    }
    this.#bench = await this.#host.openWorkbench(backend, files);
    this.#watchServices(this.#bench.services);
    return this.#bench;
  }

  /** One notice while any service is away, however many share the server. */
  #watchServices(services: Services | null): void {
    const away = new Set<string>();
    services?.onBreaker(({ breaker, name, tripped }) => {
      if (breaker === 'open' && !tripped) {
        away.add(name);
        this.#notice('warning', 'server-away', `Without an answer: ${[...away].join(', ')}`);
      } else if (breaker === 'closed' && away.delete(name) && away.size === 0) {
        this.#notice('info', 'server-back', 'The server answers again');
      }
      this.#snapshot();
    });
  }

  #go(): void {
    this.#need();
    if (this.#status === 'finished') return;
    this.#setStatus('running');
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = null;
      // A request to go on may have come while the last slice was ending.
      if (this.#status === 'running') this.#go();
    });
  }

  async #pause(): Promise<void> {
    if (this.#status !== 'running') {
      // Single steps that just ended are saved when this is answered.
      await this.#pumping;
      return;
    }
    await this.#stopTraining();
    // The last slice may have finished the run, or a request to go on may have come.
    if (!this.#isStatus('paused')) return;
    // What a person asked for during the last slice is answered now, not at the next step.
    await this.#settleCommands();
    await this.#inQuiet(async () => {
      if (!this.#isStatus('paused')) return;
      await this.#need().trainer.save();
      this.#flush();
    });
  }

  #isStatus(status: Status): boolean {
    return this.#status === status;
  }

  async #stopTraining(): Promise<void> {
    // Shown when the slice has ended: a page that says "paused" must not take another step.
    if (this.#status === 'running') this.#status = 'paused';
    await this.#pumping;
    await this.#quiet;
    if (this.#isStatus('paused')) this.#snapshot();
  }

  /** Trains slice by slice while the status says so. */
  async #pump(): Promise<void> {
    const { clock } = this.#host;
    while (this.#status === 'running') {
      const began = clock.now();
      const steps = await this.#inQuiet(() => this.#slice());
      if (steps === null) continue;
      const limit = this.#stepsPerSecond;
      if (limit !== null && this.#status === 'running') {
        const due = (steps / limit) * 1000;
        await clock.sleep(Math.max(0, due - (clock.now() - began)));
      } else {
        // Lets messages in.
        await clock.sleep(0);
      }
    }
  }

  /** Trains for a moment and shows it; returns the steps made, null where it failed. */
  async #slice(): Promise<number | null> {
    // Paused while it waited for its turn.
    if (this.#status !== 'running') return 0;
    const { clock } = this.#host;
    const { trainer } = this.#need();
    const began = clock.now();
    const limit = this.#stepsPerSecond;
    const allowed = limit === null ? Number.POSITIVE_INFINITY : Math.max(1, Math.round(limit / 10));
    const until = Math.min(trainer.step + allowed, this.#until ?? Number.POSITIVE_INFINITY);
    const before = trainer.step;
    try {
      const done = await trainer.train(
        until,
        () => this.#status !== 'running' || clock.now() - began > SNAPSHOT_MS,
      );
      this.#series.tick(clock.now(), trainer.step);
      if (done) await this.#finish();
      else if (this.#hasReached(trainer.step)) {
        await trainer.save();
        // Unless a person asked to go on meanwhile. Saved first: "paused" means safe to close.
        if (this.#hasReached(trainer.step) && this.#isStatus('running')) this.#setStatus('paused');
      }
    } catch (error) {
      await this.#fail(error);
      return null;
    }
    if (clock.now() - this.#lastSnapshot >= SNAPSHOT_MS || this.#status !== 'running')
      this.#flush();
    const isDue = clock.now() - this.#lastView >= taskViewInterval(this.#need());
    if (isDue || this.#status !== 'running') {
      await this.#showTask().catch(() => undefined);
    }
    if (clock.now() - this.#lastSave >= SAVE_MS && this.#status === 'running') {
      this.#lastSave = clock.now();
      await trainer.save();
    }
    return trainer.step - before;
  }

  #hasReached(step: number): boolean {
    return this.#until !== null && step >= this.#until;
  }

  async #finish(): Promise<void> {
    const { trainer } = this.#need();
    await trainer.finish('done');
    this.#setStatus('finished');
  }

  /**
   * The last checkpoint comes before the last measurements: a run that was left between the two has
   * no end in its log yet. Measured again, the figures have the same bits.
   */
  async #finishAgain(): Promise<void> {
    try {
      await this.#finish();
    } catch (error) {
      await this.#fail(error);
    }
  }

  async #fail(error: unknown): Promise<void> {
    if (!(error instanceof DeviceLostError)) {
      this.#setStatus('failed', messageOf(error));
      this.#flush();
      return;
    }
    const wasRunning = this.#isStatus('running');
    this.#losses.push(this.#host.clock.now());
    this.#notice('warning', 'device-lost', `${error.message}; going on from the last save`);
    await this.#closeRun();
    this.#bench?.services?.close();
    this.#bench = null;
    try {
      const saved = ((await this.#storage?.blobs.list('checkpoint')) ?? []).length > 0;
      await this.#open(this.#runId, this.#experiment!, this.#files, saved);
      this.#replay();
      this.#notice('info', 'device-restored', `Going on from step ${this.#need().trainer.step}`);
      this.#setStatus(wasRunning ? 'running' : 'paused');
    } catch (again) {
      this.#setStatus('failed', messageOf(again));
      this.#flush();
    }
  }

  async #settleCommands(): Promise<void> {
    // The slice that a pause interrupts may still be training.
    await this.#pumping;
    await this.#inQuiet(async () => {
      if (!this.#isStatus('paused')) return;
      try {
        await this.#need().trainer.applyCommands();
      } catch (error) {
        await this.#fail(error);
      }
      this.#flush();
      await this.#showTask();
    });
  }

  /** Work on the network, one piece after the other: slices of training and what comes between. */
  #inQuiet<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#quiet.then(work);
    this.#quiet = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /** Between two slices of a run that trains, too. */
  async #kernelTimes(): Promise<KernelTimes> {
    const { trainer } = this.#need();
    if (!['running', 'paused', 'finished'].includes(this.#status)) {
      throw new InputError('Cannot time the kernels: the run is not ready; wait or start it anew');
    }
    try {
      return await trainer.kernelTimes();
    } catch (error) {
      if (error instanceof DeviceLostError) await this.#fail(error);
      throw error;
    }
  }

  #setStatus(status: Status, message: string | null = null): void {
    this.#status = status;
    this.#message = message;
    this.#snapshot();
  }

  /** Sends everything that has gathered. */
  #flush(): void {
    const series = this.#series.take();
    if (series) this.#emit({ kind: 'series', runId: this.#runId, series });
    if (this.#events.length > 0) this.#emit({ kind: 'events', events: this.#events.splice(0) });
    this.#snapshot();
  }

  #snapshot(): void {
    this.#lastSnapshot = this.#host.clock.now();
    const snapshot: EngineSnapshot = {
      ...networkReport(this.#run?.trainer ?? null),
      runId: this.#runId,
      status: this.#status,
      message: this.#message,
      totalSteps: this.#experiment?.steps ?? 0,
      seed: this.#experiment?.seed ?? 0,
      stepsPerSecond: this.#status === 'running' ? this.#series.stepsPerSecond : null,
      services: this.#bench?.services?.status() ?? [],
      cache: this.#host.cacheStats(),
    };
    this.#emit({ kind: 'snapshot', snapshot });
  }

  async #showTask(): Promise<void> {
    const run = this.#run;
    if (!run) return;
    this.#lastView = this.#host.clock.now();
    const message = await taskView(run, this.#resolution);
    // Another run may have been opened meanwhile.
    if (message && this.#run === run) this.#emit(message);
  }

  #export(format: Extract<EngineRequest, { kind: 'export' }>['format']): Promise<ExportedFile> {
    return exportRun(format, {
      runId: this.#runId,
      experiment: this.#experiment!,
      run: this.#need(),
      storage: this.#storage,
    });
  }

  #notice(level: 'info' | 'warning' | 'error', code: NoticeCode, message: string): void {
    this.#emit({ kind: 'notice', level, code, message });
  }

  async #closeRun(): Promise<void> {
    const run = this.#run;
    this.#run = null;
    // The upload of a run that is left goes on for a moment in the background.
    void run?.close().catch(() => undefined);
  }
}

/** Health readings reach the page in snapshots; in the log they would drown the rest. */
function isShown(event: RunEvent): boolean {
  return event.type !== 'health';
}
