/**
 * Weights out of a safetensors file that another program wrote: all of the format's float types as
 * float32. Whole numbers are read too (PyTorch's batch norms count their batches), rounded to float32.
 */
import { readTensors } from './safetensors.ts';

/** @throws {CorruptDataError} Naming `source`, the tensor and what is wrong. */
export function readWeights(bytes: Uint8Array, source: string) {
  return readTensors(bytes, source, DECODERS).tensors;
}

type Decode = (view: DataView, at: number) => number;

/** Bytes of a number and how it is read, by the format's names. */
const DECODERS: Readonly<Record<string, readonly [bytes: number, decode: Decode]>> = {
  F64: [8, (v, at) => v.getFloat64(at, true)],
  F32: [4, (v, at) => v.getFloat32(at, true)],
  F16: [2, (v, at) => half(v.getUint16(at, true))],
  BF16: [2, (v, at) => float32(v.getUint16(at, true) << 16)],
  I64: [8, (v, at) => Number(v.getBigInt64(at, true))],
  I32: [4, (v, at) => v.getInt32(at, true)],
};

const scratch = new DataView(new ArrayBuffer(4));

function float32(bits: number): number {
  scratch.setInt32(0, bits);
  return scratch.getFloat32(0);
}

/** A number of five bits exponent and ten bits fraction. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
