/**
 * A part of a dataset in device memory: rows padded like activations, labels as u32. Rows that one
 * binding cannot hold lie in several buffers; which, does not change a bit of a batch.
 */
import { LimitError } from '../base/errors.ts';
import type { DataPart } from '../data/dataset.ts';
import type { Backend, DeviceBuffer } from '../engine/plan/backend.ts';
import { numel, pack, padLast } from '../engine/plan/shape.ts';

export interface DeviceData {
  /** The first rows; all of them where they fit. */
  x: DeviceBuffer;
  y: DeviceBuffer;
  size: number;
  /** How the rows lie, for the graph that gathers batches. */
  rows: { size: number; partRows: number };
  /** By the names of the graph's external tensors. */
  buffers: Record<string, DeviceBuffer>;
}

/**
 * @param input Feature axes of one row.
 * @throws {LimitError} If a single row is larger than a binding.
 */
export function uploadData(
  backend: Backend,
  name: string,
  part: DataPart,
  input: readonly number[],
): DeviceData {
  const features = numel(input);
  const partRows = rowsOfPart(backend, name, part, input);
  const buffers: Record<string, DeviceBuffer> = {};
  for (let first = 0, k = 0; first < part.size; first += partRows, k++) {
    const size = Math.min(partRows, part.size - first);
    const shape = [size, ...input];
    const values = part.x.subarray(first * features, (first + size) * features);
    const rows = pack(values, shape, padLast(shape, 1));
    const suffix = k === 0 ? '' : `.${k}`;
    const buffer = backend.createBuffer(`${name}_x${suffix}`, rows.length);
    backend.writeFloats(buffer, rows);
    buffers[`dataset_x${suffix}`] = buffer;
  }
  const y = backend.createBuffer(`${name}_y`, Math.max(4, part.size));
  backend.writeWords(y, part.y);
  buffers['dataset_y'] = y;
  const { size } = part;
  return { x: buffers['dataset_x']!, y, size, rows: { size, partRows }, buffers };
}

/** The same with nothing in the buffers, for plans that are never run. */
export function sketchData(
  backend: Backend,
  name: string,
  part: DataPart,
  input: readonly number[],
): DeviceData {
  const { size } = part;
  const none = backend.createBuffer(name, 0);
  const rows = { size, partRows: rowsOfPart(backend, name, part, input) };
  return { x: none, y: none, size, rows, buffers: {} };
}

/** Rows that one buffer holds. */
function rowsOfPart(
  backend: Backend,
  name: string,
  { size }: DataPart,
  input: readonly number[],
): number {
  const stored = numel(padLast(input, 1));
  const rows = Math.min(size, Math.floor(backend.maxBindingBytes / 4 / stored));
  if (rows >= 1) return rows;
  throw new LimitError(
    `Cannot upload "${name}": one row of ${stored} numbers is more than the adapter binds at once (${backend.maxBindingBytes} bytes)`,
  );
}

/** Whether every feature on the device is a number. Reads all rows back: for faults only. */
export async function isDataFinite(
  backend: Backend,
  { buffers, rows: { partRows, size } }: DeviceData,
  input: readonly number[],
): Promise<boolean> {
  const parts = Object.entries(buffers).filter(([name]) => name.startsWith('dataset_x'));
  for (const [k, [, buffer]] of parts.entries()) {
    const count = Math.min(partRows, size - k * partRows);
    const values = await backend.readFloats(buffer, 0, numel(padLast([count, ...input], 1)));
    if (!values.every(Number.isFinite)) return false;
  }
  return true;
}

export function freeData(backend: Backend, data: DeviceData): void {
  for (const buffer of Object.values(data.buffers)) backend.destroyBuffer(buffer);
}
