/**
 * Runs plans on WebGPU. A plan is prepared once (pipelines, slot buffers, bind groups); running it
 * encodes the prebuilt list into one compute pass and submits once, whatever the number of steps.
 */
import { DeviceLostError, MissingFeatureError, messageOf } from '../../base/errors.ts';
import type { LoweringContext } from '../kernels/kernel-call.ts';
import type {
  AdapterInfo,
  Backend,
  DeviceBuffer,
  Executable,
  KernelTime,
  PlanBindings,
  Tuning,
  TuningRecord,
} from '../plan/backend.ts';
import { F16_FEATURE, isHalf } from '../plan/numerics.ts';
import type { Plan } from '../plan/plan.ts';
import { openDevice } from './device.ts';
import {
  checkSize,
  createSlots,
  type GpuBuffer,
  LOST,
  lossOf,
  maxBindingBytes,
  outOfMemory,
  slotLabel,
} from './device-memory.ts';
import { GpuKernelsAhead } from './kernels-ahead.ts';
import { PipelineCache } from './pipeline-cache.ts';
import { type EncodedDispatch, PlanKernels } from './plan-kernels.ts';
import { profileList } from './profiler.ts';
import { Readback } from './readback.ts';
import type { TileSource } from './tile-source.ts';

/** Dispatches per submit; bounds how long the device works without a break. */
const MAX_DISPATCHES_PER_SUBMIT = 4096;

interface GpuExecutable extends Executable {
  list: EncodedDispatch[];
  /** Called at each run; the first begins what happens beside them. */
  onRun(): void;
}

/** @throws {NoAdapterError} If there is no WebGPU or no adapter. */
export async function createGpuBackend(gpu: GPU | undefined): Promise<GpuBackend> {
  const { device, adapter, quads } = await openDevice(gpu);
  return new GpuBackend(device, adapter, { quads });
}

export interface GpuBackendOptions {
  /** The device shares numbers among four neighbouring invocations. @default {false} */
  quads?: boolean;
  /** Chooses tiles; without one the defaults of the adapter's family are used. */
  tuner?: TileSource;
  /** Those of another backend on the same device, so that no kernel is compiled for both. @default {a new cache} */
  pipelines?: PipelineCache;
}

export class GpuBackend implements Backend {
  readonly adapter: AdapterInfo;
  readonly lost: Promise<string>;
  readonly device: GPUDevice;
  readonly pipelines: PipelineCache;
  readonly quads: boolean;
  readonly ahead = new GpuKernelsAhead(this);
  /** Asked at every `prepare`; null: the defaults of the adapter's family. */
  tuner: TileSource | null;
  #readback: Readback;
  #lostMessage: string | null = null;
  #uncaptured: string | null = null;
  /** While work is alone on the device: reads are answered after it. */
  #held: Promise<unknown> | null = null;
  /** What happens beside plans that run, and beside those disposed of since. */
  #beside = new Set<Promise<void>>();
  #closing = false;

  constructor(device: GPUDevice, adapter: AdapterInfo, options: GpuBackendOptions = {}) {
    this.device = device;
    this.adapter = adapter;
    this.quads = options.quads ?? false;
    this.tuner = options.tuner ?? null;
    this.pipelines = options.pipelines ?? new PipelineCache(device);
    this.#readback = new Readback(device);
    this.lost = device.lost.then((info) => {
      this.#lostMessage = info.message || String(info.reason);
      return this.#lostMessage;
    });
    device.addEventListener('uncapturederror', (event) => {
      const { error } = event as GPUUncapturedErrorEvent;
      this.#uncaptured ??=
        error instanceof GPUOutOfMemoryError
          ? outOfMemory('what this run needs', null)
          : error.message;
    });
  }

  get maxBindingBytes(): number {
    return maxBindingBytes(this.device);
  }

  get tuning(): Tuning | null {
    return this.tuner && 'record' in this.tuner ? (this.tuner as TileSource & Tuning) : null;
  }

  createBuffer(label: string, elements: number): GpuBuffer {
    const bytes = Math.max(16, elements * 4);
    checkSize(this.device, label, bytes);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const gpu = this.#onDevice((device) => device.createBuffer({ label, size: bytes, usage }));
    return { label, elements, gpu };
  }

  destroyBuffer(buffer: DeviceBuffer): void {
    (buffer as GpuBuffer).gpu.destroy();
  }

  writeFloats(buffer: DeviceBuffer, data: Float32Array<ArrayBuffer>, offset = 0): void {
    this.#onDevice((d) => d.queue.writeBuffer((buffer as GpuBuffer).gpu, offset * 4, data));
  }

  writeWords(buffer: DeviceBuffer, data: Uint32Array<ArrayBuffer>, offset = 0): void {
    this.#onDevice((d) => d.queue.writeBuffer((buffer as GpuBuffer).gpu, offset * 4, data));
  }

