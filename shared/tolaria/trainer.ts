/**
 * The training loop: runs steps in chunks, looks every `intervalSteps`, applies what was decided at
 * the look before, measures, evaluates, saves, and rolls back when a number is not finite.
 *
 * Everything a run does follows from its experiment, its seed and the commands in its log. How the
 * steps are cut into chunks, pauses and resumes changes no bit.
 */
import {
  CorruptDataError,
  DeviceLostError,
  DivergedError,
  InputError,
  messageOf,
  StorageFullError,
} from '../base/errors.ts';
import type { Blueprint } from '../contracts/blueprint.ts';
import type { Decision, Observation } from '../contracts/decision.ts';
import type { Command, Remedy, RunEvent } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { HealthSignal } from '../contracts/health.ts';
import type { KernelTimes } from '../contracts/kernel-times.ts';
import { type RunAction, RunSchedule } from '../contracts/lineage.ts';
import { heuristicSettingsOf } from '../contracts/policy.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Backend, TuningRecord } from '../engine/plan/backend.ts';
import type { ArtifactSource } from '../kasmina/artifact-source.ts';
import { GrowthController } from '../kasmina/growth-controller.ts';
import type { HostChange } from '../kasmina/host-changes.ts';
import type { GraftedSeed } from '../kasmina/kasmina-layer.ts';
import { isLive } from '../kasmina/seed-stage.ts';
import { learningRateShare } from '../nn/schedules.ts';
import type { BlobStorage, Clock, RunStorage } from '../platform/platform.ts';
import {
  networkDigest,
  noWatch,
  readCheckpoint,
  type TrainerState,
  writeCheckpoint,
} from './checkpoint.ts';
import type { DecisionSource } from './decision-source.ts';
import { isDataFinite } from './device-data.ts';
import { experimentDigest } from './experiment-digest.ts';
import { foldSeed } from './fold-seeds.ts';
import {
  BAD_LOOKS,
  chooseRemedy,
  inspectChunk,
  isConstant,
  lossBounds,
  MAX_UNUSUAL_LOOKS,
  mayHaveCollapsed,
} from './governor.ts';
import { GraftStudy } from './graft-study.ts';
import { hostParametersOf, inputOf, sitesOf, topologyOf } from './growth-sites.ts';
import { HealthProbe } from './health-probe.ts';
import { INITIAL_WEIGHTS, type InitialWeights, setInitialWeights } from './initial-weights.ts';
import { addSums, emptySums, finite, mean, meansOf } from './interval-sums.ts';
import { dropKeptAfter, keepCheckpoint, MAX_KEPT, MAX_KEPT_BYTES } from './kept-checkpoints.ts';
import { measureKernels } from './kernel-times.ts';
import { LatencyProbe } from './latency-probe.ts';
import { MAX_CHUNK, NetworkRuntime, type Split, type StepMetrics } from './network-runtime.ts';
import { type PendingAction, studyPending } from './pending-studies.ts';
import type { AdvisorLook, PolicyAdvisor } from './policy-advisor.ts';
import { type NewEvent, RunLog } from './run-log.ts';
import { ScheduleCursor } from './run-schedule.ts';
import type { ScheduleRow } from './schedule.ts';

/** Most points of history a policy sees; older ones are dropped. */
const MAX_HISTORY = 512;
/** Wanted wall time of a chunk, milliseconds: short enough to react, long enough to be cheap. */
const CHUNK_MS = 80;
/** Name of the newest checkpoint in a run's storage, and of the one before it. */
export const CHECKPOINT = 'checkpoint.safetensors';
export const PREVIOUS_CHECKPOINT = 'checkpoint.previous.safetensors';
/** A checkpoint that could not be read, kept for whoever wants to look. */
const DAMAGED_CHECKPOINT = 'damaged.safetensors';
export const EXPERIMENT_FILE = 'experiment.json';
/** What is done to the run and when, where that was fixed beforehand. */
export const SCHEDULE_FILE = 'schedule.json';
/** Validation rows that are asked whether the network has collapsed. */
const COLLAPSE_ROWS = 64;

