/** Float16 in float64: the numbers that a product's operands are rounded to. */
import { GRADIENT_SCALE, type OperandKind } from '../plan/numerics.ts';

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

/** From here on the nearest float16 is infinite: half a step above the largest, 65504. */
const OVERFLOW = 65_520;
const SMALLEST_EXPONENT = -14;
const FRACTION_BITS = 10;
/** Adding and subtracting it rounds a float64 to an integer, ties to even. */
const INTEGERS = 1.5 * 2 ** 52;

/** The nearest float16, ties to even; infinite from 65520 on, subnormal below 2^-14; zero has no sign. */
export function roundToHalf(value: number): number {
  if (Number.isNaN(value)) return value;
  if (Math.abs(value) >= OVERFLOW) return Math.sign(value) * Number.POSITIVE_INFINITY;
  float[0] = value;
  const exponent = Math.max(((bits[0]! >>> 23) & 0xff) - 127, SMALLEST_EXPONENT);
  const magic = INTEGERS * 2 ** (exponent - FRACTION_BITS);
  return value + magic - magic;
}

/** Rounds an operand of kind `kind` into `to`, which it returns. */
export function roundOperand(
  from: Float64Array,
  kind: OperandKind,
  to: Float64Array,
): Float64Array {
  const scale = kind === 'gradient' ? GRADIENT_SCALE : 1;
  for (let i = 0; i < from.length; i++) to[i] = roundToHalf(from[i]! * scale) / scale;
  return to;
}
