/** Who may ask, and how often: host and origin checks, rate limit. Tokens: scopes.ts. */
import type { MiddlewareHandler } from 'hono';
import type { AppDeps, AppEnv } from '../deps.ts';
import { ProblemError } from '../problem.ts';

/**
 * Refuses requests under a foreign host name (DNS rebinding), and what another site's page sends,
 * which a browser would deliver even though that page cannot read the answer: writes change things,
 * and reads of the API could take every place for event streams.
 */
export function originGuard(hosts: readonly string[] | null): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    if (!URL.canParse(c.req.url)) {
      throw new ProblemError('bad-request', 'The Host header or the address cannot be read');
    }
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
    // Following a link is not such a request: a person sees where it leads.
    const isForeign = c.req.header('sec-fetch-site') === 'cross-site';
    if (isForeign && c.req.header('sec-fetch-mode') !== 'navigate') {
      throw new ProblemError('forbidden', 'Cannot answer to a page of another site');
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
  trustedProxy: string | null = null,
): MiddlewareHandler<AppEnv> {
  const buckets = new Map<string, Bucket>();
  return async (c, next) => {
    const client = clientOf(c.env?.remoteAddress, c.req.header('x-forwarded-for'), trustedProxy);
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

/** The address a request came from; what a proxy says counts only if the proxy is the known one. */
export function clientOf(
  address: string | undefined,
  forwardedFor: string | undefined,
  trustedProxy: string | null,
): string {
  // The proxy appends the address it sees, so the last one is its own word.
  const last = forwardedFor?.split(',').at(-1)?.trim();
  return trustedProxy !== null && address === trustedProxy && last ? last : (address ?? 'local');
}
