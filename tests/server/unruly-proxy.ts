/** A proxy in front of a server that can be told to misbehave, for tests of whoever calls it. */

export type Manner =
  /** Passes requests on. */
  | 'pass'
  /** Passes them on after five seconds. */
  | 'slow'
  /** Answers 500. */
  | 'fail'
  /** Takes requests and never answers. */
  | 'hole';

export const SLOW_MS = 5000;

export interface UnrulyProxy {
  url: string;
  manner: Manner;
  /** Paths that get this manner, the others pass; null: all. */
  only: RegExp | null;
  /** Requests that came. */
  requests: number;
  close(): Promise<void>;
}

/** @param target Address of the server; null: there is none, and nothing can be passed on. */
export function startProxy(target: string | null): UnrulyProxy {
  const ending = new AbortController();
  const ended = new Promise<Response>((resolve) => {
    ending.signal.addEventListener('abort', () => resolve(new Response(null, { status: 503 })));
  });
  const sleepers = new Set<ReturnType<typeof setTimeout>>();
  const proxy = { manner: 'pass' as Manner, requests: 0, only: null as RegExp | null };
  const pass = async (request: Request, body: ArrayBuffer): Promise<Response> => {
    const { pathname, search } = new URL(request.url);
    const answer = await fetch(new URL(pathname + search, target ?? 'http://127.0.0.1:9'), {
      method: request.method,
      headers: request.headers,
      ...(body.byteLength > 0 ? { body } : {}),
    });
    const { headers, status } = answer;
    const bytes = await answer.arrayBuffer();
    return new Response(bytes.byteLength > 0 ? bytes : null, { headers, status });
  };
  const listener = Deno.serve(
    { hostname: '127.0.0.1', port: 0, onListen: () => undefined },
    async (request) => {
      proxy.requests++;
      // Before anything else: a client that gives up takes its body with it.
      const body = await request.arrayBuffer().catch(() => new ArrayBuffer(0));
      const isMeant = proxy.only === null || proxy.only.test(new URL(request.url).pathname);
      switch (isMeant ? proxy.manner : 'pass') {
        case 'fail':
          return new Response('no', { status: 500 });
        case 'hole':
          return await ended;
        case 'slow': {
          const late = new Promise<null>((resolve) => {
            const timer = setTimeout(() => {
              sleepers.delete(timer);
              resolve(null);
            }, SLOW_MS);
            sleepers.add(timer);
          });
          return (await Promise.race([late, ended])) ?? (await pass(request, body));
        }
        default:
          return await pass(request, body).catch(() => new Response(null, { status: 502 }));
      }
    },
  );
  return Object.assign(proxy, {
    url: `http://127.0.0.1:${listener.addr.port}`,
    async close() {
      ending.abort();
      for (const timer of sleepers) clearTimeout(timer);
      await listener.shutdown();
    },
  });
}
