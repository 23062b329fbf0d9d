/** How far numbers are from what they should be. */
import type { VerificationCheck } from '../contracts/blueprint.ts';

/**
 * Largest |got - want| relative to the largest |want|; infinite where either is not finite or the
 * lengths differ.
 *
 * @param factor `want` is multiplied by it.
 */
export function relativeDeviation(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  factor = 1,
): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  // Denormal results of two engines may differ by all they are.
  let scale = 2 ** -100;
  let deviation = 0;
  for (let i = 0; i < want.length; i++) {
    scale = Math.max(scale, Math.abs(want[i]! * factor));
    const d = Math.abs(got[i]! - want[i]! * factor);
    if (!Number.isFinite(d)) return Number.POSITIVE_INFINITY;
    deviation = Math.max(deviation, d);
  }
  return deviation / scale;
}

/** A check that passes when `value` was measured, is finite and is at most `bound`. */
export function atMost(
  name: string,
  value: number | null,
  bound: number,
  detail: string,
): VerificationCheck {
  const finite = value !== null && Number.isFinite(value) ? value : null;
  return { name, passed: finite !== null && finite <= bound, value: finite, bound, detail };
}
