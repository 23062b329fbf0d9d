/** Every error leaves the server as an RFC 9457 problem document; none carries a stack or SQL. */
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { CorruptDataError, InputError, StorageFullError } from '#shared/base/errors.ts';
import type { Problem } from '#shared/contracts/api.ts';
import type { AppEnv } from './deps.ts';
import { DigestMismatchError, UnavailableError } from './storage/ports.ts';

interface ProblemKind {
  status: ContentfulStatusCode;
  title: string;
  retryable: boolean;
}

const PROBLEMS = {
  'bad-request': { status: 400, title: 'The request cannot be read', retryable: false },
  'bad-cursor': { status: 400, title: 'The cursor is not one of this list', retryable: false },
  unauthorized: { status: 401, title: 'A bearer token is needed', retryable: false },
  forbidden: { status: 403, title: 'The request is not allowed', retryable: false },
  'not-found': { status: 404, title: 'There is no such thing', retryable: false },
  'body-timeout': { status: 408, title: 'The body came too slowly', retryable: true },
  conflict: { status: 409, title: 'The id names something else', retryable: false },
  'event-gap': { status: 409, title: 'Events are missing', retryable: false },
  'event-conflict': {
    status: 409,
    title: 'An event differs from the one stored',
    retryable: false,
  },
  'in-flight': { status: 409, title: 'The same request is being worked on', retryable: true },
  'lease-lost': { status: 409, title: 'The lease ran out', retryable: false },
  'not-validated': { status: 409, title: 'The kernel was rejected', retryable: false },
  revoked: { status: 410, title: 'The kernel was withdrawn', retryable: false },
  'precondition-failed': { status: 412, title: 'Somebody else changed it first', retryable: false },
  'too-large': { status: 413, title: 'The body is too large', retryable: false },
  'unsupported-media-type': { status: 415, title: 'The media type is not taken', retryable: false },
  'range-mismatch': { status: 416, title: 'The piece does not fit', retryable: false },
  validation: { status: 422, title: 'The input breaks the contract', retryable: false },
  'digest-mismatch': { status: 422, title: 'The bytes have another digest', retryable: true },
  'blob-unknown': { status: 422, title: 'A blob it names is not stored', retryable: false },
  'key-reused': { status: 422, title: 'The key belongs to another request', retryable: false },
  'unsafe-shader': { status: 422, title: 'The shader is not safe to run', retryable: false },
  'precondition-required': { status: 428, title: 'If-Match is needed', retryable: false },
  'rate-limited': { status: 429, title: 'Too many requests', retryable: true },
  internal: { status: 500, title: 'The server failed', retryable: true },
  'artifact-corrupt': { status: 500, title: 'The stored bytes are corrupt', retryable: false },
  unavailable: { status: 503, title: 'A service it needs does not answer', retryable: true },
  busy: { status: 503, title: 'The server is busy', retryable: true },
  draining: { status: 503, title: 'The server is stopping', retryable: true },
  'deadline-passed': { status: 504, title: 'The answer would be too late', retryable: true },
  'storage-full': { status: 507, title: 'The storage is full', retryable: true },
} satisfies Record<string, ProblemKind>;

export type ProblemName = keyof typeof PROBLEMS;

export interface ProblemDetails {
  errors?: { pointer: string; detail: string }[];
  retryAfterMs?: number;
  headers?: Record<string, string>;
  /** Further members of the document. */
  extra?: Record<string, unknown>;
}

/** Thrown by handlers; `handleError` turns it into the answer. */
export class ProblemError extends Error {
  override name = 'ProblemError';
  readonly problem: ProblemName;
  readonly details: ProblemDetails;

  constructor(problem: ProblemName, detail: string, details: ProblemDetails = {}) {
    super(detail);
    this.problem = problem;
    this.details = details;
  }
}

/** A 404 for a thing of that kind. */
export function notFound(kind: string, id: string): ProblemError {
  return new ProblemError('not-found', `There is no ${kind} "${id}"`);
}

/** The answer for anything thrown; what nobody expected is logged and not shown. */
export function handleError(error: unknown, c: Context<AppEnv>): Response {
  const known = asProblem(error);
  if (error instanceof UnavailableError) c.var.log.warn('service unavailable', { error });
  if (known) return problemResponse(c, known);
  c.var.log.error('request failed', { error });
  return problemResponse(
    c,
    new ProblemError('internal', 'The server failed; its log names the request id'),
  );
}

function asProblem(error: unknown): ProblemError | null {
  if (error instanceof ProblemError) return error;
  if (error instanceof DigestMismatchError) {
    return new ProblemError('digest-mismatch', error.message);
  }
  if (error instanceof CorruptDataError) return new ProblemError('artifact-corrupt', error.message);
  if (error instanceof StorageFullError) {
    // The path in the message is the operator's business.
    return new ProblemError('storage-full', 'Cannot store more: the disk of the server is full');
  }
  if (error instanceof UnavailableError) {
    const detail = 'Cannot do that now: a service the server needs does not answer';
    return new ProblemError('unavailable', detail, { retryAfterMs: 1000 });
  }
  if (error instanceof InputError) return new ProblemError('validation', error.message);
  // A body is parsed at any depth, but written again only as deep as the stack is.
  if (error instanceof RangeError && /call stack/i.test(error.message)) {
    return new ProblemError('validation', 'Cannot take the body: it is nested too deeply');
  }
  if (!(error instanceof HTTPException)) return null;
  const name = {
    400: 'bad-request',
    404: 'not-found',
    413: 'too-large',
    415: 'unsupported-media-type',
  }[error.status as number] as ProblemName | undefined;
  return name ? new ProblemError(name, error.message || PROBLEMS[name].title) : null;
}

function problemResponse(c: Context<AppEnv>, error: ProblemError): Response {
  const { status, title, retryable }: ProblemKind = PROBLEMS[error.problem];
  const { errors, retryAfterMs, headers = {}, extra = {} } = error.details;
  const body: Problem = {
    ...extra,
    type: `/problems/${error.problem}`,
    title,
    status,
    detail: error.message,
    instance: c.req.path,
    request_id: c.var.requestId,
    retryable,
    ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
    ...(errors ? { errors } : {}),
  };
  for (const [name, value] of Object.entries(headers)) c.header(name, value);
  if (retryAfterMs !== undefined) c.header('Retry-After', String(Math.ceil(retryAfterMs / 1000)));
  // A cache must not keep a failure, whatever the handler had set before it failed.
  c.header('Cache-Control', 'no-store');
  c.header('ETag', undefined);
  return c.body(JSON.stringify(body), status, { 'Content-Type': 'application/problem+json' });
}

interface ValidationIssue {
  path: PropertyKey[];
  message: string;
}

const MAX_FAULTS = 20;

/** The problem for what a Zod schema refused. */
export function validationProblem(
  target: string,
  issues: readonly ValidationIssue[],
): ProblemError {
  const errors = issues.slice(0, MAX_FAULTS).map((issue) => ({
    pointer: `/${issue.path.map((key) => String(key).replace(/~/g, '~0').replace(/\//g, '~1')).join('/')}`,
    detail: issue.message,
  }));
  const first = errors[0];
  const more = issues.length > 1 ? `, and ${issues.length - 1} more` : '';
  const where = target === 'json' ? 'body' : target;
  return new ProblemError(
    'validation',
    `Cannot take the ${where}: ${first?.pointer ?? ''} ${first?.detail ?? 'is invalid'}${more}`,
    { errors },
  );
}
