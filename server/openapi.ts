/** How routes are described and checked: one place for shared pieces of the OpenAPI document. */
import { OpenAPIHono, z } from '@hono/zod-openapi';
import { Digest, Problem } from '#shared/contracts/api.ts';
import type { AppEnv } from './deps.ts';
import { validationProblem } from './problem.ts';

/** A part of the app whose inputs are checked against their schemas before a handler runs. */
export function createRouter(): OpenAPIHono<AppEnv> {
  return new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw validationProblem(result.target, result.error.issues);
    },
  });
}

/** An answer with a JSON body. */
export function json<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

/** A request with a JSON body. */
export function jsonBody<T extends z.ZodType>(schema: T) {
  return { required: true, content: { 'application/json': { schema } } };
}

const problemBody = { 'application/problem+json': { schema: Problem } };

/** The problem answers of a route, by status. */
export function problems<S extends number>(...statuses: S[]) {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: REASONS[status] ?? '', content: problemBody },
    ]),
  ) as Record<S, { description: string; content: typeof problemBody }>;
}

const REASONS: Record<number, string> = {
  400: 'The request cannot be read',
  401: 'A bearer token is needed',
  403: 'The token does not allow it',
  404: 'There is no such thing',
  409: 'It conflicts with what is stored',
  410: 'It was withdrawn',
  412: 'Another version is there',
  416: 'The piece does not fit; the problem says where to go on',
  428: 'The version that is changed must be named with If-Match or If-None-Match',
  413: 'The body is too large',
  422: 'The input breaks the contract',
  500: 'The server failed, or what it stored is corrupt',
  503: 'The server is busy or stopping; Retry-After says when to come back',
  507: 'The storage is full',
};

export const IdParam = z.object({ id: Digest });
