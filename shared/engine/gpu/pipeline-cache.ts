/**
 * Compute pipelines by (shader, defines, constants), each compiled once per device; those for any shape
 * serve all calls that differ in sizes alone. Bind group
 * layouts are explicit: `layout: "auto"` drops bindings a variant does not use.
 */
import { ShaderCompileError } from '../../base/errors.ts';
import type { KernelCall } from '../kernels/kernel-call.ts';
import type { KernelTally } from '../plan/backend.ts';
import { type KernelSource, sizesOf, sourceOf } from './kernel-source.ts';

export interface CompiledKernel {
  pipeline: GPUComputePipeline;
  layout: GPUBindGroupLayout;
}

export class PipelineCache {
  #device: GPUDevice;
  #pipelines = new Map<string, Promise<CompiledKernel>>();
  #layouts = new Map<string, GPUBindGroupLayout>();
  /** Those that are compiled. */
  #ready = new Set<string>();
  #pinned = new Set<string>();
  hits = 0;
  misses = 0;
  /** Who compiled ahead what has not been asked for yet, by key. */
  #unused = new Map<string, KernelTally>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get(call: KernelCall): Promise<CompiledKernel> {
    const source = sourceOf(call);
    const { key } = source;
    const known = this.#pipelines.get(key);
    if (known) {
      this.hits++;
      const tally = this.#unused.get(key);
      if (tally) tally.used++;
      this.#unused.delete(key);
      return known;
    }
    this.misses++;
    return this.#add(source, call);
  }

  /** Whether the kernel was compiled, or is being. */
  has(call: KernelCall): boolean {
    return this.#pipelines.has(sourceOf(call).key);
  }

  /** Whether `get` need not wait, and the kernel may take another's place within a run. */
  isReady(call: KernelCall): boolean {
    return !this.#pinned.has(call.shader) && this.#ready.has(sourceOf(call).key);
  }

  /** From now on plans keep what they begin with for this shader: others give other bits here. */
  pin(shader: string): void {
    this.#pinned.add(shader);
  }

  isPinned(shader: string): boolean {
    return this.#pinned.has(shader);
  }

  /**
   * Compiles a kernel that will be asked for later, if it is not there yet.
   *
   * @param tally Counts it, and once it is asked for.
   * @throws {ShaderCompileError} As `get` does, which then tries again.
   */
  async prepare(call: KernelCall, tally: KernelTally): Promise<void> {
    const source = sourceOf(call);
    const { key } = source;
    if (this.#pipelines.has(key)) return;
    tally.made++;
    this.#unused.set(key, tally);
    try {
      await this.#add(source, call);
    } catch (error) {
      tally.made--;
      this.#unused.delete(key);
      throw error;
    }
  }

  #add(source: KernelSource, call: KernelCall): Promise<CompiledKernel> {
    const { key } = source;
    const compiled = this.#compile(source, call);
    this.#pipelines.set(key, compiled);
    compiled.then(
      () => this.#ready.add(key),
      () => this.#pipelines.delete(key),
    );
    return compiled;
  }

  #layout(call: KernelCall): GPUBindGroupLayout {
    const types: GPUBufferBindingType[] = [
      ...call.bindings.map((b) => (b.access === 'read' ? 'read-only-storage' : 'storage')),
      ...(sizesOf(call) ? ['uniform' as const] : []),
    ];
    const key = types.join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      layout = this.#device.createBindGroupLayout({
        label: key,
        entries: types.map((type, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type },
        })),
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  async #compile({ constants, text }: KernelSource, call: KernelCall): Promise<CompiledKernel> {
    const file = `${call.shader}.wgsl`;
    const linked = text();
    const layout = this.#layout(call);
    this.#device.pushErrorScope('validation');
    const module = this.#device.createShaderModule({ label: call.shader, code: linked.code });
    const scope = this.#device.popErrorScope();
    let failure: string | null = null;
    let pipeline: GPUComputePipeline | null = null;
    try {
      pipeline = await this.#device.createComputePipelineAsync({
        label: call.shader,
        layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: call.shader, constants },
      });
    } catch (error) {
      failure = (error as Error).message;
    }
    const scoped = await scope;
    if (pipeline && !scoped) return { pipeline, layout };
    const info = await module.getCompilationInfo();
    const first = info.messages.find((m) => m.type === 'error');
    const origin = first ? linked.origins[first.lineNum - 1] : undefined;
    const where = origin ? `${origin.file}:${origin.line}` : file;
    throw new ShaderCompileError(
      `Cannot compile shader ${where}: ${first?.message ?? scoped?.message ?? failure ?? 'unknown reason'}`,
    );
  }
}
