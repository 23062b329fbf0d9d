/** A part of a dataset in device memory: rows padded like activations, labels as u32. */
import type { DataPart } from '../data/dataset.ts';
import type { Backend, DeviceBuffer } from '../engine/plan/backend.ts';
import { pack, padLast } from '../engine/plan/shape.ts';

export interface DeviceData {
  x: DeviceBuffer;
  y: DeviceBuffer;
  size: number;
}

/** @param input Feature axes of one row. */
export function uploadData(
  backend: Backend,
  name: string,
  part: DataPart,
  input: readonly number[],
): DeviceData {
  const shape = [part.size, ...input];
  const rows = pack(part.x, shape, padLast(shape, 1));
  const x = backend.createBuffer(`${name}_x`, rows.length);
  const y = backend.createBuffer(`${name}_y`, Math.max(4, part.size));
  backend.writeFloats(x, rows);
  backend.writeWords(y, part.y);
  return { x, y, size: part.size };
}

export function freeData(backend: Backend, data: DeviceData): void {
  backend.destroyBuffer(data.x);
  backend.destroyBuffer(data.y);
}
