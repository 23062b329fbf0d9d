/** Wall time that does not jump: read once, then carried on by the monotonic clock. */
import type { Clock } from '#shared/platform/platform.ts';

/**
 * Milliseconds since 1970 for leases. Setting the clock of the machine moves nothing while the
 * server runs.
 */
export function steadyClock(clock: Pick<Clock, 'now' | 'wallTime'>): () => number {
  const offset = clock.wallTime() - clock.now();
  return () => Math.round(offset + clock.now());
}
