/**
 * Bearer tokens and what each allows. A wider scope holds the narrower ones: read < write < worker
 * < admin. Without tokens everything is allowed, which only a loopback address may be.
 */
import type { MiddlewareHandler } from 'hono';
import type { AppEnv } from '../deps.ts';
import { ProblemError } from '../problem.ts';

export const SCOPES = ['read', 'write', 'worker', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** The secret of each scope in use; null: no token is needed. */
export type Tokens = Partial<Readonly<Record<Scope, string>>> | null;

/** What a request needs: admin for what concerns operators, worker for leases. */
export function scopeFor(method: string, path: string): Scope {
  if (path.startsWith('/internal/v1/jobs/')) return 'worker';
  if (path.startsWith('/internal/')) return 'admin';
  if (/^\/api\/v1\/kernels\/[^/]+\/revocation$/.test(path)) return 'admin';
  return method === 'GET' || method === 'HEAD' ? 'read' : 'write';
}

/**
 * @returns What an `Authorization` header allows: null for one that names no known token, and
 *   everything where there are no tokens.
 */
export function scopeReader(tokens: Tokens): (authorization?: string) => Promise<Scope | null> {
  const known = SCOPES.flatMap((scope) => {
    const token = tokens?.[scope];
    return token === undefined ? [] : [{ scope, digest: digest(token) }];
  });
  return async (authorization = '') => {
    if (known.length === 0) return 'admin';
    const actual = await digest(/^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? '');
    let scope: Scope | null = null;
    // All are compared, so that the time says nothing about which one it was.
    for (const one of known) if (isEqual(await one.digest, actual)) scope = one.scope;
    return scope;
  };
}

/** Asks for `Authorization: Bearer` and checks what it allows. */
export function bearerAuth(tokens: Tokens): MiddlewareHandler<AppEnv> {
  const scopeOf = scopeReader(tokens);
  return async (c, next) => {
    const scope = await scopeOf(c.req.header('authorization'));
    if (scope === null) {
      throw new ProblemError('unauthorized', 'Cannot go on without a valid bearer token', {
        headers: { 'WWW-Authenticate': 'Bearer realm="esper"' },
      });
    }
    const needed = scopeFor(c.req.method, c.req.path);
    if (SCOPES.indexOf(scope) < SCOPES.indexOf(needed)) {
      const detail = `Cannot ${c.req.method} ${c.req.path} with a "${scope}" token: it needs "${needed}"`;
      throw new ProblemError('forbidden', detail, {
        headers: {
          'WWW-Authenticate': `Bearer realm="esper", error="insufficient_scope", scope="${needed}"`,
        },
      });
    }
    await next();
  };
}

/** Hashing first makes the lengths equal, so the time taken says nothing about the token. */
async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}