  copy(
    from: DeviceBuffer,
    fromOffset: number,
    to: DeviceBuffer,
    toOffset: number,
    elements: number,
  ): void {
    const [source, target] = [(from as GpuBuffer).gpu, (to as GpuBuffer).gpu];
    this.#onDevice((device) => {
      const encoder = device.createCommandEncoder({ label: 'copy' });
      encoder.copyBufferToBuffer(source, fromOffset * 4, target, toOffset * 4, elements * 4);
      device.queue.submit([encoder.finish()]);
    });
  }

  async readFloats(buffer: DeviceBuffer, offset = 0, elements = buffer.elements - offset) {
    const [bytes] = await this.#read([{ buffer, offset, elements }]);
    return new Float32Array(bytes!);
  }

  async readWords(buffer: DeviceBuffer, offset = 0, elements = buffer.elements - offset) {
    const [bytes] = await this.#read([{ buffer, offset, elements }]);
    return new Uint32Array(bytes!);
  }

  async readMany(
    requests: readonly { buffer: DeviceBuffer; offset: number; elements: number }[],
  ): Promise<Float32Array<ArrayBuffer>[]> {
    return (await this.#read(requests)).map((bytes) => new Float32Array(bytes));
  }

  async #read(
    requests: readonly { buffer: DeviceBuffer; offset: number; elements: number }[],
  ): Promise<ArrayBuffer[]> {
    this.#alive();
    try {
      const bytes = await this.#readback.read(
        requests.map((r) => ({
          buffer: (r.buffer as GpuBuffer).gpu,
          offset: r.offset * 4,
          size: r.elements * 4,
        })),
      );
      while (this.#held) await this.#held;
      // An invalid command is a fast no-op in WebGPU: what was read would be a wrong number.
      if (this.#uncaptured) throw new Error(`Cannot trust the GPU's results: ${this.#uncaptured}`);
      return bytes;
    } catch (error) {
      // A read that cannot be made after an invalid command is no loss: a new device would not help.
      await Promise.race([this.lost, this.idle().catch(() => undefined)]);
      const invalid = this.#uncaptured;
      if (this.#lostMessage === null && invalid !== null && !LOST.test(invalid)) {
        throw new Error(`Cannot trust the GPU's results: ${invalid}`);
      }
      throw this.#causeOf(error);
    }
  }

  async prepare(plan: Plan, bindings: PlanBindings): Promise<Executable> {
    this.#alive();
    try {
      return await this.#build(plan, bindings);
    } catch (error) {
      // Lets the news of a loss in, which is often what the error is about.
      await Promise.race([this.lost, Promise.resolve()]);
      throw this.#causeOf(error);
    }
  }

  async #build(plan: Plan, bindings: PlanBindings): Promise<Executable> {
    this.#checkNumerics(plan);
    // Before anything is tuned or compiled for tensors that cannot be.
    for (const s of plan.slots) checkSize(this.device, slotLabel(s), s.elements * 4);
    const context = this.contextOf(plan, bindings);
    const { device, pipelines, tuner } = this;
    const { dispatches } = plan;
    const { timing = 'now' } = bindings;
    if (tuner) {
      context.tiles =
        timing !== 'now' && tuner.knownTiles
          ? await tuner.knownTiles(dispatches, context, {
              use: true,
              wait: timing === 'later',
            })
          : await tuner.tilesFor(dispatches, context, device, pipelines);
    }
    const tiered = tuner?.improve !== undefined;
    const improve = timing === 'never' ? undefined : tuner?.improve;
    const kernels = new PlanKernels({ dispatches, context, device, pipelines, tiered });
    const compiled = await kernels.compile();
    const slots = await createSlots(this, plan);
    const find = (name: string): GpuBuffer => {
      const buffer = slots.get(name) ?? (bindings.buffers[name] as GpuBuffer | undefined);
      if (!buffer) throw new RangeError(`Cannot bind "${name}" of plan "${plan.name}": no buffer`);
      return buffer;
    };
    kernels.bind(compiled, (name) => find(name).gpu);
    let open = true;
    let settled: Promise<void> | null = null;
    const begin = async (): Promise<void> => {
      // What the first run computes comes first.
      await this.idle();
      await improve?.({
        ...{ dispatches, context, device, pipelines, begun: kernels.begun },
        measures: timing === 'now',
        isOpen: () => open && !this.#closing && this.#lostMessage === null,
        isEnding: () => this.#closing,
        pause: () => this.ahead.calm(),
        replaceBegun: (begun) => kernels.replaceBegun(begun),
        replace: (key, tile) => kernels.replace(key, tile),
        alone: (work) => this.#alone(work),
      });
    };
    const variants = () => this.#variantsOf(kernels.keys);
    const executable: GpuExecutable = {
      plan,
      list: kernels.list,
      dispatchCount: kernels.list.length,
      get variants() {
        return variants();
      },
      get settled() {
        return settled ?? Promise.resolve();
      },
      onRun: () => {
        // What fails is told by the tuner; a lost device is told to whoever waits for a result.
        if (!improve || settled) return;
        const beside = begin().catch(() => {});
        this.#beside.add(beside);
        void beside.then(() => this.#beside.delete(beside));
        settled = beside;
      },
      readOutput: (name) => {
        const t = plan.outputs[name];
        if (!t)
          throw new RangeError(`Cannot read "${name}": plan "${plan.name}" has no such output`);
        const elements = (plan.replicas - 1) * t.replicaStride + t.elements;
        return this.readFloats(find(t.buffer), t.offset, elements);
      },
      dispose: () => {
        open = false;
        kernels.close();
        for (const s of slots.values()) s.gpu.destroy();
      },
    };
    return executable;
  }

  /** What the lowerings are told, besides the tiles. */
  contextOf(
    plan: Plan,
    { scheduleBase, scheduleColumns }: Pick<PlanBindings, 'scheduleBase' | 'scheduleColumns'>,
  ): LoweringContext {
    return {
      replicas: plan.replicas,
      parameterElements: plan.parameterElements,
      family: this.adapter.kind === 'gpu' ? 'gpu' : 'software',
      quads: this.quads,
      scheduleBase,
      scheduleColumns,
    };
  }

  #checkNumerics(plan: Plan): void {
    if (!plan.dispatches.some(isHalf) || this.device.features.has(F16_FEATURE)) return;
    throw new MissingFeatureError(
      `Cannot compute in numerics "f16-multiply": adapter "${this.adapter.name}" does not offer the WebGPU feature "${F16_FEATURE}"; use numerics "f32", or another adapter or browser`,
    );
  }

  /** Waits for the device and does `work`; reads that come meanwhile are answered after it. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#held;
    const result = Promise.resolve(before).then(async () => {
      await this.idle();
      return await work();
    });
    // A device that is lost may leave it unanswered.
    const done = Promise.race([result.catch(() => {}), this.lost]);
    this.#held = done;
    try {
      return await result;
    } finally {
      if (this.#held === done) this.#held = null;
    }
  }

  #variantsOf(keys: readonly string[]): TuningRecord['choices'] {
    const known = this.tuning?.record().choices ?? {};
    return Object.fromEntries(keys.flatMap((key) => (known[key] ? [[key, known[key]]] : [])));
  }

  run(executable: Executable, times: number): void {
    this.#onDevice((device) => this.#encode(device, executable as GpuExecutable, times));
    (executable as GpuExecutable).onRun();
  }

  #encode(device: GPUDevice, executable: GpuExecutable, times: number): void {
    const { list } = executable;
    const perSubmit = Math.max(1, Math.floor(MAX_DISPATCHES_PER_SUBMIT / Math.max(1, list.length)));
    for (let done = 0; done < times; done += perSubmit) {
      const encoder = device.createCommandEncoder({ label: executable.plan.name });
      const pass = encoder.beginComputePass();
      const count = Math.min(perSubmit, times - done);
      for (let i = 0; i < count; i++) {
        for (const d of list) {
          pass.setPipeline(d.pipeline);
          pass.setBindGroup(0, d.bindGroup);
          pass.dispatchWorkgroups(d.grid[0], d.grid[1], d.grid[2]);
        }
      }
      pass.end();
      device.queue.submit([encoder.finish()]);
    }
  }

  profile(executable: Executable, times: number): Promise<KernelTime[]> {
    this.#alive();
    const { list } = executable as GpuExecutable;
    return profileList(this.device, this.#readback, list, times);
  }

  async idle(): Promise<void> {
    await this.device.queue.onSubmittedWorkDone();
  }

  dispose(): void {
    this.#readback.dispose();
    this.device.destroy();
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.ahead.end();
    const quiet = Promise.all(this.#beside).then(() => this.idle());
    // A device that is lost answers nobody.
    await Promise.race([quiet.catch(() => {}), this.lost]);
    this.dispose();
  }

  #alive(): void {
    if (this.#lostMessage !== null) throw lossOf(this.#lostMessage);
  }

  #onDevice<T>(work: (device: GPUDevice) => T): T {
    this.#alive();
    try {
      return work(this.device);
    } catch (error) {
      throw this.#causeOf(error);
    }
  }

  /** The loss of the device where an error is one: some runtimes say so before `lost` resolves. */
  #causeOf(error: unknown): unknown {
    if (error instanceof DeviceLostError) return error;
    if (this.#lostMessage !== null) return lossOf(this.#lostMessage);
    return LOST.test(messageOf(error)) ? lossOf(messageOf(error)) : error;
  }
}
