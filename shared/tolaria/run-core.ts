/**
 * The parts of a run that all who work on it share: network, growth, log and state, and what can be
 * read off them. Everything that changes from step to step is in `state`, which is plain data.
 */
import type { Observation } from '../contracts/decision.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { HealthSignal } from '../contracts/health.ts';
import { heuristicSettingsOf } from '../contracts/policy.ts';
import { artifactsIn } from '../kasmina/artifact-source.ts';
import { GrowthController } from '../kasmina/growth-controller.ts';
import { learningRateShare } from '../nn/schedules.ts';
import { noWatch, type TrainerState } from './checkpoint.ts';
import { hostParametersOf, sitesOf } from './growth-sites.ts';
import { emptySums, finite, mean } from './interval-sums.ts';
import { NetworkRuntime, type Split } from './network-runtime.ts';
import type { Prediction } from './predictor.ts';
import { type NewEvent, RunLog } from './run-log.ts';
import type { ScheduleRow } from './schedule.ts';
import type { TrainerOptions } from './trainer-options.ts';

export class RunCore {
  readonly options: TrainerOptions;
  readonly experiment: Experiment;
  readonly runtime: NetworkRuntime;
  readonly growth: GrowthController;
  readonly log: RunLog;
  state: TrainerState;
  /** Where a rollback goes; its tensors are the arena's snapshot. */
  snapshot: TrainerState | null = null;
  /** Health at the last look. */
  signals: HealthSignal[] = [];

  constructor(options: TrainerOptions) {
    const { experiment, dataset } = options;
    this.options = options;
    this.experiment = experiment;
    this.runtime = new NetworkRuntime(options.backend, experiment, dataset, options.replicaSeeds);
    this.log = new RunLog(options.storage?.events ?? null, options.onEvent);
    this.growth = new GrowthController({
      experiment,
      sites: sitesOf(experiment, dataset),
      sitesAfter: (changes) => sitesOf(experiment, dataset, changes),
      artifacts: artifactsIn(options.artifacts, experiment.numerics ?? 'f32'),
      blueprintOf: options.blueprintOf,
      hostParameters: hostParametersOf(experiment, dataset),
      emit: (body) => this.emit(body),
      now: () => options.clock.now(),
    });
    this.state = {
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

  emit(body: NewEvent): void {
    this.log.add(this.state.step, body, this.options.clock.wallTime());
  }

  /** Alphas and learning rate of a step, if nothing is decided before it. */
  rowAt(step: number): ScheduleRow {
    const { optimizer, schedule, steps } = this.experiment;
    const { learningRateOverride, learningRateScale } = this.state;
    const base = learningRateOverride ?? optimizer.learningRate;
    return {
      alphas: this.growth.alphas(step),
      learningRate: base * learningRateScale * learningRateShare(schedule, step, steps),
    };
  }

  takeSnapshot(): void {
    this.runtime.arena.takeSnapshot();
    this.snapshot = structuredClone({ ...this.state, growth: this.growth.state });
  }

  /** Loss and accuracy of each replica on a part of the data, with the alphas of this step. */
  async evaluate(split: Split): Promise<{ loss: (number | null)[]; accuracy: (number | null)[] }> {
    const m = await this.runtime.evaluate(split, this.growth.alphas(this.state.step));
    return {
      loss: m.loss.map(finite),
      accuracy: m.correct.map((c, r) => finite(c / m.count[r]!)),
    };
  }

  /** Evaluates, logs it, and returns the means over the replicas. */
  async logEvaluation(split: Split): Promise<{ loss: number | null; accuracy: number | null }> {
    const { step } = this.state;
    const result = await this.evaluate(split);
    this.emit({ type: 'evaluation', split, ...result });
    const loss = finite(mean(result.loss.map((l) => l ?? Number.NaN)));
    const accuracy = finite(mean(result.accuracy.map((a) => a ?? Number.NaN)));
    this.options.onEvaluation?.(step, split, loss, accuracy);
    return { loss, accuracy };
  }

  /** Logits of replica 0 for given rows with the alphas of this step; see NetworkRuntime.predict. */
  predict(rows: Float32Array): Promise<Prediction> {
    return this.runtime.predict(rows, this.growth.alphas(this.state.step));
  }

  /** What a policy sees at this step. */
  observation(): Observation {
    const { history, step } = this.state;
    const { growth, policy, steps } = this.experiment;
    return {
      runId: this.options.runId,
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
}
