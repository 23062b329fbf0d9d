import { describe, expect, it } from 'vitest';
import { Problem } from '#shared/contracts/api.ts';
import { createTestApp } from '../tests/server/test-app.ts';

const token = 'a-token-of-some-length';

describe('createApp()', () => {
  it('says that it is alive and ready', async () => {
    const { send } = createTestApp();
    expect(await (await send('GET', '/healthz')).json()).toEqual({
      status: 'ok',
      version: '0.0.0-test',
    });
    const ready = await send('GET', '/readyz');
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({
      status: 'ready',
      checks: [
        { name: 'database', ok: true },
        { name: 'blobs', ok: true },
      ],
    });
  });

  it('is not ready when a dependency fails, and names it', async () => {
    const blobs = {
      put: async () => 'created' as const,
      get: async () => null,
      ping: async () => {
        throw new Error('no such disk');
      },
    };
    const response = await createTestApp({ blobs }).send('GET', '/readyz');
    expect(response.status).toBe(503);
    const { status, checks } = await response.json();
    expect(status).toBe('failed');
    expect(checks[1]).toMatchObject({ name: 'blobs', ok: false, detail: 'no such disk' });
  });

  it('refuses work while it stops, and stays alive', async () => {
    const { send, stop } = createTestApp();
    stop.abort();
    expect((await send('GET', '/healthz')).status).toBe(200);
    expect((await send('GET', '/readyz')).status).toBe(503);
    const refused = await send('GET', '/api/v1/runs');
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('2');
  });

  it('describes every route in OpenAPI 3.1', async () => {
    const document = await (await createTestApp().send('GET', '/openapi.json')).json();
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths).sort()).toEqual([
      '/api/v1/analyze',
      '/api/v1/blobs/{sha256}',
      '/api/v1/blueprints',
      '/api/v1/blueprints/{id}',
      '/api/v1/kernels',
      '/api/v1/kernels/{id}',
      '/api/v1/kernels/{id}/binary',
      '/api/v1/runs',
      '/api/v1/runs/{id}',
      '/api/v1/runs/{id}/events',
      '/healthz',
      '/internal/database/stats',
      '/metrics',
      '/readyz',
    ]);
  });

  it('answers every error with a problem document and the request id', async () => {
    const { send } = createTestApp();
    const response = await send('GET', '/api/v1/nothing', undefined, { 'x-request-id': 'r-1' });
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('x-request-id')).toBe('r-1');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(Problem.parse(await response.json())).toMatchObject({
      type: '/problems/not-found',
      status: 404,
      instance: '/api/v1/nothing',
      request_id: 'r-1',
      retryable: false,
    });
  });

  it('hides what an unexpected failure says', async () => {
    const analyze = async () => {
      throw new Error('secret detail');
    };
    const { send } = createTestApp({ analyze });
    const { observationOf } = await import('../tests/server/test-app.ts');
    const response = await send('POST', '/api/v1/analyze', { observation: observationOf(1) });
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toContain('secret detail');
    expect(JSON.parse(text).type).toBe('/problems/internal');
  });

  it('replaces a request id that could forge log lines', async () => {
    const { send } = createTestApp();
    const response = await send('GET', '/healthz', undefined, { 'x-request-id': 'a b{}' });
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('asks for the token on every route of the API, and on no other', async () => {
    const { send, app } = createTestApp({ token });
    const document = await (await send('GET', '/openapi.json')).json();
    const open = ['/healthz', '/readyz'];
    for (const [path, methods] of Object.entries<object>(document.paths)) {
      for (const method of Object.keys(methods)) {
        const asked = path.replace(/\{\w+\}/g, 'a'.repeat(64));
        for (const authorization of [undefined, 'Bearer wrong', `Basic ${token}`, 'Bearer']) {
          const headers = authorization ? { authorization } : {};
          const response = await app.request(asked, { method: method.toUpperCase(), headers });
          if (open.includes(path)) expect(response.status).toBe(200);
          else {
            expect([path, method, response.status]).toEqual([path, method, 401]);
            expect(response.headers.get('www-authenticate')).toBe('Bearer realm="esper"');
          }
        }
        const headers = { authorization: `Bearer ${token}` };
        const response = await app.request(asked, { method: method.toUpperCase(), headers });
        expect(response.status).not.toBe(401);
      }
    }
  });

  it('refuses foreign host names and writes from foreign pages', async () => {
    const { app } = createTestApp({ hosts: ['127.0.0.1', 'localhost'] });
    expect((await app.request('http://evil.example/api/v1/runs')).status).toBe(403);
    expect((await app.request('http://127.0.0.1:8787/api/v1/runs')).status).toBe(200);
    const write = (origin: string) =>
      app.request('http://127.0.0.1:8787/api/v1/runs', {
        method: 'POST',
        headers: { origin, 'content-type': 'application/json' },
        body: '{}',
      });
    expect((await write('https://evil.example')).status).toBe(403);
    expect((await write('null')).status).toBe(403);
    expect((await write('http://127.0.0.1:8787')).status).toBe(422);
  });

  it('limits the rate of one client and not of another', async () => {
    const { app } = createTestApp({ limits: { requestsPerSecond: 1, requestBurst: 3 } });
    const ask = (remoteAddress: string) => app.request('/api/v1/runs', {}, { remoteAddress });
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++) statuses.push((await ask('10.0.0.1')).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    expect((await ask('10.0.0.2')).status).toBe(200);
    const refused = await ask('10.0.0.1');
    expect(refused.headers.get('retry-after')).toBe('1');
    expect((await refused.json()).retryable).toBe(true);
  });

  it('gives up on a body that does not arrive', async () => {
    const { app } = createTestApp({ limits: { bodyMs: 50 } });
    const body = new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode('{')) });
    const send = (headers: Record<string, string>) =>
      app.request('/api/v1/runs', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
        duplex: 'half',
      } as RequestInit);
    expect((await send({})).status).toBe(408);
  });

  it('counts requests by route, not by path', async () => {
    const { send } = createTestApp();
    await send('GET', '/api/v1/runs/one');
    await send('GET', '/api/v1/runs/two');
    const text = await (await send('GET', '/metrics')).text();
    expect(text).toContain(
      'esper_http_requests_total{method="GET",route="/api/v1/runs/:id",status="404"} 2',
    );
  });

  it('shows the state of the database', async () => {
    const response = await createTestApp().send('GET', '/internal/database/stats');
    expect(await response.json()).toMatchObject({ engine: 'memory', status: 'healthy' });
  });
});
