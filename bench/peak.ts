/** The adapter's measured peak of float32 multiply-adds: the limit that kernels are held against. */
import type { GpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import source from './fma_peak.wgsl' with { type: 'text' };

const WORKGROUPS = 128;
const SIZE = 64;
const ROUNDS = 512;
/** Eight vec4s, a multiplication and an addition each. */
const FLOPS = WORKGROUPS * SIZE * ROUNDS * 8 * 4 * 2;

/** A function that measures GFLOP/s once; the best of several calls is the peak. */
export async function openPeak(backend: GpuBackend): Promise<() => Promise<number>> {
  const { device } = backend;
  const pipeline = await device.createComputePipelineAsync({
    label: 'fma_peak',
    layout: 'auto',
    compute: {
      module: device.createShaderModule({ label: 'fma_peak', code: source }),
      entryPoint: 'fma_peak',
      constants: { ROUNDS },
    },
  });
  const buffer = device.createBuffer({
    label: 'fma_peak',
    size: WORKGROUPS * SIZE * 4,
    usage: GPUBufferUsage.STORAGE,
  });
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer } }],
  });
  const once = async (dispatches: number): Promise<number> => {
    const start = performance.now();
    const encoder = device.createCommandEncoder({ label: 'fma_peak' });
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    for (let i = 0; i < dispatches; i++) pass.dispatchWorkgroups(WORKGROUPS);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await backend.idle();
    return performance.now() - start;
  };
  await once(1);
  return async () => {
    const floor = await once(0);
    // Enough work that the wait, taken off, does not matter.
    let dispatches = 4;
    let elapsed = await once(dispatches);
    while (elapsed < 4 * floor + 40 && dispatches < 4096) {
      dispatches *= 4;
      elapsed = await once(dispatches);
    }
    return (FLOPS * dispatches) / ((elapsed - floor) * 1e6);
  };
}
