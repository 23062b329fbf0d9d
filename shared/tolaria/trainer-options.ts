/** What a trainer is made of, and what it says of its run in the end. */
import type { StorageFullError } from '../base/errors.ts';
import type { Blueprint } from '../contracts/blueprint.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { RunSchedule } from '../contracts/lineage.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Backend, TuningRecord } from '../engine/plan/backend.ts';
import type { ArtifactSource } from '../kasmina/artifact-source.ts';
import type { Clock, RunStorage } from '../platform/platform.ts';
import type { DecisionSource } from './decision-source.ts';
import type { InitialWeights } from './initial-weights.ts';
import type { Split, StepMetrics } from './network-runtime.ts';
import type { PolicyAdvisor } from './policy-advisor.ts';
import type { NewEvent } from './run-log.ts';

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
