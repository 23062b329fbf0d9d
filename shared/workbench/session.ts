/**
 * One person's sitting with the engine: takes the page's requests, trains in slices between them,
 * and reports what happens. Runs in the page's worker; what differs by host arrives as arguments.
 */
import { DeviceLostError, InputError, messageOf } from '../base/errors.ts';
import type {
  DroppedFile,
  EngineMessage,
  EngineRequest,
  ExportedFile,
} from '../contracts/engine-protocol.ts';
import { Experiment } from '../contracts/experiment.ts';
import type { KernelTimes } from '../contracts/kernel-times.ts';
import { NamedFiles } from '../platform/memory.ts';
import type { RunStorage } from '../platform/platform.ts';
import { EXPERIMENT_FILE } from '../tolaria/trainer.ts';
import { BranchDesk, type Sitting } from './branch-desk.ts';
import { exportRun } from './export-run.ts';
import { openRun } from './open-run.ts';
import { dataReport } from './reports.ts';
import { RunDriver } from './run-driver.ts';
import { FILE_PREFIX, storedFiles } from './run-files.ts';
import { SessionEngine } from './session-engine.ts';
import type { SessionHost } from './session-host.ts';
import { SessionReporter } from './session-reporter.ts';
import { WorkQueue } from './work-queue.ts';

export type { SessionHost } from './session-host.ts';

/** Room for checkpoints along the way of one run: a browser keeps up to two dozen runs. */
const HISTORY_BYTES = 24 * 2 ** 20;

export class WorkbenchSession {
  #host: SessionHost;
  #desk: BranchDesk;
  #engine: SessionEngine;
  #page: SessionReporter;
  #files: DroppedFile[] = [];
  #storage: RunStorage | null = null;
  #driver: RunDriver;
  /** Requests that build or drop a run wait for each other. */
  #turn = new WorkQueue();

