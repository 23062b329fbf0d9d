/** Runs single kernel calls on scratch buffers, for the autotuner: results and times. */
import { LimitError } from '../../base/errors.ts';
import type { KernelCall } from '../kernels/kernel-call.ts';
import type { PipelineCache } from './pipeline-cache.ts';
import { Readback } from './readback.ts';
import { sizesBuffer } from './sizes-buffer.ts';
import { Timestamps } from './timestamps.ts';

export interface PreparedCall {
  pipeline: GPUComputePipeline;
  bindGroup: GPUBindGroup;
  grid: KernelCall['grid'];
}

interface Scratch {
  buffer: GPUBuffer;
  isResult: boolean;
}

/** Words of a scratch buffer at least: tables such as `control` are longer than the graph knows. */
const LEAST_WORDS = 4096;
const SCOPES = ['validation', 'out-of-memory'] as const;
/** Most dispatches in one measurement. */
const MAX_RUNS = 512;
/** Bytes of results that may be on their way to the CPU at once. */
const MAX_IN_FLIGHT = 64 * 2 ** 20;

export class Workbench {
  #device: GPUDevice;
  #pipelines: PipelineCache;
  #readback: Readback;
  #clock: Timestamps | null;
  #scratch: Scratch[] = [];
  /** Of the calls that were prepared. */
  #sizes: GPUBuffer[] = [];
  /** What went wrong when they were made. */
  #opened: Promise<(GPUError | null)[]> = Promise.resolve([]);
  /** Milliseconds of a submit without work; in Deno a wait alone costs about ten. */
  #floor: number | null = null;

  constructor(device: GPUDevice, pipelines: PipelineCache) {
    this.#device = device;
    this.#pipelines = pipelines;
    this.#readback = new Readback(device);
    this.#clock = Timestamps.open(device, this.#readback);
  }

