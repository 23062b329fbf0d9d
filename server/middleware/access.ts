/** Who may ask: host and origin checks, bearer token, rate limit. */
import type { MiddlewareHandler } from 'hono';
import type { AppDeps, AppEnv } from '../deps.ts';
import { ProblemError } from '../problem.ts';

/**
 * Refuses requests under a foreign host name (DNS rebinding) and writes that another site's page
 * sends, which a browser would deliver even though that page cannot read the answer.
 */
export function originGuard(hosts: readonly string[] | null): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const url = new URL(c.req.url);
    if (hosts && !hosts.includes(url.hostname)) {
      throw new ProblemError(
        'forbidden',
        `Cannot answer under the name "${url.hostname}": ask for ${hosts.join(' or ')}`,
      );
    }
    const origin = c.req.header('origin');
    const isRead = c.req.method === 'GET' || c.req.method === 'HEAD';
    // Compared without the scheme: a proxy in front may end TLS.
    if (!isRead && origin !== undefined && hostOf(origin) !== url.host) {
      throw new ProblemError('forbidden', `Cannot take a write from a page of "${origin}"`);
    }
    await next();
  };
}

function hostOf(origin: string): string | null {
  try {
    return new URL(origin).host;
  } catch {
    return null;
  }
}

/** Asks for `Authorization: Bearer`, unless no token is configured. */
export function bearerAuth(token: string | null): MiddlewareHandler<AppEnv> {
  const expected = token === null ? null : digest(token);
  return async (c, next) => {
    if (expected) {
      const given = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? '';
      if (!isEqual(await expected, await digest(given))) {
        throw new ProblemError('unauthorized', 'Cannot go on without a valid bearer token', {
          headers: { 'WWW-Authenticate': 'Bearer realm="esper"' },
        });
      }
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

interface Bucket {
  tokens: number;
  at: number;
}

const MAX_CLIENTS = 4096;

/** Token bucket for each client address. Clients seen longest ago are forgotten first. */
export function rateLimit(
  clock: AppDeps['clock'],
  perSecond: number,
  burst: number,
): MiddlewareHandler<AppEnv> {
  const buckets = new Map<string, Bucket>();
  return async (c, next) => {
    const client = c.env?.remoteAddress ?? 'local';
    const now = clock.now();
    const before = buckets.get(client) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, before.tokens + ((now - before.at) * perSecond) / 1000);
    buckets.delete(client);
    buckets.set(client, { tokens: Math.max(0, tokens - 1), at: now });
    if (buckets.size > MAX_CLIENTS) buckets.delete(buckets.keys().next().value as string);
    if (tokens < 1) {
      const retryAfterMs = Math.ceil(((1 - tokens) * 1000) / perSecond);
      throw new ProblemError(
        'rate-limited',
        `Cannot take more than ${perSecond} requests a second from one client`,
        { retryAfterMs },
      );
    }
    await next();
  };
}
