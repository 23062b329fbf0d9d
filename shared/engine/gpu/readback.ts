/**
 * The only place where the CPU waits for the GPU's data: every synchronisation has this address.
 *
 * A ring of staging buffers is kept and reused; each read copies all its ranges into one of them,
 * so that many small reads cost one synchronisation (in Deno a single one costs about 10 ms).
 */
import { DeviceLostError } from '../../base/errors.ts';

export interface ReadRange {
  buffer: GPUBuffer;
  /** Bytes; multiples of four. */
  offset: number;
  size: number;
}

export class Readback {
  #device: GPUDevice;
  #free: GPUBuffer[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Bytes of each range, after everything submitted before has run. */
  async read(ranges: readonly ReadRange[]): Promise<ArrayBuffer[]> {
    const total = ranges.reduce((sum, r) => sum + r.size, 0);
    if (total === 0) return ranges.map(() => new ArrayBuffer(0));
    const staging = this.#take(total);
    const encoder = this.#device.createCommandEncoder({ label: 'readback' });
    let at = 0;
    for (const r of ranges) {
      encoder.copyBufferToBuffer(r.buffer, r.offset, staging, at, r.size);
      at += r.size;
    }
    this.#device.queue.submit([encoder.finish()]);
    try {
      await staging.mapAsync(GPUMapMode.READ, 0, total);
    } catch (error) {
      throw new DeviceLostError(`Cannot read from the GPU: ${(error as Error).message}`);
    }
    const all = staging.getMappedRange(0, total);
    at = 0;
    const out = ranges.map((r) => {
      const bytes = all.slice(at, at + r.size);
      at += r.size;
      return bytes;
    });
    staging.unmap();
    this.#free.push(staging);
    return out;
  }

  #take(bytes: number): GPUBuffer {
    const index = this.#free.findIndex((b) => b.size >= bytes);
    if (index >= 0) return this.#free.splice(index, 1)[0]!;
    // Powers of two keep the ring small while reads differ in size.
    let size = 4096;
    while (size < bytes) size *= 2;
    return this.#device.createBuffer({
      label: 'staging',
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }

  dispose(): void {
    for (const b of this.#free) b.destroy();
    this.#free = [];
  }
}