  /**
   * Makes buffers for the calls of one dispatch; inputs hold fixed numbers in [-1, 1). A lack of memory
   * is not the run's: `prepare` tells of it, and nobody else.
   */
  open(call: KernelCall): void {
    this.close();
    for (const filter of SCOPES) this.#device.pushErrorScope(filter);
    try {
      this.#make(call);
    } finally {
      const errors = SCOPES.map(() => this.#device.popErrorScope());
      this.#opened = Promise.all(errors);
      this.#opened.catch(() => {});
    }
  }

  #make(call: KernelCall): void {
    for (const [index, b] of call.bindings.entries()) {
      const words = Math.max(LEAST_WORDS, Math.ceil(b.range.elements / 4) * 4);
      const buffer = this.#device.createBuffer({
        label: `tuning ${b.range.buffer}`,
        size: words * 4,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
      });
      const isResult = b.access === 'read_write';
      this.#scratch.push({ buffer, isResult });
      // A control buffer stays zero: step 0, weight 0.
      if (isResult || b.range.buffer === 'control') continue;
      this.#device.queue.writeBuffer(buffer, 0, noise(words, index));
    }
  }

  close(): void {
    for (const { buffer } of this.#scratch) buffer.destroy();
    for (const buffer of this.#sizes) buffer.destroy();
    this.#scratch = [];
    this.#sizes = [];
  }

  dispose(): void {
    this.close();
    this.#clock?.dispose();
    this.#readback.dispose();
  }

  /** @throws {LimitError} If there was no memory for its buffers. */
  async prepare(call: KernelCall): Promise<PreparedCall> {
    const error = (await this.#opened).find((e) => e !== null);
    if (error) throw new LimitError(`Cannot tune ${call.shader}: ${error.message}`);
    const { pipeline, layout } = await this.#pipelines.get(call);
    const sizes = sizesBuffer(this.#device, call);
    if (sizes) this.#sizes.push(sizes);
    const buffers = [...this.#scratch.map(({ buffer }) => buffer), ...(sizes ? [sizes] : [])];
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const bindGroup = this.#device.createBindGroup({ label: call.shader, layout, entries });
    return { pipeline, bindGroup, grid: call.grid };
  }

  /** Everything that one run of each call writes, as words. Waits once, unless results are large. */
  async results(calls: readonly PreparedCall[]): Promise<Uint32Array[]> {
    const bytes = this.#resultBuffers().reduce((sum, b) => sum + b.size, 0);
    const atOnce = Math.max(1, Math.floor(MAX_IN_FLIGHT / Math.max(1, bytes)));
    const all: Uint32Array[] = [];
    for (let first = 0; first < calls.length; first += atOnce) {
      const some = calls.slice(first, first + atOnce);
      all.push(...(await Promise.all(some.map((call) => this.#result(call)))));
    }
    return all;
  }

  #resultBuffers(): GPUBuffer[] {
    return this.#scratch.filter((s) => s.isResult).map((s) => s.buffer);
  }

  /** Submitted before the call returns: what others submit after it cannot touch the copy. */
  async #result(call: PreparedCall): Promise<Uint32Array> {
    const results = this.#resultBuffers();
    const encoder = this.#device.createCommandEncoder({ label: 'tuning' });
    for (const buffer of results) encoder.clearBuffer(buffer);
    this.#device.queue.submit([encoder.finish()]);
    this.#submit(call, 1);
    const parts = await this.#readback.read(
      results.map((buffer) => ({ buffer, offset: 0, size: buffer.size })),
    );
    const all = new Uint32Array(parts.reduce((sum, p) => sum + p.byteLength / 4, 0));
    let at = 0;
    for (const part of parts) {
      all.set(new Uint32Array(part), at);
      at += part.byteLength / 4;
    }
    return all;
  }

  /**
   * Milliseconds of one run of each call: the least of `rounds`, in turn, so that other work on the
   * machine slows all of them down. By the device's clock where there is one; else each measurement
   * takes at least `minMs` and the cost of a wait is taken off.
   */
  async times(calls: readonly PreparedCall[], minMs: number, rounds: number): Promise<number[]> {
    const runs = calls.map(() => 1);
    const best = calls.map(() => Number.POSITIVE_INFINITY);
    if (!this.#clock)
      this.#floor ??= Math.min(await this.#waited(null, 0), await this.#waited(null, 0));
    for (let round = 0; round <= rounds; round++) {
      const elapsed = await this.#round(calls, runs);
      elapsed.forEach((ms, i) => {
        // The first round shows how many runs a measurement needs.
        if (round > 0) best[i] = Math.min(best[i]!, ms / runs[i]!);
        else runs[i] = Math.min(MAX_RUNS, Math.max(1, Math.ceil(minMs / Math.max(ms, 0.01))));
      });
    }
    return best;
  }

  async #round(calls: readonly PreparedCall[], runs: readonly number[]): Promise<number[]> {
    const clock = this.#clock;
    if (clock) {
      const encoder = this.#device.createCommandEncoder({ label: 'tuning' });
      calls.forEach((call, i) => {
        encode(encoder, call, runs[i]!, clock.pass(i));
      });
      clock.resolve(encoder, calls.length);
      this.#device.queue.submit([encoder.finish()]);
      const times = await clock.read(calls.length);
      if (times.every((t): t is number => t !== null)) return times;
    }
    const waited: number[] = [];
    for (const [i, call] of calls.entries()) waited.push(await this.#waited(call, runs[i]!));
    return waited;
  }

  async #waited(call: PreparedCall | null, runs: number): Promise<number> {
    const start = performance.now();
    this.#submit(call, runs);
    await this.#device.queue.onSubmittedWorkDone();
    return Math.max(0, performance.now() - start - (this.#floor ?? 0));
  }

  #submit(call: PreparedCall | null, runs: number): void {
    const encoder = this.#device.createCommandEncoder({ label: 'tuning' });
    encode(encoder, call, runs);
    this.#device.queue.submit([encoder.finish()]);
  }
}

function encode(
  encoder: GPUCommandEncoder,
  call: PreparedCall | null,
  runs: number,
  descriptor?: GPUComputePassDescriptor,
): void {
  const pass = encoder.beginComputePass(descriptor);
  if (call) {
    pass.setPipeline(call.pipeline);
    pass.setBindGroup(0, call.bindGroup);
    for (let i = 0; i < runs; i++) pass.dispatchWorkgroups(...call.grid);
  }
  pass.end();
}

/** Numbers in [-1, 1) that depend on their index and on `stream` alone. */
function noise(count: number, stream: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(count);
  let state = (stream * 0x9e3779b9 + 1) >>> 0;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = state / 2 ** 31 - 1;
  }
  return out;
}
