/** Runs single kernel calls on scratch buffers, for the autotuner: results and times. */
import type { KernelCall } from '../kernels/kernel-call.ts';
import type { PipelineCache } from './pipeline-cache.ts';
import type { Readback } from './readback.ts';

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
/** Most dispatches in one measurement. */
const MAX_RUNS = 512;
/** The fastest of this many measurements counts: other work only ever slows one down. */
const REPEATS = 2;

export class Workbench {
  #device: GPUDevice;
  #pipelines: PipelineCache;
  #readback: Readback;
  #scratch: Scratch[] = [];
  /** Milliseconds of a submit without work; in Deno a wait alone costs about ten. */
  #floor: number | null = null;

  constructor(device: GPUDevice, pipelines: PipelineCache, readback: Readback) {
    this.#device = device;
    this.#pipelines = pipelines;
    this.#readback = readback;
  }

  /** Makes buffers for the calls of one dispatch; inputs hold fixed numbers in [-1, 1). */
  open(call: KernelCall): void {
    this.close();
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
    this.#scratch = [];
  }

  dispose(): void {
    this.close();
  }

  async prepare(call: KernelCall): Promise<PreparedCall> {
    const { pipeline, layout } = await this.#pipelines.get(call);
    const entries = this.#scratch.map(({ buffer }, binding) => ({
      binding,
      resource: { buffer },
    }));
    const bindGroup = this.#device.createBindGroup({ label: call.shader, layout, entries });
    return { pipeline, bindGroup, grid: call.grid };
  }

  /** Everything one run writes, as words. */
  async result(call: PreparedCall): Promise<Uint32Array> {
    const results = this.#scratch.filter((s) => s.isResult).map((s) => s.buffer);
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

  /** Milliseconds of one run, measured over at least `minMs`, the cost of a wait taken off. */
  async time(call: PreparedCall, minMs: number): Promise<number> {
    this.#floor ??= Math.min(await this.#timed(null, 0), await this.#timed(null, 0));
    let runs = 1;
    let elapsed = await this.#timed(call, runs);
    while (elapsed < minMs && runs < MAX_RUNS) {
      const more = Math.ceil((runs * minMs * 1.3) / Math.max(elapsed, 0.05));
      runs = Math.min(MAX_RUNS, Math.max(2 * runs, more));
      elapsed = await this.#timed(call, runs);
    }
    for (let i = 1; i < REPEATS; i++) elapsed = Math.min(elapsed, await this.#timed(call, runs));
    return elapsed / runs;
  }

  async #timed(call: PreparedCall | null, runs: number): Promise<number> {
    const start = performance.now();
    this.#submit(call, runs);
    await this.#device.queue.onSubmittedWorkDone();
    return Math.max(0, performance.now() - start - (this.#floor ?? 0));
  }

  #submit(call: PreparedCall | null, runs: number): void {
    const encoder = this.#device.createCommandEncoder({ label: 'tuning' });
    const pass = encoder.beginComputePass();
    if (call) {
      pass.setPipeline(call.pipeline);
      pass.setBindGroup(0, call.bindGroup);
      for (let i = 0; i < runs; i++) pass.dispatchWorkgroups(...call.grid);
    }
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
  }
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
