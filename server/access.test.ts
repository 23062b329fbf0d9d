import { describe, expect, it } from 'vitest';
import { createTestApp } from '../tests/server/test-app.ts';
import { SCOPES, type Scope, scopeFor } from './middleware/scopes.ts';

/** What every route needs; null: anyone may ask. A new route has to be entered here. */
const NEEDED: Readonly<Record<string, Scope | null>> = {
  'GET /healthz': null,
  'GET /readyz': null,
  'GET /metrics': 'read',
  'GET /internal/database/stats': 'admin',
  'PUT /api/v1/blobs/{sha256}': 'write',
  'GET /api/v1/blobs/{sha256}': 'read',
  'POST /api/v1/uploads': 'write',
  'PATCH /api/v1/uploads/{id}': 'write',
  'GET /api/v1/uploads/{id}': 'read',
  'PUT /api/v1/uploads/{id}': 'write',
  'DELETE /api/v1/uploads/{id}': 'write',
  'POST /api/v1/blueprints': 'write',
  'GET /api/v1/blueprints': 'read',
  'GET /api/v1/blueprints/{id}': 'read',
  'POST /api/v1/kernels': 'write',
  'GET /api/v1/kernels': 'read',
  'GET /api/v1/kernels/{id}': 'read',
  'GET /api/v1/kernels/{id}/binary': 'read',
  'PUT /api/v1/kernels/{id}/revocation': 'admin',
  'GET /api/v1/aliases': 'read',
  'GET /api/v1/aliases/{name}': 'read',
  'PUT /api/v1/aliases/{name}': 'write',
  'POST /api/v1/analyze': 'write',
  'GET /api/v1/decisions': 'read',
  'GET /api/v1/decisions/{id}': 'read',
  'POST /api/v1/decisions/{id}/outcome': 'write',
  'GET /api/v1/knowledge/{name}': 'read',
  'PUT /api/v1/knowledge/{name}': 'write',
  'POST /api/v1/runs': 'write',
  'GET /api/v1/runs': 'read',
  'GET /api/v1/runs/{id}': 'read',
  'POST /api/v1/runs/{id}/events': 'write',
  'GET /api/v1/runs/{id}/events': 'read',
  'POST /api/v1/topics/{topic}/messages': 'write',
  'GET /api/v1/topics/{topic}/messages': 'read',
  'POST /api/v1/topics/{topic}/groups/{group}/claim': 'write',
  'POST /api/v1/topics/{topic}/groups/{group}/acknowledge': 'write',
  'GET /api/v1/topics/{topic}/groups/{group}/dead': 'read',
  'POST /api/v1/jobs': 'write',
  'GET /api/v1/jobs': 'read',
  'GET /api/v1/jobs/{id}': 'read',
  'POST /api/v1/jobs/{id}/cancel': 'write',
  'POST /api/v1/jobs/{id}/retry': 'write',
  'POST /internal/v1/jobs/claim': 'worker',
  'PUT /internal/v1/jobs/{id}/lease': 'worker',
  'PUT /internal/v1/jobs/{id}/result': 'worker',
};

/** Routes that are not part of the API; none of them says anything about what is stored. */
const PAGES = ['GET /openapi.json', 'GET /docs', 'GET /docs/start.js', 'GET /docs/{file}'];

const TOKENS = {
  read: 'r'.repeat(16),
  write: 'w'.repeat(16),
  worker: 'k'.repeat(16),
  admin: 'a'.repeat(16),
};

const noFiles = async () => null;

describe('every route against every token', () => {
  it('knows all routes the app has', () => {
    const { app } = createTestApp({ docs: noFiles });
    const routes = app.routes
      .filter(({ method, path }) => method !== 'ALL' && !path.endsWith('*'))
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
    expect([...new Set(routes)].sort()).toEqual([...Object.keys(NEEDED), ...PAGES].sort());
  });

  it.each(Object.entries(NEEDED))('%s needs %s', async (route, needed) => {
    const { app } = createTestApp({ tokens: TOKENS });
    const [method = '', path = ''] = route.split(' ');
    const url = path.replace(/\{\w+\}/g, 'a'.repeat(64));
    const methods = method === 'GET' ? ['GET', 'HEAD'] : [method];
    for (const one of methods) {
      const ask = async (authorization?: string) => {
        const headers = authorization === undefined ? {} : { authorization };
        const response = await app.request(url, { method: one, headers });
        await response.body?.cancel();
        return response;
      };
      const wrong = [
        undefined,
        '',
        'Bearer',
        'Bearer wrong',
        `Bearer ${TOKENS.admin}x`,
        `Bearer ${TOKENS.admin.slice(1)}`,
        `Bearer ${TOKENS.read} ${TOKENS.admin}`,
        `Basic ${TOKENS.admin}`,
        TOKENS.admin,
      ];
      for (const authorization of wrong) {
        const response = await ask(authorization);
        expect([authorization, response.status]).toEqual([authorization, needed ? 401 : 200]);
        const challenge = needed ? 'Bearer realm="esper"' : null;
        expect(response.headers.get('www-authenticate')).toBe(challenge);
      }
      for (const scope of SCOPES) {
        const { status, headers } = await ask(`Bearer ${TOKENS[scope]}`);
        const isAllowed = needed === null || SCOPES.indexOf(scope) >= SCOPES.indexOf(needed);
        expect([scope, status === 403, status === 401]).toEqual([scope, !isAllowed, false]);
        if (!isAllowed) expect(headers.get('www-authenticate')).toContain(`scope="${needed}"`);
      }
    }
  });

  it("gives an address that only looks like a worker's the wider scope", () => {
    expect(scopeFor('POST', '/internal/v1/jobs/claim')).toBe('worker');
    expect(scopeFor('POST', '/internal/v1/jobs-of-others')).toBe('admin');
    expect(scopeFor('GET', '/internal//v1/jobs/claim')).toBe('admin');
  });
});

