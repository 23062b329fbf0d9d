/**
 * The training loop: runs steps in chunks, looks every `intervalSteps`, applies what was decided at
 * the look before, measures, evaluates, saves, and rolls back when a number is not finite.
 *
 * Everything a run does follows from its experiment, its seed and the commands in its log. How the
 * steps are cut into chunks, pauses and resumes changes no bit.
 */
import type { Command } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { HealthSignal } from '../contracts/health.ts';
import type { KernelTimes } from '../contracts/kernel-times.ts';
import type { GrowthController } from '../kasmina/growth-controller.ts';
import { networkDigest } from './checkpoint.ts';
import { experimentDigest } from './experiment-digest.ts';
import { inspectChunk } from './governor.ts';
import { addSums, finite, mean } from './interval-sums.ts';
import { measureKernels } from './kernel-times.ts';
import { LookMeasurements } from './look-measurements.ts';
import { NetworkFollower, type Rebuilds } from './network-follower.ts';
import { MAX_CHUNK, type NetworkRuntime, type Split } from './network-runtime.ts';
import type { Prediction } from './predictor.ts';
import { RunActions } from './run-actions.ts';
import { RunCore } from './run-core.ts';
import { RunFiles } from './run-files.ts';
import { RunGovernor } from './run-governor.ts';
import type { NewEvent, RunLog } from './run-log.ts';
import { RunLooks } from './run-looks.ts';
import { RunOutlook } from './run-outlook.ts';
import { beginRun, resumeRun } from './run-start.ts';
import type { RunSummary, TrainerOptions } from './trainer-options.ts';

export { CHECKPOINT, EXPERIMENT_FILE, PREVIOUS_CHECKPOINT, SCHEDULE_FILE } from './run-files.ts';
export type { RunSummary, TrainerOptions } from './trainer-options.ts';

/** Wanted wall time of a chunk, milliseconds: short enough to react, long enough to be cheap. */
const CHUNK_MS = 80;

/** Steps that were submitted, and their numbers once the device is done. */
interface Chunk {
  first: number;
  steps: number;
  result: ReturnType<NetworkRuntime['readMetrics']>;
}

export class Trainer {
  /** Events of earlier sittings that a resumed run kept. */
  resumedEvents = 0;
  #run: RunCore;
  #measurements: LookMeasurements;
  #network: NetworkFollower;
  #files: RunFiles;
  #governor: RunGovernor;
  #actions: RunActions;
  #looks: RunLooks;
  /** Networks that may come, for those who make their kernels beforehand. */
  readonly outlook: RunOutlook;
  #chunk = 8;

