/** How long to wait between two attempts. */

/**
 * Decorrelated jitter: uniform in [base, 3 * previous], capped.
 *
 * Source: Brooker 2015, "Exponential Backoff And Jitter", AWS Architecture Blog.
 *
 * @param previousMs Wait before the last attempt; 0 before the first retry.
 * @param random Uniform in [0, 1).
 */
export function nextDelayMs(
  previousMs: number,
  baseMs: number,
  capMs: number,
  random: () => number,
): number {
  const high = Math.max(baseMs, previousMs * 3);
  return Math.min(capMs, baseMs + random() * (high - baseMs));
}

/**
 * Milliseconds a `Retry-After` header asks for: seconds, or a date.
 *
 * @param wallTime Milliseconds since 1970.
 * @returns Null without the header, or where it cannot be read.
 */
export function retryAfterMs(header: string | null, wallTime: number): number | null {
  if (header === null || header.trim() === '') return null;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, date - wallTime);
}
