/**
 * Times of compute passes by the device's own clock. Costs nothing unless it is used, and changes no
 * bit: the same dispatches run, only cut into passes. Some browsers round the clock to 0.1 ms.
 */
import type { Readback } from './readback.ts';

/** WebGPU's largest query set. */
const MAX_QUERIES = 4096;

export class Timestamps {
  /** Passes that one read can time. */
  static readonly capacity = MAX_QUERIES / 2;
  #set: GPUQuerySet;
  #resolved: GPUBuffer;
  #readback: Readback;

  private constructor(device: GPUDevice, readback: Readback) {
    this.#set = device.createQuerySet({ label: 'passes', type: 'timestamp', count: MAX_QUERIES });
    this.#resolved = device.createBuffer({
      label: 'timestamps',
      size: MAX_QUERIES * 8,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    this.#readback = readback;
  }

  /** Null where the device has no clock. */
  static open(device: GPUDevice, readback: Readback): Timestamps | null {
    return device.features.has('timestamp-query') ? new Timestamps(device, readback) : null;
  }

  /** What to begin pass `index` with. */
  pass(index: number): GPUComputePassDescriptor {
    return {
      timestampWrites: {
        querySet: this.#set,
        beginningOfPassWriteIndex: 2 * index,
        endOfPassWriteIndex: 2 * index + 1,
      },
    };
  }

  /** To be encoded behind the last of `passes` passes. */
  resolve(encoder: GPUCommandEncoder, passes: number): void {
    encoder.resolveQuerySet(this.#set, 0, 2 * passes, this.#resolved, 0);
  }

  /** Milliseconds of each pass, after its encoder was submitted; null where the clock ran backwards. */
  async read(passes: number): Promise<(number | null)[]> {
    const range = { buffer: this.#resolved, offset: 0, size: passes * 16 };
    const [bytes] = await this.#readback.read([range]);
    const ticks = new BigUint64Array(bytes!);
    return Array.from({ length: passes }, (_, i) => {
      const [begin, end] = [ticks[2 * i]!, ticks[2 * i + 1]!];
      return end >= begin ? Number(end - begin) / 1e6 : null;
    });
  }

  dispose(): void {
    this.#set.destroy();
    this.#resolved.destroy();
  }
}
