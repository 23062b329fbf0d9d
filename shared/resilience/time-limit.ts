/** Ends work that takes too long, even work that ignores its signal. */
import type { Timer } from './timer.ts';

/** The time given to `withTimeLimit` ran out. */
export class TimeLimitError extends Error {
  override name = 'TimeLimitError';
}

/**
 * Runs `work` for at most `ms`. Its signal aborts at the limit or with `outer`; the returned
 * promise settles then, whether or not `work` reacts.
 *
 * @throws {TimeLimitError} At the limit.
 * @throws The reason of `outer`, if it aborts first.
 */
export async function withTimeLimit<T>(
  timer: Pick<Timer, 'sleep'>,
  ms: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer?.throwIfAborted();
  const inner = new AbortController();
  const cleanUp = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    inner.signal.addEventListener('abort', () => reject(inner.signal.reason), { once: true });
  });
  const onOuter = () => inner.abort(outer?.reason);
  outer?.addEventListener('abort', onOuter, { once: true });
  timer.sleep(ms, cleanUp.signal).then(
    () => inner.abort(new TimeLimitError(`no answer within ${Math.round(ms)} ms`)),
    // The sleep was cancelled because the work ended.
    () => undefined,
  );
  try {
    return await Promise.race([work(inner.signal), aborted]);
  } finally {
    cleanUp.abort();
    outer?.removeEventListener('abort', onOuter);
    // Ends what the work may have left running, such as a body nobody reads any more.
    aborted.catch(() => undefined);
    inner.abort();
  }
}
