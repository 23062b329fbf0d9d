import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../shared/nissa/log.ts';
import { ServiceClient } from '../../shared/resilience/http-client.ts';
import type { ServiceError } from '../../shared/resilience/service-error.ts';
import { createTestApp } from '../../tests/server/test-app.ts';

const read = (name: string) =>
  readFileSync(new URL(`../../deploy/${name}`, import.meta.url), 'utf8');
const named = (text: string) =>
  [...new Set([...text.matchAll(/esper_[a-z_]+/g)].map(([name]) => name))].map((name) =>
    name.replace(/_bucket$/, ''),
  );

describe('ids of requests and runs', () => {
  it('go from the client into the log, the same for the retries of a call', async () => {
    const records: Record<string, unknown>[] = [];
    const log = createLogger({
      ...{ level: 'debug', wallTime: () => 0 },
      write: (line) => void records.push(JSON.parse(line)),
    });
    const { app } = createTestApp({ log });
    let lost = 1;
    const client = new ServiceClient({
      ...{ name: 'runs', baseUrl: 'http://localhost/' },
      options: { backoffMs: 1 },
      fetch: async (input, init) => {
        const answer = await app.request(new Request(input as URL, init));
        if (lost-- > 0) throw new TypeError('the connection was cut');
        return answer;
      },
    });
    client.runId = 'run-1';
    await client.request('/healthz');
    expect(records.map(({ run_id }) => run_id)).toEqual(['run-1', 'run-1']);
    expect(records[0]?.['request_id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(records[1]?.['request_id']).toBe(records[0]?.['request_id']);

    const error = await client.request('/api/v1/runs/run-2').catch((thrown: unknown) => thrown);
    const { request_id, run_id } = records.at(-1)!;
    // The path knows better than the header which run it is about.
    expect(run_id).toBe('run-2');
    expect((error as ServiceError).requestId).toBe(request_id);
  });

  it('are not taken where they could do harm', async () => {
    const records: Record<string, unknown>[] = [];
    const log = createLogger({
      ...{ level: 'debug', wallTime: () => 0 },
      write: (line) => void records.push(JSON.parse(line)),
    });
    const bad = { 'x-request-id': 'a b', 'x-run-id': 'x'.repeat(65) };
    const answer = await createTestApp({ log }).send('GET', '/healthz', undefined, bad);
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(records.at(-1)).not.toHaveProperty('run_id');
  });
});

describe('what watches the server', () => {
  it.each(['alerts.yaml', 'grafana-dashboard.json'])(
    '%s asks for metrics that are there',
    async (name) => {
      const text = await (await createTestApp().send('GET', '/metrics')).text();
      const known = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, metric]) => metric);
      const asked = named(read(name).replace(/^\s*#.*$/gm, ''));
      expect(asked.length).toBeGreaterThan(5);
      expect(asked.filter((metric) => !known.includes(metric))).toEqual([]);
    },
  );

  it('has a dashboard whose panels do not overlap', () => {
    const { panels } = JSON.parse(read('grafana-dashboard.json')) as {
      panels: { id: number; gridPos: { x: number; y: number } }[];
    };
    const places = panels.map(({ gridPos: { x, y } }) => `${x},${y}`);
    expect(new Set(places).size).toBe(panels.length);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });

  it('has alerts that each say what to do', () => {
    const text = read('alerts.yaml');
    const count = (pattern: RegExp) => text.match(pattern)?.length ?? 0;
    expect(count(/- alert: /g)).toBeGreaterThan(5);
    expect(count(/action: /g)).toBe(count(/- alert: /g));
    expect(count(/summary: /g)).toBe(count(/- alert: /g));
  });
});
