import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../platform/clock.ts';
import { ServiceClient } from './http-client.ts';
import type { ServiceClientOptions } from './service-client-options.ts';
import { ServiceError } from './service-error.ts';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

type Handler = (request: IncomingMessage, response: ServerResponse, call: number) => void;

async function serve(
  handler: Handler,
  port = 0,
): Promise<{ url: string; server: Server; port: number }> {
  let calls = 0;
  const server = createServer((request, response) => handler(request, response, ++calls));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  cleanUps.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${address.port}/`, server, port: address.port };
}

/** Patient by default: only the tests about time limits give short ones. */
function client(baseUrl: string, options: ServiceClientOptions = {}): ServiceClient {
  const made = new ServiceClient({
    name: 'urza',
    baseUrl,
    timer: systemClock,
    options: { timeoutMs: 5000, deadlineMs: 10_000, backoffMs: 5, maxBackoffMs: 20, ...options },
  });
  cleanUps.push(() => made.close());
  return made;
}

async function failure(call: Promise<unknown>): Promise<{ error: ServiceError; ms: number }> {
  const started = performance.now();
  try {
    await call;
  } catch (error) {
    expect(error).toBeInstanceOf(ServiceError);
    return { error: error as ServiceError, ms: performance.now() - started };
  }
  throw new Error('The call succeeded');
}

describe('ServiceClient', () => {
  it('gives status, headers and JSON, and sends body, token and deadline', async () => {
    const { url } = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.setHeader('content-type', 'application/json');
        response.end(
          JSON.stringify({
            method: request.method,
            path: request.url,
            auth: request.headers.authorization,
            deadline: Number(request.headers['x-deadline-ms']),
            body: Buffer.concat(chunks).toString(),
          }),
        );
      });
    });
    const urza = client(url, { token: 'secret' });
    const answer = await urza.request('/a/b?c=1', { method: 'POST', body: { x: 1 } });
    expect(answer.json()).toMatchObject({
      method: 'POST',
      path: '/a/b?c=1',
      auth: 'Bearer secret',
      body: '{"x":1}',
    });
    expect((answer.json() as { deadline: number }).deadline).toBeLessThanOrEqual(10_000);
    expect(urza.status()).toMatchObject({ breaker: 'closed', calls: 1, failures: 0, retries: 0 });
    expect(urza.status().latencyMs).toBeGreaterThan(0);
  });

  it('asks for the token at each call, and sends none where there is none', async () => {
    const { url } = await serve((request, response) =>
      response.end(request.headers.authorization ?? 'none'),
    );
    let token: string | null = null;
    const urza = client(url, { token: () => token });
    expect((await urza.request('/')).text()).toBe('none');
    token = 'later';
    expect((await urza.request('/')).text()).toBe('Bearer later');
  });

  it('repeats an idempotent call after 503 and succeeds', async () => {
    const { url } = await serve((_request, response, call) => {
      response.statusCode = call < 3 ? 503 : 200;
      response.end('ok');
    });
    const urza = client(url);
    expect((await urza.request('/')).text()).toBe('ok');
    expect(urza.status()).toMatchObject({ calls: 1, failures: 0, retries: 2 });
  });

  it.each([
    ['without a document', null, 'answered'],
    ['whose document allows it', { type: '/problems/internal', retryable: true }, 'answered'],
    ['whose document denies it', { type: '/problems/x', retryable: false }, 'refused'],
  ])('repeats a call after a 500 %s', async (_name, document, outcome) => {
    const { url } = await serve((_request, response, call) => {
      response.statusCode = call < 3 ? 500 : 200;
      if (document) response.setHeader('content-type', 'application/problem+json');
      response.end(document && call < 3 ? JSON.stringify(document) : 'ok');
    });
    const urza = client(url);
    const call = urza.request('/').then(
      () => 'answered',
      (error: ServiceError) => (error.retryable ? 'failed' : 'refused'),
    );
    expect(await call).toBe(outcome);
    expect(urza.status().retries).toBe(outcome === 'answered' ? 2 : 0);
  });

  it('makes as many attempts as one call asks for', async () => {
    const { url } = await serve((_request, response, call) => {
      response.statusCode = call < 5 ? 503 : 200;
      response.end();
    });
    const urza = client(url, {
      retries: 0,
      breaker: { consecutiveFailures: 100, minimumCalls: 100 },
    });
    await urza.request('/', { retries: 4 });
    expect(urza.status().retries).toBe(4);
  });

  it('does not repeat a POST unless told that it is idempotent', async () => {
    const { url } = await serve((_request, response) => {
      response.statusCode = 503;
      response.end();
    });
    const urza = client(url, { breaker: { consecutiveFailures: 100 } });
    const { error } = await failure(urza.request('/', { method: 'POST', body: {} }));
    expect(error).toMatchObject({ kind: 'status', status: 503, retryable: true });
    expect(urza.status().retries).toBe(0);
    await failure(urza.request('/', { method: 'POST', body: {}, idempotent: true }));
    expect(urza.status().retries).toBe(2);
  });

  it('takes 404 for an answer: no retry, no failure of the service', async () => {
    const { url } = await serve((_request, response) => {
      response.statusCode = 404;
      response.setHeader('content-type', 'application/problem+json');
      response.end('{"type":"/problems/not-found","detail":"no kernel of that id"}');
    });
    const urza = client(url);
    for (let i = 0; i < 10; i++) {
      const { error } = await failure(urza.request('/k'));
      expect(error).toMatchObject({ status: 404, problem: '/problems/not-found' });
      expect(error.message).toBe('urza answered 404 to /k: no kernel of that id');
    }
    expect(urza.status()).toMatchObject({ breaker: 'closed', retries: 0 });
  });

  it('opens on 500s and then sends nothing', async () => {
    let received = 0;
    const { url } = await serve((_request, response) => {
      received++;
      response.statusCode = 500;
      response.end();
    });
    const urza = client(url);
    for (let i = 0; i < 50; i++) await failure(urza.request('/'));
    expect(received).toBe(4);
    expect(urza.status()).toMatchObject({ breaker: 'open', failures: 50 });
    const { error, ms } = await failure(urza.request('/'));
    expect(error.kind).toBe('open');
    // No attempt was made: one would have had 5 s.
    expect(ms).toBeLessThan(2000);
  });

  it('honours Retry-After, and gives up at once where it passes the deadline', async () => {
    const { url } = await serve((_request, response) => {
      response.statusCode = 429;
      response.setHeader('retry-after', '30');
      response.end();
    });
    const { error, ms } = await failure(client(url).request('/'));
    expect(error).toMatchObject({ status: 429, retryAfterMs: 30_000 });
    // Neither the 30 s asked for nor the 10 s of the deadline were waited for.
    expect(ms).toBeLessThan(5000);
  });

  it.each([
    ['accepts and never answers', undefined],
    ['sends headers and stalls', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
  ])('ends by its deadline when the service %s', async (_name, greeting) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      cleanUps.push(() => socket.destroy());
      if (greeting) socket.once('data', () => socket.write(greeting));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanUps.push(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const urza = client(url, { timeoutMs: 10_000, deadlineMs: 300 });
    const { error, ms } = await failure(urza.request('/'));
    expect(error.retryable).toBe(true);
    expect(ms).toBeGreaterThanOrEqual(290);
    expect(ms).toBeLessThan(400);
  });

  it('counts black holes, so that the breaker opens on them', async () => {
    const { url } = await serve(() => undefined);
    const urza = client(url, { timeoutMs: 30 });
    for (let i = 0; i < 2; i++) await failure(urza.request('/'));
    expect(urza.status().breaker).toBe('open');
  });

  it('sees a body that ends before its announced length', async () => {
    const { url } = await serve((request, response) => {
      response.setHeader('content-length', '100');
      response.write('half');
      setTimeout(() => request.socket.destroy(), 5);
    });
    const { error } = await failure(client(url).request('/'));
    expect(error.kind).toBe('network');
    expect(error.retryable).toBe(true);
  });

  it('refuses an answer larger than its bound', async () => {
    const { url } = await serve((_request, response) => response.end('x'.repeat(5000)));
    const { error } = await failure(client(url, { maxBodyBytes: 1000 }).request('/'));
    expect(error.message).toContain('larger than 1000 bytes');
    expect(error.retryable).toBe(false);
  });

  it('reports a refused connection', async () => {
    const { url, server } = await serve((_request, response) => response.end());
    await new Promise((resolve) => server.close(resolve));
    const { error } = await failure(client(url).request('/x'));
    expect(error.kind).toBe('network');
    expect(error.message).toContain('Cannot reach urza');
  });

  it('bounds calls at once and refuses what does not fit the queue', async () => {
    let running = 0;
    let most = 0;
    const { url } = await serve((_request, response) => {
      most = Math.max(most, ++running);
      setTimeout(() => {
        running--;
        response.end();
      }, 20);
    });
    const urza = client(url, { concurrency: 2, queue: 3 });
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => urza.request('/')));
    expect(most).toBeLessThanOrEqual(2);
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(5);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ kind: 'busy' });
    }
  });

  it('stops when the caller does, without blaming the service', async () => {
    const { url } = await serve(() => undefined);
    const urza = client(url);
    const caller = new AbortController();
    const call = failure(urza.request('/', { signal: caller.signal }));
    setTimeout(() => caller.abort(), 20);
    expect((await call).error.kind).toBe('aborted');
    expect(urza.status()).toMatchObject({ breaker: 'closed', failures: 0 });
  });

  it('trips and resets by hand', async () => {
    const { url } = await serve((_request, response) => response.end('ok'));
    const urza = client(url);
    urza.trip();
    const { error } = await failure(urza.request('/'));
    expect(error.message).toBe('Cannot call urza: its circuit breaker is open until it is reset');
    expect(urza.status()).toMatchObject({ breaker: 'open', tripped: true, retryInMs: null });
    urza.reset();
    expect((await urza.request('/')).text()).toBe('ok');
  });

  it('closes by itself soon after the service is back, without a real call', async () => {
    const first = await serve((_request, response) => response.end('ok'));
    const urza = client(first.url, {
      probePath: '/healthz',
      breaker: { openMs: 40, maxOpenMs: 160 },
    });
    const states: string[] = [];
    urza.onStatus((status) => states.push(status.breaker));
    first.server.closeAllConnections();
    await new Promise((resolve) => first.server.close(resolve));
    for (let i = 0; i < 3; i++) await failure(urza.request('/'));
    expect(urza.status().breaker).toBe('open');
    await new Promise((resolve) => setTimeout(resolve, 250));
    await serve((_request, response) => response.end('back'), first.port);
    const returned = performance.now();
    while (urza.status().breaker !== 'closed' && performance.now() - returned < 2000) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(urza.status().breaker).toBe('closed');
    expect(performance.now() - returned).toBeLessThan(600);
    expect(states).toContain('half-open');
  });

  it('marks an answer that breaks the contract', async () => {
    const { url } = await serve((_request, response) => response.end('not json'));
    const { error } = await failure(client(url).requestJson('/', (value) => value));
    expect(error.kind).toBe('answer');
    expect(error.cause).toBeInstanceOf(SyntaxError);
  });
});
