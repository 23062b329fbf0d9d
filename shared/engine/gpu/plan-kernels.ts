/** The kernels of a plan as they are encoded at each run; one may take another's place between two runs. */
import { LimitError } from '../../base/errors.ts';
import { loweringOf } from '../kernels/catalog.ts';
import type { BufferRange, KernelCall, LoweringContext } from '../kernels/kernel-call.ts';
import { MAX_GROUPS } from '../kernels/kernel-call.ts';
import type { Tile } from '../kernels/tiles.ts';
import type { Dispatch } from '../plan/plan.ts';
import type { CompiledKernel, PipelineCache } from './pipeline-cache.ts';
import { sizesBuffer } from './sizes-buffer.ts';
import { startTiles } from './tiered-start.ts';

export interface EncodedDispatch {
  pipeline: GPUComputePipeline;
  bindGroup: GPUBindGroup;
  grid: [number, number, number];
}

export interface KernelsOptions {
  dispatches: readonly Dispatch[];
  /** With the tiles that the plan is meant to have. */
  context: LoweringContext;
  device: GPUDevice;
  pipelines: PipelineCache;
  /** Whether to begin with the tiles that compile fastest. */
  tiered: boolean;
}

export class PlanKernels {
  /** Empty until `bind`. */
  readonly list: EncodedDispatch[] = [];
  /** Tiles that the plan begins with in the place of those of its context, by key. */
  readonly starts: Readonly<Record<string, Tile>>;
  #options: KernelsOptions;
  #calls: KernelCall[];
  #find: ((buffer: string) => GPUBuffer) | null = null;
  /** Uniform buffers of the calls so far: a list that is being encoded may still have an earlier one. */
  #sizes: GPUBuffer[] = [];

  /** @throws {LimitError} If a grid is larger than adapters allow. */
  constructor(options: KernelsOptions) {
    const { context, dispatches, tiered } = options;
    this.#options = options;
    const calls = dispatches.map((d) => this.#lower(d, context.tiles));
    this.starts = tiered ? startTiles(dispatches, calls, context) : {};
    this.#calls = dispatches.map((d) => this.#lower(d, { ...context.tiles, ...this.starts }));
  }

  /** Keys of the kernels that come in tiles. */
  get keys(): string[] {
    return this.#calls.flatMap(({ choice }) => (choice ? [choice.key] : []));
  }

  /** @throws {ShaderCompileError} Naming shader file and line. */
  compile(): Promise<CompiledKernel[]> {
    return Promise.all(this.#calls.map((call) => this.#options.pipelines.get(call)));
  }

  bind(compiled: readonly CompiledKernel[], find: (buffer: string) => GPUBuffer): void {
    this.#find = find;
    this.list.push(...this.#calls.map((call, i) => this.#encoded(call, compiled[i]!)));
  }

  /** Compiles the tile for all dispatches of the key, and puts it in their place unless closed by then. */
  async replace(key: string, tile: Tile): Promise<void> {
    const { context, dispatches, pipelines } = this.#options;
    const at = this.#calls.flatMap(({ choice }, i) => (choice?.key === key ? [i] : []));
    const next = at.map((i) => this.#lower(dispatches[i]!, { ...context.tiles, [key]: tile }));
    const compiled = await Promise.all(next.map((call) => pipelines.get(call)));
    // All at once: a run encodes without a break, so that no step has some of them.
    if (!this.#find) return;
    at.forEach((i, n) => {
      this.list[i] = this.#encoded(next[n]!, compiled[n]!);
    });
  }

  /** Nothing is replaced any more. */
  close(): void {
    this.#find = null;
    for (const buffer of this.#sizes) buffer.destroy();
    this.#sizes = [];
  }

  #lower(d: Dispatch, tiles: LoweringContext['tiles']): KernelCall {
    const { context } = this.#options;
    const call = loweringOf(d.op)(d, tiles ? { ...context, tiles } : context);
    checkGrid(call);
    return call;
  }

  #encoded(call: KernelCall, { layout, pipeline }: CompiledKernel): EncodedDispatch {
    const find = this.#find!;
    const { device } = this.#options;
    const resources = call.bindings.map(({ range }) => resourceOf(range, find(range.buffer)));
    const sizes = sizesBuffer(device, call);
    if (sizes) {
      this.#sizes.push(sizes);
      resources.push({ buffer: sizes });
    }
    const bindGroup = device.createBindGroup({
      label: call.shader,
      layout,
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
    return { pipeline, bindGroup, grid: call.grid };
  }
}

/** To the end of the buffer: tables such as `control` are longer than the graph knows. */
function resourceOf(range: BufferRange, buffer: GPUBuffer): GPUBufferBinding {
  return { buffer, offset: range.offset * 4 };
}

function checkGrid(call: KernelCall): void {
  if (call.grid.some((n) => n < 1 || n > MAX_GROUPS)) {
    throw new LimitError(
      `Cannot dispatch ${call.shader}: grid is ${call.grid.join(' x ')}, each must be 1 to ${MAX_GROUPS}; use a smaller batch`,
    );
  }
}
