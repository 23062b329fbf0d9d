/** The kernels of a plan as they are encoded at each run; one may take another's place between two runs. */
import { LimitError } from '../../base/errors.ts';
import { anyShape } from '../kernels/any-shape.ts';
import { loweringOf } from '../kernels/catalog.ts';
import type { BufferRange, KernelCall, LoweringContext } from '../kernels/kernel-call.ts';
import { MAX_GROUPS } from '../kernels/kernel-call.ts';
import { isShorter } from '../kernels/start-tiles.ts';
import type { Tile } from '../kernels/tiles.ts';
import type { Dispatch } from '../plan/plan.ts';
import type { CompiledKernel, PipelineCache } from './pipeline-cache.ts';
import { sizesBuffer } from './sizes-buffer.ts';
import type { Begun } from './tiered-start.ts';

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
  /** Whether to begin with kernels that are there or compile fast, where its own are not compiled. */
  tiered: boolean;
}

export class PlanKernels {
  /** Empty until `bind`. */
  readonly list: EncodedDispatch[] = [];
  /** What the plan begins with in the place of its own kernels. */
  readonly begun: readonly Begun[];
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
    this.#calls = tiered ? beginnings(options, calls) : calls;
    this.begun = calls.flatMap((own, at) => {
      const call = this.#calls[at]!;
      return call === own ? [] : [{ at, call, own }];
    });
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
      this.#calls[i] = next[n]!;
      this.list[i] = this.#encoded(next[n]!, compiled[n]!);
    });
  }

  /** Compiles the plan's own kernels of some dispatches, and puts them in their place unless closed by then. */
  async replaceBegun(begun: readonly Begun[]): Promise<void> {
    const { pipelines } = this.#options;
    const compiled = await Promise.all(begun.map(({ own }) => pipelines.get(own)));
    if (!this.#find) return;
    begun.forEach(({ at, call, own }, n) => {
      // Another tile may have taken its place meanwhile.
      if (this.#calls[at] !== call) return;
      this.#calls[at] = own;
      this.list[at] = this.#encoded(own, compiled[n]!);
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

/**
 * The calls that a plan begins with: its own where they are compiled. Else the tile that compiles fastest,
 * in a kernel for any shape where there is one; where there is none, only if that saves enough.
 */
export function beginnings(
  { context, dispatches, pipelines }: Pick<KernelsOptions, 'context' | 'dispatches' | 'pipelines'>,
  calls: readonly KernelCall[],
): KernelCall[] {
  return calls.map((own, i) => {
    if (pipelines.isReady(own)) return own;
    const { choice } = own;
    if (!choice) return anyShape(own) ?? own;
    const d = dispatches[i]!;
    const tiles = { ...context.tiles, [choice.key]: choice.start };
    const small = loweringOf(d.op)(d, { ...context, tiles });
    // Smaller tiles are more workgroups, and may be too many.
    if (small.grid.some((n) => n > MAX_GROUPS)) return anyShape(own) ?? own;
    return anyShape(small) ?? (isShorter(choice.start, choice.tile) ? small : own);
  });
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
