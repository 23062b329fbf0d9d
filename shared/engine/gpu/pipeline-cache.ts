/**
 * Compute pipelines by (shader, defines, constants), each compiled once per device. Bind group
 * layouts are explicit: `layout: "auto"` drops bindings a variant does not use.
 */
import { ShaderCompileError } from '../../base/errors.ts';
import type { KernelCall } from '../kernels/kernel-call.ts';
import { linkShader } from '../kernels/shader-text.ts';
import type { KernelTally } from '../plan/backend.ts';

export interface CompiledKernel {
  pipeline: GPUComputePipeline;
  layout: GPUBindGroupLayout;
}

export class PipelineCache {
  #device: GPUDevice;
  #pipelines = new Map<string, Promise<CompiledKernel>>();
  #layouts = new Map<string, GPUBindGroupLayout>();
  hits = 0;
  misses = 0;
  /** Who compiled ahead what has not been asked for yet, by key. */
  #unused = new Map<string, KernelTally>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get(call: KernelCall): Promise<CompiledKernel> {
    const key = keyOf(call);
    const known = this.#pipelines.get(key);
    if (known) {
      this.hits++;
      const tally = this.#unused.get(key);
      if (tally) tally.used++;
      this.#unused.delete(key);
      return known;
    }
    this.misses++;
    return this.#add(key, call);
  }

  /** Whether the kernel was compiled, or is being. */
  has(call: KernelCall): boolean {
    return this.#pipelines.has(keyOf(call));
  }

  /**
   * Compiles a kernel that will be asked for later, if it is not there yet.
   *
   * @param tally Counts it, and once it is asked for.
   * @throws {ShaderCompileError} As `get` does, which then tries again.
   */
  async prepare(call: KernelCall, tally: KernelTally): Promise<void> {
    const key = keyOf(call);
    if (this.#pipelines.has(key)) return;
    tally.made++;
    this.#unused.set(key, tally);
    try {
      await this.#add(key, call);
    } catch (error) {
      tally.made--;
      this.#unused.delete(key);
      throw error;
    }
  }

  #add(key: string, call: KernelCall): Promise<CompiledKernel> {
    const compiled = this.#compile(call);
    this.#pipelines.set(key, compiled);
    compiled.catch(() => this.#pipelines.delete(key));
    return compiled;
  }

  #layout(call: KernelCall): GPUBindGroupLayout {
    const types: GPUBufferBindingType[] = [
      ...call.bindings.map((b) => (b.access === 'read' ? 'read-only-storage' : 'storage')),
      ...(call.sizes ? ['uniform' as const] : []),
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

  async #compile(call: KernelCall): Promise<CompiledKernel> {
    const file = `${call.shader}.wgsl`;
    const linked = linkShader(call);
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
        compute: { module, entryPoint: call.shader, constants: call.constants },
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

function keyOf({ constants, defines, shader }: KernelCall): string {
  return JSON.stringify([shader, defines, constants]);
}
