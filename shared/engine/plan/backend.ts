/**
 * What runs a plan. Two implementations: engine/gpu (WebGPU) and engine/reference (float64 in
 * TypeScript, the oracle of the tests and the slow lane where there is no adapter).
 */
import type { Plan } from './plan.ts';

/** Device memory of 32-bit numbers, owned by the backend that made it. */
export interface DeviceBuffer {
  readonly label: string;
  readonly elements: number;
}

export interface AdapterInfo {
  name: string;
  vendor: string;
  architecture: string;
  kind: 'gpu' | 'software' | 'reference';
  features: string[];
}

/** A plan made ready: pipelines compiled, bind groups built. Reusable until disposed. */
export interface Executable {
  readonly plan: Plan;
  /** Dispatches of one run, after lowering. */
  readonly dispatchCount: number;
  /**
   * Variant of each kernel that comes in several, by kernel and class of shapes; absent: none does. One
   * that is chosen after the first run replaces another which gave the same bits.
   */
  readonly variants?: TuningRecord['choices'];
  /** Resolves when the kernels of a plan that ran are those it keeps; absent: they always are. */
  readonly settled?: Promise<void>;
  /** Reads an output of the plan, all replicas, in storage order. Synchronises. */
  readOutput(name: string): Promise<Float32Array<ArrayBuffer>>;
  /** Frees slot buffers. */
  dispose(): void;
}

export interface PlanBindings {
  /** Buffers by the names the plan uses: parameters, gradients and its external tensors. */
  buffers: Readonly<Record<string, DeviceBuffer>>;
  scheduleBase: number;
  scheduleColumns: number;
  /**
   * What of kernel variants that nobody timed yet: they are timed `now`, `later` (see
   * {@link KernelsAhead.timeNext}), or not for this plan; until then the default is used. @default {'now'}
   */
  timing?: 'now' | 'later' | 'never';
}

/** Kernels that were made beforehand, and those among them that a plan has asked for since. */
export interface KernelTally {
  made: number;
  used: number;
}

/** Kernels made before a plan needs them, so that nobody waits for them when it does. */
export interface KernelsAhead {
  /**
   * The kernels that a plan will begin with and that nobody has asked for yet. Each call compiles one;
   * nothing else is made, timed or chosen.
   *
   * @param tally Counts what is made this way.
   * @param own Those that the plan is meant to have, where it would begin with others. @default {false}
   * @throws {RangeError} If the plan cannot be lowered.
   */
  missing(
    plan: Plan,
    schedule: Pick<PlanBindings, 'scheduleBase' | 'scheduleColumns'>,
    tally: KernelTally,
    own?: boolean,
  ): Promise<(() => Promise<void>)[]>;
  /** The same for the variants of kernels that wait to be timed, the heaviest kernel's first. */
  variants(tally: KernelTally): (() => Promise<void>)[];
  /**
   * Times the variants of one kernel that waits for it, for plans to come: of the heaviest whose
   * variants are compiled, or that has been passed over a few times. Must not run beside other work on
   * the device.
   *
   * @returns Whether there was one, and time left for it.
   */
  timeNext(): Promise<boolean>;
  /** Resolves when no kernel variants are being timed: other work would be timed with them. */
  quiet(): Promise<void>;
  /**
   * Until the returned function is called, kernels that training waits for are being made: those that
   * only make it faster wait. Absent: there are none.
   */
  hold?(): () => void;
}

export interface ReadRequest {
  buffer: DeviceBuffer;
  offset: number;
  elements: number;
  /** The buffer holds u32 words: their bits are what is returned. */
  words?: boolean;
}

/** Which variant of each kernel a backend uses, as data: what a run records and a replay is given. */
export interface TuningRecord {
  adapter: string;
  /** SHA-256 of the shader sources the choices were made for. */
  shaderDigest: string;
  /** By kernel and class of shapes. */
  choices: Record<string, TuningChoice>;
}

