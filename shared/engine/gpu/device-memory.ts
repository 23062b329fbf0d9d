/** Memory of a device: buffers, what it can bind and hold, and the errors that say so. */
import { DeviceLostError, LimitError } from '../../base/errors.ts';
import type { DeviceBuffer } from '../plan/backend.ts';
import type { Plan } from '../plan/plan.ts';

export interface GpuBuffer extends DeviceBuffer {
  gpu: GPUBuffer;
}

/** How runtimes that throw at once name the loss of a device. */
export const LOST = /device (is|was) lost/i;

/** Bytes that one binding may have, and so one buffer of ours. */
export function maxBindingBytes({ limits }: GPUDevice): number {
  return Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
}

/** @throws {LimitError} If the device cannot bind that much at once. */
export function checkSize(device: GPUDevice, label: string, bytes: number): void {
  const most = maxBindingBytes(device);
  if (bytes <= most) return;
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const limit =
    maxBufferSize < maxStorageBufferBindingSize ? 'maxBufferSize' : 'maxStorageBufferBindingSize';
  throw new LimitError(
    `Cannot allocate "${label}": ${bytes} bytes is more than the adapter binds at once (${limit} is ${most}); use a smaller batch, micro-batches, fewer replicas or fewer rows`,
  );
}

/**
 * The buffers of a plan's slots, by name: all of them, or none.
 *
 * @throws {LimitError} If the device has no room for them.
 */
export async function createSlots(
  backend: { device: GPUDevice; createBuffer(label: string, elements: number): GpuBuffer },
  plan: Plan,
): Promise<Map<string, GpuBuffer>> {
  const { device } = backend;
  const slots = new Map<string, GpuBuffer>();
  const destroy = () => {
    for (const slot of slots.values()) slot.gpu.destroy();
  };
  device.pushErrorScope('out-of-memory');
  try {
    for (const slot of plan.slots) {
      slots.set(slot.name, backend.createBuffer(slotLabel(slot), slot.elements));
    }
  } catch (error) {
    destroy();
    await device.popErrorScope();
    throw error;
  }
  if (await device.popErrorScope()) {
    destroy();
    throw new LimitError(outOfMemory(`plan "${plan.name}"`, plan.memory.arenaBytes));
  }
  return slots;
}

/** Names the largest tensor of a slot, which decides its size. */
export function slotLabel(slot: Plan['slots'][number]): string {
  return `${slot.largest}" in "${slot.name}`;
}

export function lossOf(message: string): DeviceLostError {
  return new DeviceLostError(`Cannot use the GPU: the device was lost (${message})`);
}

/** @param bytes What was asked for, where it is known. */
export function outOfMemory(what: string, bytes: number | null): string {
  const size = bytes === null ? '' : ` (${Math.ceil(bytes / 2 ** 20)} MiB)`;
  return `Cannot allocate ${what}${size}: the device is out of memory; use a smaller batch, micro-batches or fewer replicas, or close what else uses the GPU`;
}