describe('/readyz', () => {
  it('tells why a check failed only to those with a token', async () => {
    const jobs = createTestApp().deps.jobs;
    jobs.counts = async () => {
      throw new Error('connect ECONNREFUSED 10.1.2.3:6379');
    };
    const services = () => [
      {
        ...{ name: 's3', url: 'http://10.1.2.4:9000/', breaker: 'open' as const, tripped: false },
        ...{ calls: 1, failures: 1, retries: 0, latencyMs: null, lastError: 'x', retryInMs: 1 },
      },
    ];
    const { app } = createTestApp({ tokens: TOKENS, jobs, services });
    const ask = (headers: Record<string, string>) => app.request('/readyz', { headers });
    const anyone = await ask({});
    expect(anyone.status).toBe(503);
    const text = await anyone.text();
    expect(text).not.toMatch(/10\.1\.2/);
    const { checks } = JSON.parse(text) as { checks: { name: string; detail: string | null }[] };
    expect(checks.find(({ name }) => name === 'jobs')?.detail).toContain('the log');
    expect(checks.find(({ name }) => name === 'blobs')?.detail).toBeNull();
    const trusted = await (await ask({ authorization: `Bearer ${TOKENS.read}` })).text();
    expect(trusted).toContain('10.1.2.3');
    expect(trusted).toContain('10.1.2.4');
  });

  it('is limited like the rest, /healthz is not', async () => {
    const { app } = createTestApp({ limits: { requestsPerSecond: 1, requestBurst: 2 } });
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await app.request('/readyz')).status);
    expect(statuses).toEqual([200, 200, 429, 429]);
    expect((await app.request('/healthz')).status).toBe(200);
  });
});

describe('hosts and origins', () => {
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

  it('refuses reads that a foreign page makes, and follows links', async () => {
    const { app } = createTestApp();
    const read = async (site: string, mode: string) =>
      (
        await app.request('/api/v1/runs', {
          headers: { 'sec-fetch-site': site, 'sec-fetch-mode': mode },
        })
      ).status;
    expect(await read('cross-site', 'no-cors')).toBe(403);
    expect(await read('cross-site', 'cors')).toBe(403);
    expect(await read('cross-site', 'navigate')).toBe(200);
    expect(await read('same-origin', 'cors')).toBe(200);
    expect(await read('none', 'navigate')).toBe(200);
  });

  it('answers 400 to a Host header that is none, and logs no stack', async () => {
    const { app } = createTestApp({ hosts: ['127.0.0.1'] });
    // What Deno passes on for `Host: a b[`.
    const request = new Request('http://127.0.0.1/healthz');
    Object.defineProperty(request, 'url', { value: 'http://a b[/healthz' });
    const response = await app.fetch(request);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      type: '/problems/bad-request',
      instance: '/healthz',
    });
  });
});

describe('the rate limit', () => {
  it('believes the address a known proxy names, and nobody else', async () => {
    const limits = { requestsPerSecond: 1, requestBurst: 1 };
    const { app } = createTestApp({ limits, trustedProxy: '127.0.0.1' });
    const ask = async (remoteAddress: string, forwarded: string) => {
      const headers = { 'x-forwarded-for': forwarded };
      return (await app.request('/api/v1/runs', { headers }, { remoteAddress })).status;
    };
    expect(await ask('127.0.0.1', '10.0.0.1')).toBe(200);
    expect(await ask('127.0.0.1', '10.0.0.2')).toBe(200);
    // The last entry is the proxy's own word; the first is the client's.
    expect(await ask('127.0.0.1', '9.9.9.9, 10.0.0.1')).toBe(429);
    expect(await ask('10.0.0.9', '10.0.0.7')).toBe(200);
    expect(await ask('10.0.0.9', '10.0.0.8')).toBe(429);
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
});