  private constructor(options: TrainerOptions, configDigest: string) {
    const run = new RunCore(options);
    this.#run = run;
    this.#measurements = new LookMeasurements(run);
    this.#network = new NetworkFollower(run, this.#measurements);
    this.#files = new RunFiles(run, configDigest);
    this.#governor = new RunGovernor(run, this.#network, this.#files);
    const parts = [run, this.#measurements, this.#network, this.#governor] as const;
    this.#actions = new RunActions(...parts);
    this.#looks = new RunLooks(...parts, this.#actions);
    this.outlook = new RunOutlook(run, this.#network, this.#actions);
  }

  /**
   * Builds the network and its plans.
   *
   * @param resume Goes on from the newest readable checkpoint in the storage.
   * @throws {InputError} If the experiment does not fit the data, or there is nothing to resume.
   */
  static async create(options: TrainerOptions, resume = false): Promise<Trainer> {
    const digest = options.initialWeights?.digest ?? null;
    const configDigest = await experimentDigest(options.experiment, options.dataset, digest);
    const trainer = new Trainer(options, configDigest);
    const parts = {
      ...{ run: trainer.#run, network: trainer.#network, files: trainer.#files },
      ...{ actions: trainer.#actions, configDigest },
    };
    if (resume) trainer.resumedEvents = await resumeRun(parts);
    else await beginRun(parts);
    return trainer;
  }

  get experiment(): Experiment {
    return this.#run.experiment;
  }

  get runtime(): NetworkRuntime {
    return this.#run.runtime;
  }

  get growth(): GrowthController {
    return this.#run.growth;
  }

  get log(): RunLog {
    return this.#run.log;
  }

  /** What changes of the network cost in this sitting. */
  get rebuilds(): Rebuilds {
    return this.#network.rebuilds;
  }

  /** Health at the last look. */
  get signals(): readonly HealthSignal[] {
    return this.#run.signals;
  }

  get step(): number {
    return this.#run.state.step;
  }

  get seconds(): number {
    return this.#run.state.seconds;
  }

  get parameters(): number {
    return this.runtime.parameterCount;
  }

  get policySource(): 'in-process' | 'server' | 'none' {
    return this.#run.options.decisions ? this.#run.options.decisions.lastSource : 'none';
  }

  /** Queues a person's command; it takes effect before the next step and is logged there. */
  command(command: Command): void {
    this.#actions.command(command);
  }

  /**
   * Trains up to `until` steps or until `stop()` says so between two chunks.
   *
   * @returns True when the run has made all its steps.
   */
  async train(until: number, stop: () => boolean = () => false): Promise<boolean> {
    const { clock } = this.#run.options;
    const end = Math.min(until, this.experiment.steps);
    /** Submitted while the chunk before it was still running. */
    let ahead: Chunk | null = null;
    while (this.#run.state.step < end && (ahead || !stop())) {
      const began = clock.now();
      if (!ahead) {
        await this.applyCommands();
        if (this.#run.state.skipped.includes(this.#run.state.step)) {
          this.#run.state.step++;
          await this.#afterChunk();
          continue;
        }
      }
      const { first, result, steps } = ahead ?? this.#submit(this.#run.state.step, end);
      ahead = null;
      // The device goes on while this chunk's numbers travel; one chunk ahead and no more, and never
      // past a step at which something is looked at, decided or commanded.
      const next = first + steps;
      const goesOn = next < end && this.#stepsToNextStop(first) > steps;
      if (goesOn && !this.#actions.hasCommands && !stop()) ahead = this.#submit(next, end);
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
        await this.#governor.rollBack(verdict.cause, verdict.step);
        continue;
      }
      this.#run.state.step += steps;
      addSums(this.#run.state.interval, metrics);
      this.#run.options.onSteps?.(first, metrics);
      await this.#afterChunk();
      const took = clock.now() - began;
      this.#run.state.seconds += took / 1000;
      this.#chunk = nextChunk(steps, took);
    }
    return this.#run.state.step >= this.experiment.steps;
  }

  /** Times the kernels of a training step; no bit of the run depends on it. Not beside `train`. */
  kernelTimes(): Promise<KernelTimes> {
    return measureKernels(this.runtime, this.#run.options.clock, this.#run.state.step, (s) =>
      this.#run.rowAt(s),
    );
  }

  /** Submits the steps from `first` to the next stop, a chunk at most, and the copy of their numbers. */
  #submit(first: number, end: number): Chunk {
    const steps = Math.min(this.#chunk, end - first, this.#stepsToNextStop(first));
    this.runtime.run(first, steps, (s) => this.#run.rowAt(s));
    const result = this.runtime.readMetrics(steps);
    // It may fail while another chunk is waited for; whoever waits for it is told.
    result.catch(() => {});
    return { first, steps, result };
  }

  /** Steps from `step` to the next one at which something else than training happens. */
  #stepsToNextStop(step = this.#run.state.step): number {
    const { skipped } = this.#run.state;
    const { checkpointEverySteps, evaluateEverySteps, intervalSteps } = this.experiment;
    const next = (every: number) => every - (step % every);
    const planned = this.#actions.nextStep();
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
    const { step } = this.#run.state;
    const { checkpointEverySteps, evaluateEverySteps, intervalSteps, steps } = this.experiment;
    if (step % intervalSteps === 0) await this.outlook.whileLooking(this.#looks.look());
    // Taken back: nothing of this step stands.
    if (this.#run.state.step !== step) return;
    if (step % evaluateEverySteps === 0 || step === steps) await this.#run.logEvaluation('test');
    // Kernels may have been replaced since: better ones, which give the same bits.
    this.#network.logTuning();
    if (step % checkpointEverySteps === 0) await this.save(true);
    else await this.#files.flush();
  }

  /** Actions of the schedule that were taken. */
  get scheduled(): number {
    return this.#run.state.scheduled;
  }

  /**
   * Applies what is due now: queued commands and the schedule's actions for this step. `train` does
   * it before each chunk.
   *
   * @param end Number of actions of the schedule that shall have been taken afterwards, at most.
   */
  async applyCommands(end?: number): Promise<void> {
    if (await this.#actions.apply(end)) await this.#files.flush();
  }

  /** Logits of replica 0 for given rows with the alphas of this step; see NetworkRuntime.predict. */
  predict(rows: Float32Array): Promise<Prediction> {
    return this.#run.predict(rows);
  }

  /** Loss and accuracy of each replica on a part of the data, with the alphas of this step. */
  evaluate(split: Split): ReturnType<RunCore['evaluate']> {
    return this.#run.evaluate(split);
  }

  /**
   * Saves a checkpoint; the one before is kept beside it until the next save.
   *
   * @param keep Keeps it longer, for rewinding; see kept-checkpoints.ts.
   */
  async save(keep = false): Promise<void> {
    await this.#files.save(keep);
  }

  /** Digest of parameters, moments and step. */
  async digest(): Promise<string> {
    return networkDigest(await this.runtime.exportTensors(), this.#run.state.step);
  }

  /** Final measurements, the last event and, for a run that stopped early, a checkpoint. */
  async finish(status: RunSummary['status'], message?: string): Promise<RunSummary> {
    if (status !== 'failed') await this.save();
    const train = status === 'done' ? await this.#run.logEvaluation('train') : null;
    const test = status === 'done' ? await this.evaluate('test') : null;
    const { germinated, fossilized } = this.growth.state;
    const summary: RunSummary = {
      status,
      steps: this.#run.state.step,
      trainAccuracy: train?.accuracy ?? null,
      testAccuracy: test ? finite(mean(test.accuracy.map((a) => a ?? Number.NaN))) : null,
      parameters: this.runtime.parameterCount,
      seedsGerminated: germinated,
      seedsFossilized: fossilized,
      digest: await this.digest(),
      seconds: this.#run.state.seconds,
      ...(message === undefined ? {} : { message }),
    };
    this.#run.emit({ type: 'run.finished', ...summary });
    await this.#files.flush();
    // The state saved above is the end: another save would only put an event after the last.
    if (status !== 'failed') this.#files.markSaved();
    return summary;
  }

  /** Logs something that was measured beside the run and has no part in it. */
  async record(body: Extract<NewEvent, { type: 'twin' }>): Promise<void> {
    const isSaved = this.#files.isSaved;
    this.#run.emit(body);
    await this.#files.flush();
    if (isSaved) this.#files.markSaved();
  }

  dispose(): void {
    this.#measurements.dispose();
    this.runtime.dispose();
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
