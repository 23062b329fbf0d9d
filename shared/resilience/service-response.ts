/** A whole answer of a service, read within a bound. */
import { ServiceError } from './service-error.ts';

export interface ServiceResponse {
  status: number;
  headers: Headers;
  bytes: Uint8Array<ArrayBuffer>;
  /** The body as UTF-8. */
  text(): string;
  /** @throws {SyntaxError} If the body is not JSON. */
  json(): unknown;
}

export interface ReadOptions {
  /** Largest body, bytes. */
  limit: number;
  /** False for HEAD, whose announced length has no body. */
  hasBody: boolean;
  service: string;
  signal: AbortSignal;
}

/**
 * Reads the body to its end.
 *
 * @throws {ServiceError} Of kind `answer`, if the body is larger; of kind `network`, if it ends
 *   before its announced length.
 */
export async function readResponse(
  response: Response,
  { limit, hasBody, service, signal }: ReadOptions,
): Promise<ServiceResponse> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  if (reader) {
    // Some runtimes leave a pending read alone when the request is aborted.
    const cancel = () => void reader.cancel(signal.reason).catch(() => undefined);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        length += value.byteLength;
        if (length > limit) {
          const message = `Cannot read the answer of ${service}: it is larger than ${limit} bytes`;
          throw new ServiceError(message, { kind: 'answer', service });
        }
        chunks.push(value);
      }
      signal.throwIfAborted();
    } finally {
      signal.removeEventListener('abort', cancel);
      reader.cancel().catch(() => undefined);
    }
  }
  const announced = response.headers.get('content-length');
  const isPlain = response.headers.get('content-encoding') === null;
  if (hasBody && announced !== null && isPlain && Number(announced) > length) {
    const message = `Cannot read the answer of ${service}: it ended after ${length} of ${announced} bytes`;
    throw new ServiceError(message, { kind: 'network', service });
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  const text = () => new TextDecoder().decode(bytes);
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    text,
    json: () => JSON.parse(text()),
  };
}

/** The error for an answer of status 400 or above; reads problem documents. */
export function statusError(
  answer: ServiceResponse,
  service: string,
  path: string,
  retryAfterMs: number | null,
): ServiceError {
  let problem: string | undefined;
  let saysRetryable: boolean | undefined;
  let detail = '';
  if ((answer.headers.get('content-type') ?? '').includes('json')) {
    try {
      const body = answer.json();
      if (typeof body === 'object' && body !== null) {
        if ('type' in body && typeof body.type === 'string') problem = body.type;
        if ('detail' in body && typeof body.detail === 'string') detail = `: ${body.detail}`;
        if ('retryable' in body && typeof body.retryable === 'boolean') {
          saysRetryable = body.retryable;
        }
      }
    } catch {
      // An error page that only claims to be JSON says no more than its status.
    }
  }
  return new ServiceError(`${service} answered ${answer.status} to ${path}${detail}`, {
    kind: 'status',
    service,
    status: answer.status,
    ...(problem === undefined ? {} : { problem }),
    ...(saysRetryable === undefined ? {} : { saysRetryable }),
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  });
}
