/**
 * `Idempotency-Key`: a POST that is repeated under its key gets the answer of the first time. The
 * same key with another body is refused, and so is a repeat while the first is still worked on.
 */
import { canonicalJson, sha256Hex } from '#shared/base/canonical.ts';
import { IdempotencyKey } from '#shared/contracts/api-decisions.ts';
import type { AppDeps } from './deps.ts';
import { ProblemError } from './problem.ts';

/** Age at which a request that never finished is given up: its server was killed. */
const STALE_MS = 30_000;

/**
 * @param header Value of `Idempotency-Key`; without one the work is simply done.
 * @param body What the key stands for.
 * @param work Gives the answer, which must be plain data.
 */
export async function once<T>(
  { meta, clock }: Pick<AppDeps, 'meta' | 'clock'>,
  header: string | undefined,
  body: unknown,
  work: () => Promise<T>,
): Promise<{ answer: T; isRepeat: boolean }> {
  if (header === undefined) return { answer: await work(), isRepeat: false };
  const key = IdempotencyKey.safeParse(header);
  if (!key.success) {
    const detail = key.error.issues[0]?.message ?? 'is invalid';
    throw new ProblemError('bad-request', `Cannot take the Idempotency-Key: it ${detail}`);
  }
  const digest = await sha256Hex(canonicalJson(body));
  const found = await meta.keys.begin(key.data, digest, clock.wallTime(), STALE_MS);
  if (found.state === 'done') return { answer: JSON.parse(found.answer) as T, isRepeat: true };
  if (found.state === 'in-flight') {
    const detail = `The request with Idempotency-Key "${key.data}" is being worked on`;
    throw new ProblemError('in-flight', detail, { retryAfterMs: 500 });
  }
  if (found.state === 'mismatch') {
    const detail = `Idempotency-Key "${key.data}" belongs to a request with another body`;
    throw new ProblemError('key-reused', detail);
  }
  try {
    const answer = await work();
    await meta.keys.finish(key.data, JSON.stringify(answer));
    return { answer, isRepeat: false };
  } catch (error) {
    await meta.keys.abandon(key.data).catch(() => undefined);
    throw error;
  }
}
