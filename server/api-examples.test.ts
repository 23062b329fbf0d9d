import { describe, expect, it } from 'vitest';
import { API_ROUTES, type ApiRoute } from '#shared/contracts/api-routes.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { createApiClient } from '#shared/resilience/api-client.ts';
import { ServiceClient } from '#shared/resilience/http-client.ts';
import { createTestApp, experiment } from '../tests/server/test-app.ts';
import { apiExamples } from './api-examples.ts';

interface Document {
  paths: Record<string, Record<string, { requestBody?: { content: Record<string, unknown> } }>>;
}

/** Replaces `$name` by what was kept. */
function filled(value: unknown, kept: Record<string, string>): unknown {
  return JSON.parse(JSON.stringify(value), (_, item) =>
    typeof item === 'string' && item.startsWith('$') ? (kept[item.slice(1)] ?? item) : item,
  );
}

describe('the examples of the description', () => {
  it('all work as they stand, and what they answer keeps the contract', async () => {
    const { app } = createTestApp();
    const kept: Record<string, string> = {};
    for (const example of await apiExamples()) {
      const params = filled(example.params ?? {}, kept) as Record<string, string>;
      const path = example.path.replace(/\{(\w+)\}/g, (_, name: string) => params[name] ?? '');
      const response = await app.request(`${path}${example.query ? `?${example.query}` : ''}`, {
        method: example.method.toUpperCase(),
        headers: {
          'content-type':
            example.text === undefined ? 'application/json' : 'application/octet-stream',
          ...example.headers,
        },
        ...(example.body === undefined ? {} : { body: JSON.stringify(filled(example.body, kept)) }),
        ...(example.text === undefined ? {} : { body: example.text }),
      });
      const text = await response.text();
      expect([example.method, example.path, response.status, text.slice(0, 300)]).toEqual([
        example.method,
        example.path,
        example.status,
        expect.any(String),
      ]);
      const route = Object.values<ApiRoute>(API_ROUTES).find(
        ({ method, path: known }) =>
          known === example.path && method.toLowerCase() === example.method,
      );
      const answer = /json/.test(response.headers.get('content-type') ?? '')
        ? JSON.parse(text)
        : null;
      if (route) route.answer.parse(answer);
      for (const [name, member] of Object.entries(example.keep ?? {})) kept[name] = answer[member];
    }
  });

  it('cover every route, and are shown where they can be', async () => {
    const { send } = createTestApp();
    const document = (await (await send('GET', '/openapi.json')).json()) as Document;
    const examples = await apiExamples();
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        const own = examples.filter((e) => e.path === path && e.method === method);
        expect([path, method, own.length > 0]).toEqual([path, method, true]);
        for (const content of Object.values(operation.requestBody?.content ?? {})) {
          expect([path, method, content]).toEqual([
            path,
            method,
            expect.objectContaining({ examples: expect.anything() }),
          ]);
        }
      }
    }
  });
});

describe('createApiClient()', () => {
  it('knows routes that the server has, and no others', async () => {
    const { send } = createTestApp();
    const document = (await (await send('GET', '/openapi.json')).json()) as Document;
    const served = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const known = Object.values<ApiRoute>(API_ROUTES).map(
      ({ method, path }) => `${method} ${path}`,
    );
    expect(known.filter((route) => !served.includes(route))).toEqual([]);
    // Text and bytes have no place in a client of JSON.
    expect(served.filter((route) => !known.includes(route)).sort()).toEqual([
      'GET /api/v1/blobs/{sha256}',
      'GET /api/v1/kernels/{id}/binary',
      'GET /metrics',
      'PATCH /api/v1/uploads/{id}',
      'PUT /api/v1/blobs/{sha256}',
      'PUT /api/v1/uploads/{id}',
    ]);
  });

  it('calls with types and parses what comes', async () => {
    const { app } = createTestApp();
    const service = new ServiceClient({
      name: 'server',
      baseUrl: 'http://127.0.0.1/',
      timer: systemClock,
      fetch: (async (input: URL, init: RequestInit) =>
        app.request(input.href, init)) as typeof fetch,
    });
    const api = createApiClient(service);
    await api.call('createRun', { body: { id: 'a-b', experiment, adapter: 'x' } });
    const run = await api.call('run', { params: { id: 'a-b' } });
    expect(run.accepted_through).toBe(-1);
    const page = await api.call('runs', { query: { limit: 1 } });
    expect(page.items.map(({ id }) => id)).toEqual(['a-b']);
    const claim = await api.call('claimJob', { body: { worker: 'w', kinds: ['shader'] } });
    expect(claim).toBeNull();
    await expect(api.call('run', { params: { id: 'none' } })).rejects.toMatchObject({
      status: 404,
    });
    await expect(api.call('run', { params: { id: '../x' } })).rejects.toMatchObject({
      status: 422,
    });
  });
});

describe('/docs', () => {
  const bytes = new TextEncoder().encode('text');
  const docs = async (path: string) => (path === 'swagger-ui.css' ? { bytes, version: '1' } : null);

  it('serves a page that loads from the server alone', async () => {
    const { send } = createTestApp({ docs });
    const page = await send('GET', '/docs');
    const html = await page.text();
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(html).not.toMatch(/https?:\/\/|<script>/);
    expect((await send('GET', '/docs/swagger-ui.css')).status).toBe(200);
    const same = await send('GET', '/docs/swagger-ui.css', undefined, { 'if-none-match': '"1"' });
    expect(same.status).toBe(304);
    for (const path of ['/docs/index.html', '/docs/swagger-ui-bundle.js', '/docs/constructor']) {
      expect((await send('GET', path)).status).toBe(404);
    }
  });
});
