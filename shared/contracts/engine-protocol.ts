/**
 * Messages between the page and the worker that trains. Plain structured-clone data: the page
 * never holds a GPUDevice and the worker never touches the DOM.
 */
import type { BranchRequest, WorkReport } from './branch-protocol.ts';
import type { Command, RunEvent } from './events.ts';
import type { Experiment } from './experiment.ts';
import type { ExportFormatName } from './export-format.ts';
import type { HealthSignal } from './health.ts';
import type { SeedSlotState } from './seed.ts';
import type { ServiceStatus, UploadStatus } from './services.ts';

/** Page to worker. Every request carries an id; the worker answers `reply` with the same id. */
export type EngineRequest =
  /**
   * Builds the run and trains; with `paused` it stays at step 0 until `continue` or `step`. The
   * reply comes when the run is prepared.
   */
  | { kind: 'start'; experiment: Experiment; files?: DroppedFile[]; paused?: boolean }
  /** Loads a stored run, paused at its last checkpoint. The reply's value: true when it was found. */
  | { kind: 'resume-stored'; runId: string }
  | { kind: 'pause' }
  | { kind: 'continue' }
  /** Train `steps` steps, then pause. */
  | { kind: 'step'; steps: number }
  /** Upper bound on steps per second; null: as fast as the adapter goes. */
  | { kind: 'speed'; stepsPerSecond: number | null }
  /** Back to step 0, paused. Same seed unless `seed` is given. */
  | { kind: 'reset'; seed?: number }
  | { kind: 'command'; command: Command }
  | { kind: 'trip-breaker'; service: string }
  | { kind: 'reset-breaker'; service: string }
  /** Grid resolution of the decision boundary; 0 turns it off. */
  | { kind: 'boundary'; resolution: number }
  /**
   * Times the kernels of a training step of the open run, which goes on to the same bits. The
   * reply's value is a `KernelTimes`.
   */
  | { kind: 'kernel-times' }
  /** The reply's value is an `ExportedFile`. */
  | { kind: 'export'; format: ExportFormatName | 'events' | 'experiment' }
  | BranchRequest;

/** The token the worker's own calls to the server carry from now on; null: none. */
export interface ServerTokenRequest {
  kind: 'server-token';
  token: string | null;
}

/** What travels to the worker: the request and the id its reply will carry. */
export interface EngineEnvelope {
  id: number;
  request: EngineRequest | ServerTokenRequest;
}

/** A file the page offers for download. */
export interface ExportedFile {
  name: string;
  mediaType: string;
  bytes: ArrayBuffer;
}

/** A file the person dropped on the page, for data sources that read files. */
export interface DroppedFile {
  name: string;
  bytes: ArrayBuffer;
}

export interface AdapterReport {
  /** Human-readable name, for example `SwiftShader` or `NVIDIA RTX 4090`. */
  name: string;
  vendor: string;
  architecture: string;
  /** `gpu`: hardware; `software`: a CPU renderer; `reference`: no adapter, TypeScript float64. */
  kind: 'gpu' | 'software' | 'reference';
  features: string[];
  /** Why this lane was taken and not a faster one, in plain words. */
  note?: string;
}

/** What a notice is about, so that the page can say it in its own words and withdraw it later. */
export type NoticeCode =
  | 'no-webgpu'
  | 'device-lost'
  | 'device-restored'
  | 'storage-full'
  | 'server-away'
  | 'server-back'
  | 'engine-failed'
  | 'other';

export interface LayerReport {
  layerId: string;
  kind: 'linear' | 'conv2d';
  inFeatures: number;
  outFeatures: number;
  parameters: number;
  slots: SeedSlotState[];
  signals: HealthSignal[];
  /** Blueprints a person may germinate here. */
  offers: { blueprint: string; parameters: number }[];
}

/** Decision boundary of a two-feature task: class probabilities on a grid. */
export interface BoundaryImage {
  step: number;
  resolution: number;
  classes: number;
  /** Extent in data units: [minX, minY, maxX, maxY]. */
  extent: [number, number, number, number];
  /** [resolution, resolution, classes], row 0 is minY. */
  probabilities: Float32Array;
}

/** A test row that the network gets wrong. */
export interface Mistake {
  /** Number of the row in the test part. */
  row: number;
  label: number;
  predicted: number;
  /** Probability of the predicted class. */
  confidence: number;
  /** Scaled features, in the order of the data; images row-major, channels last. */
  values: Float32Array;
}

