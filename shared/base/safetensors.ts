/**
 * The safetensors format: a JSON header with names, shapes and byte ranges, then the data.
 * float32 only, unless a reader brings decoders of other types. Reading enforces the format's rules, since files come from outside.
 *
 * Source: https://github.com/huggingface/safetensors, "Format".
 */
import { CorruptDataError } from './errors.ts';

/** Largest header the format allows. */
const MAX_HEADER_BYTES = 100_000_000;

export interface SafetensorsFile {
  tensors: Map<string, { shape: number[]; data: Float32Array<ArrayBuffer> }>;
  metadata: Record<string, string>;
}

/** Tensors are written in name order, so that equal contents give equal bytes. */
export function writeSafetensors({ tensors, metadata }: SafetensorsFile): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header['__metadata__'] = metadata;
  const names = [...tensors.keys()].sort();
  let offset = 0;
  for (const name of names) {
    const { shape, data } = tensors.get(name)!;
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  let json = JSON.stringify(header);
  const encoder = new TextEncoder();
  // Padded with spaces so that the data are aligned.
  json += ' '.repeat((8 - (encoder.encode(json).length % 8)) % 8);
  const head = encoder.encode(json);
  const out = new Uint8Array(8 + head.length + offset);
  new DataView(out.buffer).setBigUint64(0, BigInt(head.length), true);
  out.set(head, 8);
  let at = 8 + head.length;
  for (const name of names) {
    const { data } = tensors.get(name)!;
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return out;
}

/** Bytes of a number and how it is read. */
export type TensorDecoder = readonly [bytes: number, decode: (v: DataView, at: number) => number];

/** @throws {CorruptDataError} Naming `source` and what is wrong. */
export function readSafetensors(bytes: Uint8Array, source: string): SafetensorsFile {
  return readTensors(bytes, source, { F32: [4, (v, at) => v.getFloat32(at, true)] });
}

/**
 * As {@link readSafetensors}, for other types of number too.
 *
 * @param decoders By the format's names of types.
 */
export function readTensors(
  bytes: Uint8Array,
  source: string,
  decoders: Readonly<Record<string, TensorDecoder>>,
): SafetensorsFile {
  const bad = (reason: string): never => {
    throw new CorruptDataError(`Cannot read "${source}" as safetensors: ${reason}`);
  };
  if (bytes.length < 8) bad(`it has ${bytes.length} bytes, at least 8 are needed`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  if (headerBytes > MAX_HEADER_BYTES || 8 + headerBytes > bytes.length) {
    bad(`its header claims ${headerBytes} bytes, the file has ${bytes.length}`);
  }
  let header: Record<string, unknown> = {};
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes)));
  } catch {
    bad('its header is not JSON');
  }
  if (!isRecord(header)) bad('its header is no object');
  const dataBytes = bytes.length - 8 - headerBytes;
  const tensors: SafetensorsFile['tensors'] = new Map();
  let metadata: Record<string, string> = {};
  const ranges: [number, number][] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (!isRecord(entry)) bad(`its entry "${name}" is no object`);
    if (name === '__metadata__') {
      metadata = entry as Record<string, string>;
      continue;
    }
    const {
      dtype,
      shape,
      data_offsets: offsets,
    } = entry as {
      dtype?: unknown;
      shape?: unknown;
      data_offsets?: unknown;
    };
    const decoder = Object.hasOwn(decoders, String(dtype)) ? decoders[String(dtype)] : undefined;
    const types = Object.keys(decoders).join(', ');
    if (!decoder) bad(`tensor "${name}" is ${String(dtype)}, must be ${types}`);
    const [size, decode] = decoder!;
    const isCount = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 0;
    if (!Array.isArray(shape) || !shape.every(isCount)) bad(`tensor "${name}" has no shape`);
    if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
      bad(`tensor "${name}" has no data offsets`);
    }
    const [from, to] = offsets as [number, number];
    if (to > dataBytes || to - from !== elements(shape as number[]) * size) {
      bad(`tensor "${name}" claims bytes ${from} to ${to} of ${dataBytes}`);
    }
    ranges.push([from, to]);
    const start = 8 + headerBytes + from;
    // A copy of the bits where no number changes: a NaN keeps its payload.
    const data =
      dtype === 'F32'
        ? new Float32Array(bytes.slice(start, start + to - from).buffer)
        : Float32Array.from({ length: (to - from) / size }, (_, i) =>
            decode(view, start + i * size),
          );
    tensors.set(name, { shape: shape as number[], data });
  }
  ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let covered = 0;
  for (const [from, to] of ranges) {
    if (from !== covered)
      bad(`its tensors do not cover the data: gap or overlap at byte ${covered}`);
    covered = to;
  }
  if (covered !== dataBytes) bad(`its tensors cover ${covered} of ${dataBytes} bytes`);
  return { tensors, metadata };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
