/** Reads the whole body within a bound of bytes and time, before anything looks at it. */
import type { MiddlewareHandler } from 'hono';
import { TimeLimitError, withTimeLimit } from '#shared/resilience/time-limit.ts';
import type { AppDeps, AppEnv } from '../deps.ts';
import { ProblemError } from '../problem.ts';

/**
 * @param maxBytes Largest body; a larger one is refused as soon as that is known.
 * @param maxMs Longest time for the body to arrive; a client may ask for less with
 *   `X-Deadline-Ms`, and then work whose answer would be late is not begun.
 */
export function readBody(
  clock: AppDeps['clock'],
  maxBytes: number,
  maxMs: number,
): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const { raw } = c.req;
    if (!raw.body) return await next();
    const tooLarge = new ProblemError(
      'too-large',
      `Cannot take a body of more than ${maxBytes} bytes; send less at once`,
    );
    const announced = raw.headers.get('content-length');
    if (Number(announced ?? 0) > maxBytes) throw tooLarge;
    const deadline = Number(raw.headers.get('x-deadline-ms') ?? Number.POSITIVE_INFINITY);
    const hasDeadline = deadline > 0 && deadline < maxMs;
    const limitMs = hasDeadline ? deadline : maxMs;
    const body = raw.body;
    let bytes: Uint8Array<ArrayBuffer> | null;
    try {
      bytes = await withTimeLimit(clock, limitMs, undefined, () =>
        // Chunks count for themselves, whatever else was announced. Otherwise no more than that
        // can come, and the runtime reads it in one piece.
        announced === null || raw.headers.has('transfer-encoding')
          ? collect(body, maxBytes)
          : whole(raw, maxBytes),
      );
    } catch (error) {
      if (!(error instanceof TimeLimitError)) throw error;
      throw hasDeadline
        ? new ProblemError('deadline-passed', `The deadline of ${deadline} ms passed`)
        : new ProblemError('body-timeout', `The body did not arrive within ${maxMs} ms`);
    }
    if (!bytes) throw tooLarge;
    // Where Hono looks before it reads the body; a new Request would copy the bytes once more. Its
    // types name what the promises resolve to.
    const cache = c.req.bodyCache as { text?: unknown; arrayBuffer?: unknown };
    if (/json/i.test(raw.headers.get('content-type') ?? '')) {
      cache.text = Promise.resolve(new TextDecoder().decode(bytes));
    } else cache.arrayBuffer = Promise.resolve(bytes.buffer);
    await next();
  };
}

/** @returns Null if there are more than `maxBytes`. */
async function whole(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytes = new Uint8Array(await request.arrayBuffer());
  return bytes.byteLength > maxBytes ? null : bytes;
}

/** The same for a body of unknown length: reading ends at the bound. */
async function collect(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.byteLength;
    if (length > maxBytes) return null;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