  constructor(host: SessionHost, emit: (message: EngineMessage) => void) {
    this.#host = host;
    this.#desk = new BranchDesk(host, emit);
    this.#page = new SessionReporter(
      {
        clock: host.clock,
        services: () => this.#engine.bench?.services ?? null,
        cacheStats: () => host.cacheStats(),
      },
      emit,
    );
    this.#engine = new SessionEngine(host, this.#page);
    this.#driver = new RunDriver(host.clock, this.#page, (error) => this.#fail(error));
  }

  /** Finds the adapter and says that nothing runs yet. Call once, before the first request. */
  async open(): Promise<void> {
    await this.#engine.ensure(new NamedFiles([]));
    this.#page.snapshot();
  }

  async handle(request: EngineRequest): Promise<unknown> {
    switch (request.kind) {
      case 'start':
        return this.#turn.run(async () => {
          const { experiment, files = [], paused = false } = request;
          await this.#begin(Experiment.parse(experiment), files, paused);
        });
      case 'resume-stored':
        return this.#turn.run(() => this.#resumeStored(request.runId));
      case 'reset':
        return this.#turn.run(async () => {
          this.#page.need();
          const { seed = this.#page.experiment!.seed } = request;
          await this.#begin({ ...this.#page.experiment!, seed }, this.#files, true);
        });
      case 'pause':
        await this.#driver.pause();
        return undefined;
      case 'continue':
        this.#driver.until = null;
        this.#driver.go();
        return undefined;
      case 'step':
        this.#driver.until = this.#page.need().trainer.step + request.steps;
        this.#driver.go();
        return undefined;
      case 'speed':
        this.#driver.stepsPerSecond = request.stepsPerSecond;
        return undefined;
      case 'command':
        this.#page.need().trainer.command(request.command);
        // While paused a command should show at once, not at the next step.
        if (this.#page.status === 'paused') await this.#driver.settleCommands();
        return undefined;
      case 'trip-breaker':
        this.#engine.services().trip(request.service);
        this.#page.snapshot();
        return undefined;
      case 'reset-breaker':
        this.#engine.services().reset(request.service);
        this.#page.snapshot();
        return undefined;
      case 'boundary':
        this.#page.resolution = request.resolution;
        if (this.#page.run && this.#page.status !== 'running')
          await this.#driver.quiet.run(() => this.#page.showTask());
        return undefined;
      case 'kernel-times':
        return this.#driver.quiet.run(() => this.#kernelTimes());
      case 'export':
        return this.#driver.quiet.run(() => this.#export(request.format));
      default:
        return BranchDesk.opens(request)
          ? this.#turn.run(() => this.#desk.handle(request, this.#sitting()))
          : this.#desk.handle(request, this.#sitting());
    }
  }

  async #begin(experiment: Experiment, files: DroppedFile[], paused: boolean): Promise<void> {
    await this.#driver.stop();
    const runId = this.#newRunId(experiment);
    await this.#open(runId, experiment, files, false);
    const storage = this.#storage;
    if (storage) {
      try {
        for (const f of files) {
          await storage.blobs.write(FILE_PREFIX + f.name, new Uint8Array(f.bytes));
        }
      } catch (error) {
        this.#page.notice('warning', 'storage-full', messageOf(error));
      }
    }
    await this.#desk.makeRoom(runId);
    this.#driver.until = null;
    if (paused) this.#page.setStatus('paused');
    else this.#driver.go();
    await this.#driver.opened();
  }

  #newRunId({ name, seed }: Experiment): string {
    return `${name}-${seed}-${Math.floor(this.#host.clock.wallTime()).toString(36)}`;
  }

  /** What the desk for stored runs may do with this sitting. */
  #sitting(): Sitting {
    return {
      bench: async (files) => ({
        ...(this.#engine.bench ?? (await this.#engine.ensure(new NamedFiles([])))),
        files,
      }),
      settled: async () => {
        this.#page.need();
        await this.#driver.pause();
        const run = this.#page.need();
        // A finished run is saved already, and its log ends with its end.
        if (!this.#page.is('finished')) await this.#driver.quiet.run(() => run.trainer.save());
        return { runId: this.#page.runId, storage: this.#storage, run };
      },
      isRunning: () => this.#page.is('running'),
      runId: () => this.#page.runId,
      newRunId: (experiment) => this.#newRunId(experiment),
      close: async () => {
        await this.#driver.quiet.idle;
        await this.#closeRun();
      },
      openStored: (runId) => this.#resumeStored(runId),
      flush: () => this.#page.flush(),
    };
  }

  async #resumeStored(runId: string): Promise<boolean> {
    const storage = this.#host.storageOf(runId);
    const bytes = await storage?.blobs.read(EXPERIMENT_FILE);
    if (!storage || !bytes) return false;
    await this.#driver.stop();
    const experiment = Experiment.parse(JSON.parse(new TextDecoder().decode(bytes)));
    const files = await storedFiles(storage);
    const saved = (await storage.blobs.list('checkpoint')).length > 0;
    await this.#open(runId, experiment, files, saved);
    this.#page.replay(this.#page.need());
    this.#driver.until = null;
    if (this.#page.need().trainer.step >= experiment.steps) await this.#driver.finishAgain();
    else this.#page.setStatus('paused');
    await this.#driver.opened();
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
    this.#files = files;
    this.#page.begin(runId, experiment);
    try {
      const named = new NamedFiles(files.map((f) => [f.name, new Uint8Array(f.bytes)]));
      const bench = await this.#engine.ensure(named);
      this.#storage = this.#host.storageOf(runId);
      this.#page.run = await openRun(bench, {
        runId,
        experiment,
        storage: this.#storage,
        resume,
        historyBytes: HISTORY_BYTES,
        onEvent: (event) => this.#page.addEvent(event),
        onSteps: (first, metrics) => this.#page.addSteps(first, metrics),
        onEvaluation: (step, split, loss, accuracy) =>
          this.#page.emit({ kind: 'evaluation', step, split, loss, accuracy }),
        // While it trains, snapshots come anyway.
        onUpload: () => {
          if (!this.#page.is('running')) this.#page.snapshot();
        },
        onStorageFull: (error) =>
          this.#page.notice(
            'warning',
            'storage-full',
            `${error.message}. Training goes on without saving`,
          ),
      });
      this.#page.emit({ kind: 'data', data: dataReport(this.#page.run.dataset) });
    } catch (error) {
      this.#page.setStatus('failed', messageOf(error));
      throw error;
    }
  }

  async #fail(error: unknown): Promise<void> {
    if (!(error instanceof DeviceLostError)) {
      this.#page.setStatus('failed', messageOf(error));
      this.#page.flush();
      return;
    }
    const wasRunning = this.#page.is('running');
    this.#page.notice('warning', 'device-lost', `${error.message}; going on from the last save`);
    await this.#closeRun();
    this.#engine.lose();
    try {
      const saved = ((await this.#storage?.blobs.list('checkpoint')) ?? []).length > 0;
      await this.#open(this.#page.runId, this.#page.experiment!, this.#files, saved);
      this.#page.replay(this.#page.need());
      this.#page.notice(
        'info',
        'device-restored',
        `Going on from step ${this.#page.need().trainer.step}`,
      );
      this.#page.setStatus(wasRunning ? 'running' : 'paused');
    } catch (again) {
      this.#page.setStatus('failed', messageOf(again));
      this.#page.flush();
    }
  }

  /** Between two slices of a run that trains, too. */
  async #kernelTimes(): Promise<KernelTimes> {
    const { trainer } = this.#page.need();
    if (!['running', 'paused', 'finished'].includes(this.#page.status)) {
      throw new InputError('Cannot time the kernels: the run is not ready; wait or start it anew');
    }
    try {
      return await trainer.kernelTimes();
    } catch (error) {
      if (error instanceof DeviceLostError) await this.#fail(error);
      throw error;
    }
  }

  #export(format: Extract<EngineRequest, { kind: 'export' }>['format']): Promise<ExportedFile> {
    return exportRun(format, {
      runId: this.#page.runId,
      experiment: this.#page.experiment!,
      run: this.#page.need(),
      storage: this.#storage,
    });
  }

  async #closeRun(): Promise<void> {
    const run = this.#page.run;
    this.#page.run = null;
    if (!run) return;
    const { runId } = this.#page;
    // The upload of a run that is left goes on for a moment in the background.
    void run
      .close()
      .then((lacking) => {
        if (lacking === 0) return;
        const events = lacking === 1 ? 'event' : 'events';
        const message = `The server lacks ${lacking} ${events} of run ${runId}. They are kept in this browser, and are sent when the run is opened again`;
        this.#page.notice('info', 'other', message);
      })
      .catch(() => undefined);
  }
}
