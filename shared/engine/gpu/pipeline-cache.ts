/**
 * Compute pipelines by (shader, defines, constants), each compiled once per device. Bind group
 * layouts are explicit: `layout: "auto"` drops bindings a variant does not use.
 */
import { ShaderCompileError } from '../../base/errors.ts';
import type { KernelCall } from '../kernels/kernel-call.ts';
import { linkShader } from '../kernels/shader-text.ts';

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

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get(call: KernelCall): Promise<CompiledKernel> {
    const key = JSON.stringify([call.shader, call.defines, call.constants]);
    const known = this.#pipelines.get(key);
    if (known) {
      this.hits++;
      return known;
    }
    this.misses++;
    const compiled = this.#compile(call);
    this.#pipelines.set(key, compiled);
    compiled.catch(() => this.#pipelines.delete(key));
    return compiled;
  }

  #layout(call: KernelCall): GPUBindGroupLayout {
    const key = call.bindings.map((b) => (b.access === 'read' ? 'r' : 'w')).join('');
    let layout = this.#layouts.get(key);
    if (!layout) {
      layout = this.#device.createBindGroupLayout({
        label: key,
        entries: call.bindings.map((b, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: b.access === 'read' ? 'read-only-storage' : 'storage' },
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
