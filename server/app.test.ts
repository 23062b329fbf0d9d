import { describe, expect, it } from 'vitest';
import { Problem } from '#shared/contracts/api.ts';
import { createTestApp, utf8 } from '../tests/server/test-app.ts';
import { UnavailableError } from './storage/ports.ts';

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
        { name: 'messages', ok: true },
        { name: 'jobs', ok: true },
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
    expect(Object.keys(document.paths).sort()).toMatchInlineSnapshot(`
      [
        "/api/v1/aliases",
        "/api/v1/aliases/{name}",
        "/api/v1/analyze",
        "/api/v1/blobs/{sha256}",
        "/api/v1/blueprints",
        "/api/v1/blueprints/{id}",
        "/api/v1/decisions",
        "/api/v1/decisions/{id}",
        "/api/v1/decisions/{id}/outcome",
        "/api/v1/jobs",
        "/api/v1/jobs/{id}",
        "/api/v1/jobs/{id}/cancel",
        "/api/v1/jobs/{id}/retry",
        "/api/v1/kernels",
        "/api/v1/kernels/{id}",
        "/api/v1/kernels/{id}/binary",
        "/api/v1/kernels/{id}/revocation",
        "/api/v1/knowledge/{name}",
        "/api/v1/runs",
        "/api/v1/runs/{id}",
        "/api/v1/runs/{id}/events",
        "/api/v1/topics/{topic}/groups/{group}/acknowledge",
        "/api/v1/topics/{topic}/groups/{group}/claim",
        "/api/v1/topics/{topic}/groups/{group}/dead",
        "/api/v1/topics/{topic}/messages",
        "/api/v1/uploads",
        "/api/v1/uploads/{id}",
        "/healthz",
        "/internal/database/stats",
        "/internal/v1/jobs/claim",
        "/internal/v1/jobs/{id}/lease",
        "/internal/v1/jobs/{id}/result",
        "/metrics",
        "/readyz",
      ]
    `);
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

  it('does not begin what would be late', async () => {
    const { send, deps } = createTestApp();
    const late = await send('GET', '/api/v1/runs', undefined, { 'x-deadline-ms': '0' });
    expect(late.status).toBe(504);
    expect((await late.json()).type).toBe('/problems/deadline-passed');
    const inTime = await send('GET', '/api/v1/runs', undefined, { 'x-deadline-ms': '5000' });
    expect(inTime.status).toBe(200);
    expect((await send('GET', '/api/v1/runs', undefined, { 'x-deadline-ms': 'soon' })).status).toBe(
      400,
    );
    expect(await deps.meta.runs.list({ before: null, limit: 1 })).toEqual([]);
  });

  it('says 503 and when to come back while a service it needs is away', async () => {
    const { send, deps } = createTestApp();
    deps.meta.runs.get = async () => {
      throw new UnavailableError('connect ECONNREFUSED 10.1.2.3:5432');
    };
    const response = await send('GET', '/api/v1/runs/r');
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.text()).not.toContain('10.1.2.3');
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

  it('says 422 for a body nested deeper than it can be written', async () => {
    const { app } = createTestApp();
    const body = `{"key":"a","body":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
    const response = await app.request('/api/v1/topics/t/messages', {
      ...{ method: 'POST', body },
      headers: { 'content-type': 'application/json' },
    });
    expect(response.status).toBe(422);
    expect((await response.json()).detail).toContain('nested too deeply');
  });

  it('takes JSON only where it wants JSON', async () => {
    const { app } = createTestApp();
    const ask = async (type: string | null) => {
      const response = await app.request('/api/v1/topics/t/messages', {
        ...{ method: 'POST', body: utf8('{"key":"a","body":1}') },
        headers: type === null ? {} : { 'content-type': type },
      });
      return response.status;
    };
    expect(await ask(null)).toBe(415);
    expect(await ask('text/plain')).toBe(415);
    expect(await ask('application/x-www-form-urlencoded')).toBe(415);
    expect(await ask('application/json')).toBe(202);
  });

  it('counts requests by route, not by path', async () => {
    const { send } = createTestApp();
    await send('GET', '/api/v1/runs/one');
    await send('GET', '/api/v1/runs/two');
    const text = await (await send('GET', '/metrics')).text();
    expect(text).toContain(
      'esper_http_requests_total{method="GET",route="/api/v1/runs/:id",status="404"} 2',
    );
    expect(text).toMatch(/^process_cpu_seconds_total \d/m);
  });

  it('shows the state of the database', async () => {
    const response = await createTestApp().send('GET', '/internal/database/stats');
    expect(await response.json()).toMatchObject({ engine: 'memory', status: 'healthy' });
  });
});