/** What the network says of test rows, for tasks that no plane can show. */
export interface PredictionReport {
  step: number;
  /** Test rows looked at, spread evenly over the test part. */
  rows: number;
  /** [classes, classes], row: true class, column: predicted class; null beyond twenty classes. */
  confusion: Uint32Array | null;
  mistakeCount: number;
  /** Surest first. */
  mistakes: Mistake[];
}

export interface DataReport {
  name: string;
  features: number;
  classes: string[];
  trainSize: number;
  testSize: number;
  imageShape: [number, number, number] | null;
  /** Training points for the boundary plot, [n, 2] and labels; null unless two features. */
  points: { xy: Float32Array; labels: Uint8Array } | null;
}

/** What the forge made beforehand in this sitting, and what of it growth has used. */
export interface WarmUpReport {
  /** Artifacts made for a place where one may be planted, and those planted since. */
  artifacts: number;
  artifactsUsed: number;
  /** Kernels of networks that may come, and those that a plan has asked for since. */
  kernels: number;
  kernelsUsed: number;
  /** Artifacts and networks that could not be made. */
  failed: number;
  /** Time of all its pieces together, milliseconds; of artifacts with the turns they gave away. */
  workMs: number;
}

/** Everything the page shows, sent at most ten times a second. */
export interface EngineSnapshot {
  runId: string;
  status: 'idle' | 'preparing' | 'running' | 'paused' | 'finished' | 'failed';
  /** What is being done while `preparing`, or why it `failed`. */
  message: string | null;
  step: number;
  totalSteps: number;
  seed: number;
  stepsPerSecond: number | null;
  parameters: number;
  layers: LayerReport[];
  services: ServiceStatus[];
  /** The server's copy of this run's log; absent: there is no server, or no run. */
  upload?: UploadStatus;
  /** Decision source currently in use. */
  policySource: 'in-process' | 'server' | 'none';
  cache: {
    entries: number;
    bytes: number;
    hits: number;
    misses: number;
    evictions: number;
    /** Misses of what was asked for the first time; absent: not counted. */
    firstMisses?: number;
  };
  /** How the kernels of seeds came in this sitting; absent: no run is open. */
  placements?: {
    placed: number;
    /** Seeds that training waited for, and how long, milliseconds. */
    waits: number;
    waitedMs: number;
  };
  /** Changes of the network in this sitting, and how long training stood still for them. */
  rebuilds?: { count: number; totalMs: number; longestMs: number };
  /** Absent: no run is open, or nothing is made beforehand. */
  warmUp?: WarmUpReport;
  memory: { arenaBytes: number; withoutReuseBytes: number; parameterBytes: number };
  dispatchesPerStep: number;
}

/** Series for the charts since the last message; typed arrays of equal length. */
export interface SeriesChunk {
  steps: Float64Array;
  loss: Float64Array;
  accuracy: Float64Array;
}

export type EngineMessage =
  | { kind: 'reply'; id: number; ok: true; value?: unknown }
  | { kind: 'reply'; id: number; ok: false; error: { name: string; message: string } }
  | { kind: 'adapter'; adapter: AdapterReport }
  | { kind: 'data'; data: DataReport }
  /** The experiment of the run that was started, reset or resumed; sent before its snapshots. */
  | { kind: 'experiment'; runId: string; experiment: Experiment }
  | { kind: 'snapshot'; snapshot: EngineSnapshot }
  | { kind: 'series'; runId: string; series: SeriesChunk }
  | {
      kind: 'evaluation';
      step: number;
      split: 'train' | 'validation' | 'test';
      loss: number | null;
      accuracy: number | null;
    }
  /** A condition outside any run's log, such as a lost device or a full disk. */
  | {
      kind: 'notice';
      level: 'info' | 'warning' | 'error';
      code: NoticeCode;
      message: string;
    }
  | { kind: 'events'; events: RunEvent[] }
  | { kind: 'work'; work: WorkReport | null }
  | { kind: 'boundary'; image: BoundaryImage }
  | { kind: 'predictions'; report: PredictionReport }
  /** The series and events so far are void: a reset or another run. */
  | { kind: 'cleared'; runId: string };