export interface TuningChoice {
  /** Sizes of the tile and the workgroup, see engine/kernels/tiles.ts. */
  tile: Readonly<Record<string, number | boolean>>;
  /** `measured` here and now, `stored` by an earlier session, `recorded` with a run, or the `default`. */
  source: 'measured' | 'stored' | 'recorded' | 'default';
}

/** The part of a backend that chooses among kernel variants which give the same bits. */
export interface Tuning {
  /** The choices in force for the plans prepared so far. */
  record(): TuningRecord;
  /** Uses the choices of a recorded run from now on; those for other shaders are not used. */
  honour(record: TuningRecord): void;
}

/** Time of one dispatch of a plan, by the device's own clock. */
export interface KernelTime {
  /** Shader. */
  kernel: string;
  /** Workgroups in x, y, z. */
  grid: number[];
  /** Mean of one run; null: unmeasured, the device has no clock. */
  milliseconds: number | null;
}

export interface Backend {
  /** Null or absent: there is nothing to choose. */
  readonly tuning?: Tuning | null;
  readonly adapter: AdapterInfo;
  /** Resolves with a message when the device goes away; never rejects. */
  readonly lost: Promise<string>;
  /** Largest buffer that a kernel can bind. */
  readonly maxBindingBytes: number;
  createBuffer(label: string, elements: number): DeviceBuffer;
  destroyBuffer(buffer: DeviceBuffer): void;
  /** Uploads; `data` may be read after the call returns. */
  writeFloats(buffer: DeviceBuffer, data: Float32Array<ArrayBuffer>, offset?: number): void;
  writeWords(buffer: DeviceBuffer, data: Uint32Array<ArrayBuffer>, offset?: number): void;
  /** Copies elements on the device. The ranges must not overlap within one buffer. */
  copy(
    from: DeviceBuffer,
    fromOffset: number,
    to: DeviceBuffer,
    toOffset: number,
    elements: number,
  ): void;
  /** Synchronises with everything submitted before. */
  readFloats(
    buffer: DeviceBuffer,
    offset?: number,
    elements?: number,
  ): Promise<Float32Array<ArrayBuffer>>;
  readWords(
    buffer: DeviceBuffer,
    offset?: number,
    elements?: number,
  ): Promise<Uint32Array<ArrayBuffer>>;
  /** Several reads with one synchronisation. */
  readMany(requests: readonly ReadRequest[]): Promise<Float32Array<ArrayBuffer>[]>;
  /** @throws {ShaderCompileError} Naming shader file and line. */
  prepare(plan: Plan, bindings: PlanBindings): Promise<Executable>;
  /** Absent: there is nothing to compile. */
  readonly ahead?: KernelsAhead;
  /** Runs a plan `times` times in a row, in one submit; returns before the device is done. */
  run(executable: Executable, times: number): void;
  /**
   * Runs a plan once, to the bits of `run`, and waits for `pause` between its dispatches: where they
   * are made on the caller's own thread. Absent: `run` holds nobody up.
   */
  runInPieces?(executable: Executable, pause: () => Promise<void>): Promise<void>;
  /**
   * Runs a plan `times` times as `run` does, to the same bits, and times each of its dispatches; slower
   * than `run`. Absent: nothing can be timed.
   */
  profile?(executable: Executable, times: number): Promise<KernelTime[]>;
  /** Resolves when the device has done everything submitted. */
  idle(): Promise<void>;
  /** Frees the device at once, whatever it is doing. */
  dispose(): void;
  /**
   * Ends in order, then frees the device: nothing is measured or compiled any more, and all that was
   * submitted is done. A process that ends while its driver works may crash or hang; it waits for this.
   */
  close(): Promise<void>;
}

/** The backend, with plans prepared in another way. */
export function preparedBy(backend: Backend, prepare: Backend['prepare']): Backend {
  return new Proxy(backend, {
    get(target, key) {
      if (key === 'prepare') return prepare;
      // Methods and getters of the backend's class must find its private fields.
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
