/** The uniform buffer of a kernel call that reads its sizes instead of having them as constants. */
import type { KernelCall } from '../kernels/kernel-call.ts';
import { sizesOf } from './kernel-source.ts';

/** Made with its words in it: nothing is written later. Null: the call has only constants. */
export function sizesBuffer(device: GPUDevice, call: KernelCall): GPUBuffer | null {
  const sizes = sizesOf(call);
  if (!sizes) return null;
  const buffer = device.createBuffer({
    label: `sizes of ${call.shader}`,
    // Whole vec4s: some drivers read a uniform buffer no other way.
    size: Math.ceil(sizes.length / 4) * 16,
    usage: GPUBufferUsage.UNIFORM,
    mappedAtCreation: true,
  });
  new Uint32Array(buffer.getMappedRange()).set(sizes);
  buffer.unmap();
  return buffer;
}