export interface TrainerOptions {
  runId: string;
  experiment: Experiment;
  dataset: Dataset;
  /**
   * Seeds of the replicas, one each, so that several runs of one topology are trained in the same
   * dispatches; absent: derived from the experiment's seed.
   */
  replicaSeeds?: readonly number[];
  backend: Backend;
  artifacts: ArtifactSource;
  decisions: DecisionSource | null;
  /** Logged right after the start of a new run: what was read for it. */
  firstEvents?: readonly NewEvent[];
  /** Measures what the policy asks for and plants what it computed. Absent: neither happens. */
  advisor?: PolicyAdvisor;
  blueprintOf(name: string): Blueprint;
  /** What the host starts from; absent: its weights are drawn from the seed. */
  initialWeights?: InitialWeights | null;
  clock: Clock;
  /** Null: nothing is kept. */
  storage: RunStorage | null;
  /**
   * What is done to the run and when; a policy decides only from `policyFrom` on. A resumed run
   * finds its schedule in the storage.
   */
  schedule?: RunSchedule | null;
  /** Room for checkpoints along the way, bytes. @default {MAX_KEPT_BYTES} */
  historyBytes?: number;
  /** SHA-256 over the shader sources. */
  shaderDigest: string;
  /** Kernel variants of a recorded run, to be used again; a resumed run takes those of its log. */
  tuning?: TuningRecord | null;
  /**
   * Called once when storage has no more room; the run then goes on without saving. Absent: the
   * error ends the run, and what was saved before stays.
   */
  onStorageFull?(error: StorageFullError): void;
  onEvent?(event: RunEvent): void;
  /** Metrics of each step of a chunk, oldest first. */
  onSteps?(firstStep: number, metrics: readonly StepMetrics[]): void;
  onEvaluation?(step: number, split: Split, loss: number | null, accuracy: number | null): void;
}

export interface RunSummary {
  status: 'done' | 'interrupted' | 'failed';
  steps: number;
  trainAccuracy: number | null;
  testAccuracy: number | null;
  parameters: number;
  seedsGerminated: number;
  seedsFossilized: number;
  digest: string;
  seconds: number;
  message?: string;
}

/** Steps that were submitted, and their numbers once the device is done. */
interface Chunk {
  first: number;
  steps: number;
  result: ReturnType<NetworkRuntime['readMetrics']>;
}

export class Trainer {
  readonly experiment: Experiment;
  readonly runtime: NetworkRuntime;
  readonly growth: GrowthController;
  signals: HealthSignal[] = [];
  log: RunLog;
  /** Events of earlier sittings that a resumed run kept. */
  resumedEvents = 0;
  #o: TrainerOptions;
  #probe: HealthProbe | null = null;
  #latency: LatencyProbe;
  #grafts: GraftStudy | null = null;
  #state: TrainerState;
  #snapshot: TrainerState | null = null;
  #topologyKey = '';
  /** Kernel variants that the log has, by key. */
  #tuned = new Set<string>();
  #commands: Command[] = [];
  #schedule: ScheduleCursor | null = null;
  #configDigest = '';
  #chunk = 8;
  #storageFull = false;
  /** Step and event count of the newest checkpoint: the same state needs no second one. */
  #saved = '';

  private constructor(options: TrainerOptions) {
    const { experiment, dataset } = options;
    this.#o = options;
    this.experiment = experiment;
    this.runtime = new NetworkRuntime(options.backend, experiment, dataset, options.replicaSeeds);
    this.#latency = new LatencyProbe(this.runtime, experiment, options.clock);
    this.log = new RunLog(options.storage?.events ?? null, options.onEvent);
    this.growth = new GrowthController({
      experiment,
      sites: sitesOf(experiment, dataset),
      sitesAfter: (changes) => sitesOf(experiment, dataset, changes),
      artifacts: options.artifacts,
      blueprintOf: options.blueprintOf,
      hostParameters: hostParametersOf(experiment, dataset),
      emit: (body) => {
        this.log.add(this.#state.step, body, this.#o.clock.wallTime());
      },
    });
    this.#state = {
      step: 0,
      growth: this.growth.state,
      pending: [],
      lastWait: null,
      history: [],
      interval: emptySums(experiment.replicas),
      learningRateScale: 1,
      learningRateOverride: null,
      rollbacks: 0,
      skipped: [],
      watch: noWatch(),
      scheduled: 0,
      events: 0,
      seconds: 0,
    };
  }

