/** What has to happen even if nobody asks: lost jobs go back, old keys and uploads go. */
import { UPLOAD_TTL_MS } from '#shared/contracts/api-uploads.ts';
import type { AppDeps } from './deps.ts';
import { PieceStore } from './urza/piece-store.ts';

/** Milliseconds between two looks for jobs whose lease ran out. */
const JOBS_MS = 1000;
/** Looks between two searches for what is old. */
const RARELY = 600;
/** Time an idempotency key is remembered. */
const KEY_TTL_MS = 24 * 3_600_000;

/** Runs until `signal` aborts; a failure is logged and tried again. */
export async function keepHouse(deps: AppDeps, signal: AbortSignal): Promise<void> {
  const { clock, jobs, meta, metrics, pieces, log } = deps;
  const store = new PieceStore(pieces);
  for (let look = 0; !signal.aborted; look++) {
    try {
      const moved = await jobs.sweep();
      if (moved > 0) {
        metrics.jobs.inc({ event: 'swept' }, moved);
        log.warn('workers went away', { jobs: moved });
      }
      for (const [state, count] of Object.entries(await jobs.counts())) {
        metrics.queue.set({ state }, count);
      }
      if (look % RARELY === 0) {
        await meta.keys.sweep(clock.wallTime() - KEY_TTL_MS);
        await store.sweep(clock.wallTime() - UPLOAD_TTL_MS);
      }
    } catch (error) {
      if (!signal.aborted) log.warn('housekeeping failed', { error });
    }
    await clock.sleep(JOBS_MS, signal).catch(() => undefined);
  }
}
