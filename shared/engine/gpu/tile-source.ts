/** Who chooses the tiles of a plan's kernels, what a choice by measurement needs, and what it reports. */
import type { KernelCall, LoweringContext } from '../kernels/kernel-call.ts';
import type { Tile } from '../kernels/tiles.ts';
import type { TuningRecord } from '../plan/backend.ts';
import type { Dispatch } from '../plan/plan.ts';
import type { TileDecision } from './measure-tiles.ts';
import type { PipelineCache } from './pipeline-cache.ts';
import type { PlanInUse } from './tiered-start.ts';

export type { CandidateTime, TileDecision } from './measure-tiles.ts';

/** Where choices are kept between sessions; shared/platform's BlobStorage fits. */
export interface TuningStorage {
  read(key: string): Promise<Uint8Array<ArrayBuffer> | null>;
  write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** Every choice that is known, with its measurements. */
export interface TuningReport {
  adapter: string;
  shaderDigest: string;
  choices: Record<string, TileDecision>;
}

export interface AutotunerOptions {
  /** Name of the adapter, as describeAdapter gives it. */
  adapter: string;
  /** Digest of the shader sources: other sources, other choices. */
  shaderDigest: string;
  storage?: TuningStorage;
  /** Choices of a recorded run; they come before all others. */
  recorded?: TuningRecord;
  /** False: only recorded and stored choices are used. @default {true} */
  measure?: boolean;
  /** Least device time of one measurement. @default {5} */
  minMs?: number;
  /**
   * Longest the measurements of one plan may take, the heaviest kernels first; kernels and candidates
   * that are left have their turn with the next plan or in the next session. @default {10000}
   */
  budgetMs?: number;
  /** Longest all measurements of this tuner may take together. @default no limit */
  totalMs?: number;
  /**
   * Plans begin at once, with the kernels that compile fastest; better ones take their place between
   * two runs, and measurements are made in pauses of them. False: a plan waits for all that.
   * @default {false}
   */
  tiered?: boolean;
  /** Told about storage that fails; tuning goes on without it. */
  onNotice?: (message: string) => void;
}

export interface KnownOptions {
  /** The tiles are for a plan that will run: they are recorded. @default {false} */
  use?: boolean;
  /** What is not known waits for `timeNext`. @default {false} */
  wait?: boolean;
}

/** Gives the tiles of a plan, by the keys of tiles.ts; keys it leaves out get the default. */
export interface TileSource {
  tilesFor(
    dispatches: readonly Dispatch[],
    context: LoweringContext,
    device: GPUDevice,
    pipelines: PipelineCache,
  ): Promise<Record<string, Tile>>;
  /** Those that are known without a measurement. Absent: `tilesFor` never measures. */
  knownTiles?(
    dispatches: readonly Dispatch[],
    context: LoweringContext,
    how?: KnownOptions,
  ): Promise<Record<string, Tile>>;
  /** The variants of kernels that wait to be timed, the heaviest kernel's first. */
  waitingVariants?(): KernelCall[];
  /** See {@link Autotuner.timeNext}. */
  timeNext?(device: GPUDevice, pipelines: PipelineCache): Promise<boolean>;
  /** Resolves when nothing is being measured. Absent: nothing ever is. */
  quiet?(): Promise<void>;
  /**
   * Told after the first run of a plan whose kernels may be replaced; resolves when it replaces no more.
   * Absent: a plan begins with the tiles of `tilesFor` and keeps them.
   */
  readonly improve?: ((plan: PlanInUse) => Promise<void>) | undefined;
}