  /**
   * Builds the network and its plans.
   *
   * @param resume Goes on from the newest readable checkpoint in the storage.
   * @throws {InputError} If the experiment does not fit the data, or there is nothing to resume.
   */
  static async create(options: TrainerOptions, resume = false): Promise<Trainer> {
    const trainer = new Trainer(options);
    trainer.#configDigest = await experimentDigest(
      options.experiment,
      options.dataset,
      options.initialWeights?.digest ?? null,
    );
    if (resume) await trainer.#resume();
    else await trainer.#begin();
    return trainer;
  }

  get step(): number {
    return this.#state.step;
  }

  get seconds(): number {
    return this.#state.seconds;
  }

  get parameters(): number {
    return this.runtime.parameterCount;
  }

  get policySource(): 'in-process' | 'server' | 'none' {
    return this.#o.decisions ? this.#o.decisions.lastSource : 'none';
  }

  async #begin(): Promise<void> {
    const { initialWeights, schedule = null, storage } = this.#o;
    if (schedule) this.#schedule = new ScheduleCursor(schedule);
    if (this.#o.tuning) this.#o.backend.tuning?.honour(this.#o.tuning);
    // Before anything is stored: weights that do not fit must not cost an older run.
    await this.#applyTopology();
    if (initialWeights) setInitialWeights(this.runtime, initialWeights);
    if (storage) {
      await this.#storing(async () => {
        await storage.events.truncate(0);
        await dropKeptAfter(storage.blobs, -1);
        if (schedule) {
          const bytes = new TextEncoder().encode(JSON.stringify(schedule));
          await storage.blobs.write(SCHEDULE_FILE, bytes);
        } else await storage.blobs.remove(SCHEDULE_FILE);
        if (initialWeights) await storage.blobs.write(INITIAL_WEIGHTS, initialWeights.bytes);
        else await storage.blobs.remove(INITIAL_WEIGHTS);
        const text = `${JSON.stringify(this.experiment, null, 2)}\n`;
        await storage.blobs.write(EXPERIMENT_FILE, new TextEncoder().encode(text));
      });
    }
    this.#logStart(false);
    for (const event of this.#o.firstEvents ?? []) this.#emit(event);
    this.#takeSnapshot();
    await this.#flush();
  }

  /** Logs the kernel variants of the plans in force, if some are not in the log yet. */
  #logTuning(): void {
    const record = this.#o.backend.tuning?.record();
    const fresh = Object.entries(this.runtime.variants).filter(([key]) => !this.#tuned.has(key));
    if (!record || fresh.length === 0) return;
    for (const [key] of fresh) this.#tuned.add(key);
    this.#emit({ type: 'tuning', ...record, choices: Object.fromEntries(fresh) });
  }

  #logStart(resumed: boolean): void {
    const { adapter } = this.#o.backend;
    const { classes, scaling, source } = this.#o.dataset;
    this.#emit({
      type: 'run.started',
      adapter: adapter.name,
      shaderDigest: this.#o.shaderDigest,
      configDigest: this.#configDigest,
      resumed,
      data: { source, classes, scaling, input: [...inputOf(this.#o.dataset)] },
    });
    this.#logTuning();
  }

  async #resume(): Promise<void> {
    const { storage } = this.#o;
    if (!storage) throw new InputError('Cannot resume: this run keeps nothing');
    const schedule = await storedSchedule(storage);
    if (schedule) this.#schedule = new ScheduleCursor(schedule);
    const problems: string[] = [];
    for (const key of [CHECKPOINT, PREVIOUS_CHECKPOINT]) {
      const bytes = await storage.blobs.read(key);
      if (!bytes) continue;
      try {
        await this.#resumeFrom(key, bytes);
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
        const message = `${problems[0]}; went on from step ${this.#state.step} of the one before`;
        this.#emit({ type: 'notice', level: 'warning', message });
      }
      await this.#flush();
      return;
    }
    if (problems.length === 0) {
      throw new InputError('Cannot resume: the run has no checkpoint yet; start it anew');
    }
    throw new CorruptDataError(
      `${problems.join('; ')}; no checkpoint is left, restore one from a copy or start the run anew`,
    );
  }

  async #resumeFrom(key: string, bytes: Uint8Array): Promise<void> {
    const { configDigest, snapshot, state, tensors } = await readCheckpoint(bytes, key);
    if (configDigest !== this.#configDigest) {
      throw new InputError(
        `Cannot resume from "${key}": it belongs to another experiment or other data; start anew or restore the experiment file`,
      );
    }
    const kept = await this.log.resumeAt(state.events);
    await dropKeptAfter(this.#o.storage!.blobs, state.step);
    this.resumedEvents = state.events;
    this.#state = state;
    this.growth.restore(state.growth);
    for (const event of kept) if (event.type === 'tuning') this.#o.backend.tuning?.honour(event);
    await this.#applyTopology();
    this.runtime.arena.importTensors(tensors);
    this.#takeSnapshot();
    if (snapshot) {
      this.runtime.arena.importTensors(snapshot.tensors, 'snapshot');
      this.#snapshot = snapshot.state;
    }
    this.#logStart(true);
  }

  /** Queues a person's command; it takes effect before the next step and is logged there. */
  command(command: Command): void {
    this.#commands.push(command);
  }

  /**
   * Trains up to `until` steps or until `stop()` says so between two chunks.
   *
   * @returns True when the run has made all its steps.
   */
  async train(until: number, stop: () => boolean = () => false): Promise<boolean> {
    const { clock } = this.#o;
    const end = Math.min(until, this.experiment.steps);
    /** Submitted while the chunk before it was still running. */
    let ahead: Chunk | null = null;
    while (this.#state.step < end && (ahead || !stop())) {
      const began = clock.now();
      if (!ahead) {
        await this.applyCommands();
        if (this.#state.skipped.includes(this.#state.step)) {
          this.#state.step++;
          await this.#afterChunk();
          continue;
        }
      }
      const { first, result, steps } = ahead ?? this.#submit(this.#state.step, end);
      ahead = null;
      // The device goes on while this chunk's numbers travel; one chunk ahead and no more, and never
      // past a step at which something is looked at, decided or commanded.
      const next = first + steps;
      const goesOn = next < end && this.#stepsToNextStop(first) > steps;
      if (goesOn && this.#commands.length === 0 && !stop()) ahead = this.#submit(next, end);
      const { metrics, fault } = await result;
      const verdict = inspectChunk(
        first,
        metrics.map((m) => m.loss),
        fault,
      );
      if (verdict.step !== null) {
        // What ran ahead is undone with the rest.
        await ahead?.result;
        ahead = null;
        await this.#rollBack(verdict.cause, verdict.step);
        continue;
      }
      this.#state.step += steps;
      addSums(this.#state.interval, metrics);
      this.#o.onSteps?.(first, metrics);
      await this.#afterChunk();
      const took = clock.now() - began;
      this.#state.seconds += took / 1000;
      this.#chunk = nextChunk(steps, took);
    }
    return this.#state.step >= this.experiment.steps;
  }

  /** Times the kernels of a training step; no bit of the run depends on it. Not beside `train`. */
  kernelTimes(): Promise<KernelTimes> {
    return measureKernels(this.runtime, this.#o.clock, this.#state.step, (s) => this.#rowAt(s));
  }

  /** Submits the steps from `first` to the next stop, a chunk at most, and the copy of their numbers. */
  #submit(first: number, end: number): Chunk {
    const steps = Math.min(this.#chunk, end - first, this.#stepsToNextStop(first));
    this.runtime.run(first, steps, (s) => this.#rowAt(s));
    const result = this.runtime.readMetrics(steps);
    // It may fail while another chunk is waited for; whoever waits for it is told.
    result.catch(() => {});
    return { first, steps, result };
  }

  /** Steps from `step` to the next one at which something else than training happens. */
  #stepsToNextStop(step = this.#state.step): number {
    const { scheduled, skipped } = this.#state;
    const { checkpointEverySteps, evaluateEverySteps, intervalSteps } = this.experiment;
    const next = (every: number) => every - (step % every);
    const planned = this.#schedule?.nextStep(scheduled) ?? Number.POSITIVE_INFINITY;
    return Math.min(
      next(intervalSteps),
      next(evaluateEverySteps),
      next(checkpointEverySteps),
      // An action of this very step is due at a look and was not taken there: it is at fault.
      Math.max(1, planned - step),
      ...skipped.filter((s) => s > step).map((s) => s - step),
    );
  }

  async #afterChunk(): Promise<void> {
    const { step } = this.#state;
    const { checkpointEverySteps, evaluateEverySteps, intervalSteps, steps } = this.experiment;
    if (step % intervalSteps === 0) await this.#look();
    // Taken back: nothing of this step stands.
    if (this.#state.step !== step) return;
    if (step % evaluateEverySteps === 0 || step === steps) await this.#logEvaluation('test');
    if (step % checkpointEverySteps === 0) await this.save(true);
    else await this.#flush();
  }

  async #flush(): Promise<void> {
    await this.#storing(() => this.log.flush());
  }

  /** Runs `work` on storage; a full one is reported once and not used again. */
  async #storing(work: () => Promise<void>): Promise<void> {
    if (this.#storageFull) return;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof StorageFullError) || !this.#o.onStorageFull) throw error;
      this.#storageFull = true;
      this.#o.onStorageFull(error);
    }
  }

  /** Measures, applies what the look before decided, and decides for the next. */
  async #look(): Promise<void> {
    const state = this.#state;
    const { step } = state;
    const { loss, accuracy } = meansOf(state.interval);
    this.#emit({ type: 'metrics', loss: loss.map(finite), accuracy: accuracy.map(finite) });
    const point = { step, loss: finite(mean(loss)), accuracy: finite(mean(accuracy)) };
    state.history = [...state.history, point].slice(-MAX_HISTORY);
    state.interval = emptySums(this.experiment.replicas);
    const suspicion = await this.#judgeLook(point.loss);
    if (suspicion === 'rolled-back') return;
    if (state.watch.diverging + state.watch.collapsed === 0) {
      state.rollbacks = 0;
      state.skipped = state.skipped.filter((s) => s >= step);
    }

    const { decisions } = this.#o;
    await this.#measure();
    await this.growth.settle(step, point.loss);
    const topologyBefore = this.#topologyKey;
    const arenaBefore = this.runtime.arena;
    const due = this.#dueActions(true).flatMap((a) => (a.kind === 'decision' ? [a.decision] : []));
    await this.#study(due);
    for (const decision of due) this.#decide(decision);
    const source = decisions?.attribute(state.pending) ?? 'in-process';
    await this.#study(state.pending);
    for (const decision of state.pending) {
      // A standing wait is logged when its rule changes, not at every look.
      const wait = decision.action === 'wait' ? decision.rule : null;
      if (wait === null || wait !== state.lastWait) {
        this.#emit({ type: 'decision', decision, source });
      }
      state.lastWait = wait;
      this.growth.applyDecision(decision, step);
    }
    state.pending = [];
    await this.#applyTopology();
    await this.#o.advisor?.plant(this.#advisorLook());
    await this.#foldFossilized();
    const decides = this.#schedule?.policyDecides(step) ?? true;
    if (decisions && decides && step < this.experiment.steps) {
      const seen = this.#observation();
      const more = await this.#o.advisor?.measure(seen, this.#advisorLook());
      state.pending = await decisions.look({ ...seen, ...more });
    }
    // The way back from a bad look leads to the last good one, while the network is the same.
    // A fold that was undone leaves the network, in an arena that has no snapshot yet.
    const isNew = topologyBefore !== this.#topologyKey || arenaBefore !== this.runtime.arena;
    if (!suspicion || isNew) this.#takeSnapshot();
  }

  /** Takes what the schedule has for this step; counts as taken whatever comes of it. */
  #dueActions(decisionsOnly: boolean, end = Number.POSITIVE_INFINITY): RunAction[] {
    const state = this.#state;
    const all = this.#schedule?.due(state.scheduled, state.step, decisionsOnly) ?? [];
    const due = all.slice(0, Math.max(0, end - state.scheduled));
    state.scheduled += due.length;
    return due;
  }

  #decide(decision: Decision): void {
    this.#emit({ type: 'decision', decision, source: 'schedule' });
    this.growth.applyDecision(decision, this.#state.step);
  }

  /**
   * Compares a look with those before. Divergence and collapse take several bad looks in a row, and
   * then the run goes back to the last good one.
   */
  async #judgeLook(loss: number | null): Promise<boolean | 'rolled-back'> {
    const { history, step, watch } = this.#state;
    if (loss === null) return false;
    const bad = Math.max(watch.diverging, watch.collapsed);
    const losses = history
      .slice(0, history.length - 1 - bad)
      .map((p) => p.loss)
      .filter((l) => l !== null);
    watch.first ??= loss;
    const bounds = lossBounds(losses, watch.first);
    watch.diverging = bounds && loss > bounds.bad ? watch.diverging + 1 : 0;
    const collapsed = mayHaveCollapsed(losses, watch.first, loss) && (await this.#saysOneThing());
    watch.collapsed = collapsed ? watch.collapsed + 1 : 0;
    if (Math.max(watch.diverging, watch.collapsed) < BAD_LOOKS) {
      if (watch.diverging > 0 || watch.collapsed > 0) return true;
      const looks = (step - this.#snapshot!.step) / this.experiment.intervalSteps;
      return bounds !== null && loss > bounds.unusual && looks < MAX_UNUSUAL_LOOKS;
    }
    const what = `training loss ${loss.toPrecision(4)} at ${BAD_LOOKS} looks in a row`;
    const cause =
      watch.diverging >= BAD_LOOKS
        ? `divergence: ${what}, above the bound ${bounds!.bad.toPrecision(4)}`
        : `collapse to the prior: ${what}, the same prediction for every row`;
    await this.#rollBack(cause, step, true);
    return 'rolled-back';
  }

  async #saysOneThing(): Promise<boolean> {
    const { classes, features, validation } = this.#o.dataset;
    const rows = Math.min(COLLAPSE_ROWS, validation.size);
    if (rows < 2) return false;
    const { logits, stride } = await this.predict(validation.x.slice(0, rows * features));
    return isConstant(logits, rows, stride, classes.length);
  }

  async #measure(): Promise<void> {
    const { step } = this.#state;
    const seeds = this.growth.seeds();
    this.#probe ??= await HealthProbe.create(this.runtime, this.experiment);
    await this.#latency.measureNext();
    const report = await this.#probe.measure(step, this.#rowAt(step), this.#latency.times);
    this.signals = report.signals;
    this.#emit({ type: 'health', signals: report.signals });
    const { hostLoss, shadowLoss } = report;
    const improvement =
      hostLoss !== null && shadowLoss !== null && hostLoss > 0
        ? (hostLoss - shadowLoss) / hostLoss
        : null;
    const contributions = new Map<string, number | null>();
    const held = seeds.filter((s) => s.stage === 'HOLDING');
    if (held.length > 0) {
      const alphas = this.growth.alphas(step);
      const whole = await this.runtime.evaluate('validation', alphas);
      for (const seed of held) {
        const without = alphas.map((a, i) => (i === seed.alphaColumn ? 0 : a));
        const left = await this.runtime.evaluate('validation', without);
        contributions.set(seed.seedId, finite(mean(left.loss) - mean(whole.loss)));
      }
    }
    this.growth.recordMeasurements(report.signals, improvement, contributions);
  }

  #advisorLook(): AdvisorLook {
    const { step } = this.#state;
    return {
      runtime: this.runtime,
      growth: this.growth,
      experiment: this.experiment,
      step,
      row: this.#rowAt(step),
      rowAt: (later) => this.#rowAt(later),
      emit: (event) => this.#emit(event),
    };
  }

  /** Measures what the actions that take effect now are about; no bit of the run depends on it. */
  async #study(pending: readonly PendingAction[]): Promise<void> {
    this.#grafts ??= new GraftStudy(this.runtime, this.experiment);
    const { step } = this.#state;
    await studyPending(this.#grafts, this.growth, pending, step, (event) => this.#emit(event));
  }

  #observation(): Observation {
    const { history, step } = this.#state;
    const { growth, policy, steps } = this.experiment;
    return {
      runId: this.#o.runId,
      step,
      totalSteps: steps,
      history,
      layers: this.growth.layerObservations(),
      signals: this.signals,
      outcomes: this.growth.state.outcomes.slice(-1024),
      budget: this.growth.budget(),
      blendMode: growth.blendMode,
      settings: heuristicSettingsOf(policy),
      policy,
      seed: this.experiment.seed,
      intervalSteps: this.experiment.intervalSteps,
      germinated: this.growth.state.germinated,
    };
  }

  /** Actions of the schedule that were taken. */
  get scheduled(): number {
    return this.#state.scheduled;
  }

  /**
   * Applies what is due now: queued commands and the schedule's actions for this step. `train` does
   * it before each chunk.
   *
   * @param end Number of actions of the schedule that shall have been taken afterwards, at most.
   */
  async applyCommands(end?: number): Promise<void> {
    const actions = this.#dueActions(false, end);
    if (actions.length + this.#commands.length === 0) return;
    for (const action of actions) {
      if (action.kind === 'decision') {
        await this.#study([action.decision]);
        this.#decide(action.decision);
      } else if (action.kind === 'command') await this.#obey(action.command, 'replay');
      else await this.#applyRemedy(action.cause, action.remedy);
    }
    for (const command of this.#commands.splice(0)) await this.#obey(command, 'person');
    await this.#applyTopology();
    await this.#foldFossilized();
    this.#takeSnapshot();
    await this.#flush();
  }

  async #obey(command: Command, origin: 'person' | 'replay'): Promise<void> {
    if ('layerId' in command) await this.#study([{ ...command, action: command.kind }]);
    if (command.kind === 'setLearningRate') {
      this.#state.learningRateOverride = command.learningRate;
    }
    const reason = this.growth.applyCommand(command, this.#state.step);
    this.#emit({ type: 'command', command, origin, accepted: reason === null, reason });
  }

  async #applyTopology(): Promise<void> {
    const key = this.growth.topologyKey();
    if (key === this.#topologyKey && this.#state.growth === this.growth.state) return;
    const { topology, groups } = this.#network();
    const { seeds } = topology;
    if (key !== this.#topologyKey || this.runtime.groups.length === 0) {
      this.#disposeProbes();
      try {
        await this.runtime.setTopology(topology, groups);
      } catch (error) {
        if (!this.#dropUnbuildable(seeds, error)) throw error;
        return this.#applyTopology();
      }
      this.#topologyKey = key;
      if (this.log.length > 0) this.#logTuning();
    }
    this.#state.growth = this.growth.state;
  }

  /** The network of the growth state, with `changes` of its host besides, `without` one seed. */
  #network(changes: readonly HostChange[] = [], without?: string) {
    const { experiment, growth } = this;
    const seeds = growth
      .seeds()
      .filter((s) => s.seedId !== without)
      .map((s, i) => ({ ...s, group: i + 1 }));
    const all = [...growth.hostChanges, ...changes];
    const topology = topologyOf(experiment, this.#o.dataset, seeds, all);
    const groups = [
      { bornStep: 0 },
      ...seeds.map((s) => ({ bornStep: growth.record(s.layerId, s.slot).bornStep })),
    ];
    return { topology, groups };
  }

  /** Makes what fossilised part of the host's own tensors, where the experiment wants it. */
  async #foldFossilized(): Promise<void> {
    if (this.experiment.growth.fold !== 'auto') return;
    for (const record of this.growth.unfolded()) {
      const { dataset } = this.#o;
      const task = {
        ...{ runtime: this.runtime, growth: this.growth, step: this.#state.step },
        ...{ optimizer: this.experiment.optimizer, rows: dataset.validation.x },
        features: dataset.features,
        network: (changes: readonly HostChange[], without: string) =>
          this.#network(changes, without),
      };
      const event = await foldSeed(task, record);
      if (!event) continue;
      if (event.folded) {
        this.#disposeProbes();
        this.#topologyKey = this.growth.topologyKey();
        this.signals = this.signals.filter((s) => s.seedId !== event.seedId);
      }
      this.#emit(event);
    }
  }

  /**
   * A seed that the adapter cannot run, because it is too large for it, must not end the run: those
   * that are new since the plan that works are taken out. False: nothing can be done.
   */
  #dropUnbuildable(seeds: readonly GraftedSeed[], error: unknown): boolean {
    if (error instanceof DeviceLostError || this.runtime.groups.length === 0) return false;
    const built = this.runtime.topology.seeds;
    const fresh = seeds.filter(
      (s) => !built.some((b) => b.seedId === s.seedId && b.stage === s.stage),
    );
    const cause = `its network could not be built: ${messageOf(error)}`;
    return this.growth.cullSeeds(new Set(fresh.map((s) => s.seedId)), this.#state.step, cause);
  }

  #rowAt(step: number): ScheduleRow {
    const { optimizer, schedule, steps } = this.experiment;
    const { learningRateOverride, learningRateScale } = this.#state;
    const base = learningRateOverride ?? optimizer.learningRate;
    return {
      alphas: this.growth.alphas(step),
      learningRate: base * learningRateScale * learningRateShare(schedule, step, steps),
    };
  }

  #takeSnapshot(): void {
    this.runtime.arena.takeSnapshot();
    this.#snapshot = structuredClone({ ...this.#state, growth: this.growth.state });
  }

  /**
   * Exact: parameters, moments and state are those of the last snapshot, then the remedy.
   *
   * @param badLook The numbers were finite; what they were for several looks was not good.
   */
  async #rollBack(cause: string, faultStep: number, badLook = false): Promise<void> {
    const { rollbacks, seconds, skipped, watch } = this.#state;
    const saved = structuredClone(this.#snapshot!);
    this.runtime.arena.restoreSnapshot();
    const bad = { ...watch, diverging: 0, collapsed: 0 };
    this.#state = { ...saved, rollbacks, skipped, watch: bad, seconds };
    this.growth.restore(saved.growth);
    const remedy = chooseRemedy({
      cause,
      step: faultStep,
      hasLiveSeeds: this.growth.state.slots.some((r) => isLive(r.state.stage)),
      rollbacks: badLook ? watch.rollbacks : rollbacks,
      skipped: skipped.length,
      rowsAtFault: !badLook && (await this.#areRowsAtFault()),
    });
    if (badLook) bad.rollbacks++;
    await this.#applyRemedy(cause, remedy);
    await this.#applyTopology();
    this.#takeSnapshot();
    const { storage } = this.#o;
    if (storage) await this.#storing(() => dropKeptAfter(storage.blobs, saved.step));
    await this.#flush();
  }

  /** @throws {DivergedError} If there is none. */
  async #applyRemedy(cause: string, remedy: Remedy): Promise<void> {
    const state = this.#state;
    this.#emit({ type: 'governor', cause, restoredStep: state.step, remedy });
    if (remedy.kind === 'give-up') throw new DivergedError(remedy.message);
    if (remedy.kind === 'skip-step') {
      state.skipped = [...state.skipped, remedy.step];
      return;
    }
    state.rollbacks++;
    if (remedy.kind === 'cull-seeds') this.growth.cullLive(state.step, `governor: ${cause}`);
    else state.learningRateScale *= remedy.factor;
  }

  /**
   * Whether the training rows themselves are at fault: they hold what is no number, or are none to
   * this network: its good state, host alone, then has no finite loss on all of them, while it has
   * one on other rows. (An activation may swallow a NaN on its way to the loss, so that the loss
   * alone does not tell.)
   */
  async #areRowsAtFault(): Promise<boolean> {
    const { backend, input } = this.runtime;
    if (!(await isDataFinite(backend, this.runtime.dataOf('train'), input))) return true;
    const alone = this.growth.alphas(this.#state.step).map((_, i) => (i === 0 ? 1 : 0));
    const train = await this.runtime.evaluate('train', alone);
    if (train.loss.every(Number.isFinite)) return false;
    const validation = await this.runtime.evaluate('validation', alone);
    return validation.loss.every(Number.isFinite);
  }

  async #logEvaluation(split: Split): Promise<{ loss: number | null; accuracy: number | null }> {
    const { step } = this.#state;
    const result = await this.evaluate(split);
    this.#emit({ type: 'evaluation', split, ...result });
    const loss = finite(mean(result.loss.map((l) => l ?? Number.NaN)));
    const accuracy = finite(mean(result.accuracy.map((a) => a ?? Number.NaN)));
    this.#o.onEvaluation?.(step, split, loss, accuracy);
    return { loss, accuracy };
  }

  /** Logits of replica 0 for given rows with the alphas of this step; see NetworkRuntime.predict. */
  predict(rows: Float32Array): Promise<{ logits: Float32Array; stride: number }> {
    return this.runtime.predict(rows, this.growth.alphas(this.#state.step));
  }

  /** Loss and accuracy of each replica on a part of the data, with the alphas of this step. */
  async evaluate(split: Split): Promise<{ loss: (number | null)[]; accuracy: (number | null)[] }> {
    const m = await this.runtime.evaluate(split, this.growth.alphas(this.#state.step));
    return {
      loss: m.loss.map(finite),
      accuracy: m.correct.map((c, r) => finite(c / m.count[r]!)),
    };
  }

  /**
   * Saves a checkpoint; the one before is kept beside it until the next save.
   *
   * @param keep Keeps it longer, for rewinding; see kept-checkpoints.ts.
   */
  async save(keep = false): Promise<void> {
    const { storage } = this.#o;
    if (!storage || this.#saved === this.#mark()) return;
    await this.#storing(async () => {
      const tensors = await this.runtime.exportTensors();
      const digest = await networkDigest(tensors, this.#state.step);
      this.#emit({ type: 'checkpoint', file: CHECKPOINT, digest });
      await this.log.flush();
      const state = { ...this.#state, growth: this.growth.state, events: this.log.length };
      const configDigest = this.#configDigest;
      const kept = this.#snapshot;
      const snapshot =
        kept && kept.step !== state.step
          ? { state: kept, tensors: await this.runtime.arena.exportTensors('snapshot') }
          : null;
      const bytes = await writeCheckpoint({ configDigest, snapshot, state, tensors });
      await roomFor(storage.blobs, async () => {
        const before = await storage.blobs.read(CHECKPOINT);
        if (before) await storage.blobs.write(PREVIOUS_CHECKPOINT, before);
        await storage.blobs.write(CHECKPOINT, bytes);
      });
      if (keep) {
        const limits = { count: MAX_KEPT, bytes: this.#o.historyBytes ?? MAX_KEPT_BYTES };
        await keepCheckpoint(storage.blobs, state.step, bytes, limits);
      }
      this.#saved = this.#mark();
    });
  }

  /** Changes with everything that a checkpoint keeps. */
  #mark(): string {
    return `${this.#state.step}/${this.log.length}`;
  }

  /** Digest of parameters, moments and step. */
  async digest(): Promise<string> {
    return networkDigest(await this.runtime.exportTensors(), this.#state.step);
  }

  /** Final measurements, the last event and, for a run that stopped early, a checkpoint. */
  async finish(status: RunSummary['status'], message?: string): Promise<RunSummary> {
    if (status !== 'failed') await this.save();
    const train = status === 'done' ? await this.#logEvaluation('train') : null;
    const test = status === 'done' ? await this.evaluate('test') : null;
    const { germinated, fossilized } = this.growth.state;
    const summary: RunSummary = {
      status,
      steps: this.#state.step,
      trainAccuracy: train?.accuracy ?? null,
      testAccuracy: test ? finite(mean(test.accuracy.map((a) => a ?? Number.NaN))) : null,
      parameters: this.runtime.parameterCount,
      seedsGerminated: germinated,
      seedsFossilized: fossilized,
      digest: await this.digest(),
      seconds: this.#state.seconds,
      ...(message === undefined ? {} : { message }),
    };
    this.#emit({ type: 'run.finished', ...summary });
    await this.#flush();
    // The state saved above is the end: another save would only put an event after the last.
    if (status !== 'failed') this.#saved = this.#mark();
    return summary;
  }

  /** Logs something that was measured beside the run and has no part in it. */
  async record(body: Extract<NewEvent, { type: 'twin' }>): Promise<void> {
    const isSaved = this.#saved === this.#mark();
    this.#emit(body);
    await this.#flush();
    if (isSaved) this.#saved = this.#mark();
  }

  #emit(body: Parameters<RunLog['add']>[1]): void {
    this.log.add(this.#state.step, body, this.#o.clock.wallTime());
  }

  /** What measures one topology. */
  #disposeProbes(): void {
    this.#probe?.dispose();
    this.#probe = null;
    this.#grafts?.dispose();
    this.#grafts = null;
  }

  dispose(): void {
    this.#disposeProbes();
    this.runtime.dispose();
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
async function storedSchedule({ blobs }: RunStorage): Promise<RunSchedule | null> {
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

/** Steps of the next chunk: towards CHUNK_MS, at most double or a quarter of this one. */
function nextChunk(steps: number, ms: number): number {
  const wanted = Math.round((steps * CHUNK_MS) / Math.max(ms, 0.1));
  return Math.max(
    1,
    Math.min(MAX_CHUNK, Math.max(Math.floor(steps / 4), Math.min(steps * 2, wanted))),
  );
}
