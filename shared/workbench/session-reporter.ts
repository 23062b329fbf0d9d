/** What the page is told of a sitting: status, series, events, and how the task looks now. */
import { InputError } from '../base/errors.ts';
import type { EngineMessage, EngineSnapshot, NoticeCode } from '../contracts/engine-protocol.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { Clock } from '../platform/platform.ts';
import type { StepMetrics } from '../tolaria/network-runtime.ts';
import type { OpenRun } from './open-run.ts';
import { evaluationMessage, networkReport } from './reports.ts';
import { SeriesRecorder } from './series-recorder.ts';
import type { Services } from './services.ts';
import { taskView, taskViewInterval } from './task-view.ts';

/** Milliseconds between two snapshots while training. */
export const SNAPSHOT_MS = 100;

export type Status = EngineSnapshot['status'];

/** What a snapshot shows besides the sitting itself. */
export interface Surroundings {
  clock: Clock;
  services(): Services | null;
  cacheStats(): EngineSnapshot['cache'];
}

export class SessionReporter {
  readonly emit: (message: EngineMessage) => void;
  /** Grid points a side of the decision boundary; 0: none. */
  resolution = 0;
  run: OpenRun | null = null;
  runId = '';
  experiment: Experiment | null = null;
  #around: Surroundings;
  #status: Status = 'idle';
  #message: string | null = null;
  #series = new SeriesRecorder();
  #events: RunEvent[] = [];
  #lastSnapshot = 0;
  #lastView = Number.NEGATIVE_INFINITY;

  constructor(around: Surroundings, emit: (message: EngineMessage) => void) {
    this.#around = around;
    this.emit = emit;
  }

  /** @throws {InputError} If no run is open. */
  need(): OpenRun {
    if (!this.run) throw new InputError('Cannot do this without a run: start one first');
    return this.run;
  }

  get status(): Status {
    return this.#status;
  }

  is(status: Status): boolean {
    return this.#status === status;
  }

  setStatus(status: Status, message: string | null = null): void {
    this.#status = status;
    this.#message = message;
    this.snapshot();
  }

  /** Stops training after the slice under way; shown when that has ended. */
  willPause(): void {
    if (this.#status === 'running') this.#status = 'paused';
  }

  /** Clears what the page shows of the run before. */
  begin(runId: string, experiment: Experiment): void {
    this.runId = runId;
    this.experiment = experiment;
    this.setStatus('preparing', 'finding an adapter, loading data, compiling shaders');
    this.emit({ kind: 'cleared', runId });
    this.emit({ kind: 'experiment', runId, experiment });
    this.#series = new SeriesRecorder();
    this.#events = [];
  }

  addEvent(event: RunEvent): void {
    if (isShown(event)) this.#events.push(event);
  }

  addSteps(first: number, metrics: readonly StepMetrics[]): void {
    this.#series.add(first, metrics);
  }

  /** Measures the speed of training. */
  tick(step: number): void {
    this.#series.tick(this.#around.clock.now(), step);
  }

  /** Tells the page what earlier sittings of a resumed run had told it. */
  replay({ earlier }: OpenRun): void {
    this.#series.replay(earlier);
    // Before what the resumed run has logged since: the page sorts by number.
    this.#events.unshift(...earlier.filter(isShown));
    for (const e of earlier) {
      if (e.type === 'evaluation') this.emit(evaluationMessage(e));
    }
  }

  /** Sends everything that has gathered. */
  flush(): void {
    const { runId } = this;
    const series = this.#series.take();
    if (series) this.emit({ kind: 'series', runId, series });
    if (this.#events.length > 0) this.emit({ kind: 'events', events: this.#events.splice(0) });
    this.snapshot();
  }

  /** Sends what is due while training goes on. */
  async sendDue(): Promise<void> {
    const { clock } = this.#around;
    const stands = this.#status !== 'running';
    if (clock.now() - this.#lastSnapshot >= SNAPSHOT_MS || stands) this.flush();
    const { run } = this;
    const isDue = run !== null && clock.now() - this.#lastView >= taskViewInterval(run);
    if (isDue || this.#status !== 'running') await this.showTask().catch(() => undefined);
  }

  snapshot(): void {
    const { cacheStats, clock, services } = this.#around;
    this.#lastSnapshot = clock.now();
    const upload = this.run?.upload() ?? null;
    const warmUp = this.run?.warmUp() ?? null;
    const snapshot: EngineSnapshot = {
      ...networkReport(this.run?.trainer ?? null),
      runId: this.runId,
      status: this.#status,
      message: this.#message,
      totalSteps: this.experiment?.steps ?? 0,
      seed: this.experiment?.seed ?? 0,
      stepsPerSecond: this.#status === 'running' ? this.#series.stepsPerSecond : null,
      services: services()?.status() ?? [],
      ...(upload ? { upload } : {}),
      ...(warmUp ? { warmUp } : {}),
      cache: cacheStats(),
    };
    this.emit({ kind: 'snapshot', snapshot });
  }

  async showTask(): Promise<void> {
    const { run } = this;
    if (!run) return;
    this.#lastView = this.#around.clock.now();
    const message = await taskView(run, this.resolution);
    // Another run may have been opened meanwhile.
    if (message && this.run === run) this.emit(message);
  }

  notice(level: 'info' | 'warning' | 'error', code: NoticeCode, message: string): void {
    this.emit({ kind: 'notice', level, code, message });
  }
}

/** Health readings reach the page in snapshots; in the log they would drown the rest. */
function isShown(event: RunEvent): boolean {
  return event.type !== 'health';
}
