/** One attempt of a call on the wire. */
import { retryAfterMs } from './backoff.ts';
import type { ServiceClientOptions, ServiceRequest } from './service-client-options.ts';
import { readResponse, type ServiceResponse, statusError } from './service-response.ts';

const MAX_BODY_BYTES = 64 * 2 ** 20;

/** What all calls of a client share. */
export interface RequestContext {
  service: string;
  baseUrl: URL;
  fetch: typeof globalThis.fetch;
  options: Pick<ServiceClientOptions, 'token' | 'maxBodyBytes'>;
  /** Run the call is made for; null: none. */
  runId: string | null;
}

/**
 * @param leftMs Milliseconds until the call's deadline.
 * @returns The whole answer, status below 400.
 * @throws {ServiceError} For another answer; whatever fetch throws where there is none.
 */
export async function sendRequest(
  { service, baseUrl, fetch, options, runId }: RequestContext,
  path: string,
  request: ServiceRequest,
  leftMs: number,
  signal: AbortSignal,
): Promise<ServiceResponse> {
  const { body } = request;
  const { token: given } = options;
  const token = typeof given === 'function' ? given() : given;
  const isBytes = body instanceof Uint8Array || body instanceof ArrayBuffer;
  const headers: Record<string, string> = {
    // The server refuses work whose answer would come too late.
    'x-deadline-ms': String(Math.max(1, Math.floor(leftMs))),
    ...(runId === null ? {} : { 'x-run-id': runId }),
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...(body === undefined
      ? {}
      : { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' }),
    ...request.headers,
  };
  const response = await fetch(new URL(path, baseUrl), {
    method: request.method ?? 'GET',
    headers,
    signal,
    redirect: 'follow',
    ...(body === undefined
      ? {}
      : { body: isBytes ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
  });
  const limit = options.maxBodyBytes ?? MAX_BODY_BYTES;
  const hasBody = request.method !== 'HEAD';
  const answer = await readResponse(response, { limit, hasBody, service, signal });
  if (answer.status < 400) return answer;
  const wait = retryAfterMs(answer.headers.get('retry-after'), Date.now());
  throw statusError(answer, service, path, wait);
}
